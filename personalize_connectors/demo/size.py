"""How large the synthetic shop is, and where its randomness comes from."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from personalize_connectors.errors import BadSettings

_MOST_CATEGORIES = 12


@dataclass(frozen=True)
class ShopSize:
    """Users and items of the first day, the length of a list, and the seed from which all follows."""

    users: int = 50_000
    items: int = 2_000
    recommendations: int = 25
    seed: int = 7

    def __post_init__(self) -> None:
        if self.users < 20 or self.items < 40 or self.seed < 0:
            raise BadSettings(
                f"{self}: a shop needs 20 users, 40 items and a seed of 0 or more. Ask for more."
            )
        if not 2 <= self.recommendations <= self.items:
            raise BadSettings(
                f"{self}: `recommendations` must be between 2 and the number of items, {self.items}."
            )

    @property
    def categories(self) -> int:
        """As many categories as leave enough items for a list in any three of them."""
        return max(3, min(_MOST_CATEGORIES, 2 * self.items // self.recommendations))

    @property
    def newcomers(self) -> int:
        """How many users appear on the second day."""
        return part(self.users, 0.01)

    def rng(self, *stream: str | int) -> np.random.Generator:
        """Return the generator of a named stream, so that one table's draws never shift another's."""
        name = "/".join(map(str, stream))
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])


def part(count: int, share: float, least: int = 1) -> int:
    """Return that share of a count, rounded, and never less than `least`."""
    return max(least, round(count * share))
