"""What changes overnight: who comes and goes, which lines fail, whose list is another."""

from __future__ import annotations

from enum import Enum

import numpy as np

from personalize_connectors.demo.size import ShopSize, part
from personalize_connectors.demo.tastes import Rows


class Fault(Enum):
    """What is wrong with a line that carries no recommendation."""

    EMPTY_LIST = "no items"
    NO_ID = "nobody asked"
    SERVICE_ERROR = "the service's own error"
    CUT_OFF = "ends in the middle, is no JSON"


def users_on(size: ShopSize, day: int) -> Rows:
    """Return the rows of the users that have a line on a day."""
    if day == 0:
        return np.arange(size.users)
    gone = size.rng("gone").choice(size.users, part(size.users, 0.005), replace=False)
    return np.setdiff1d(np.arange(size.users + size.newcomers), gone)


def faults(present: Rows, rng: np.random.Generator) -> dict[int, Fault]:
    """Choose the failing lines of a batch output, at least one of each kind."""
    rows = rng.choice(present, part(len(present), 0.004, least=len(Fault)), replace=False).tolist()
    common = (Fault.SERVICE_ERROR, Fault.CUT_OFF)
    kinds = [Fault.EMPTY_LIST, Fault.NO_ID] + [common[turn % 2] for turn in range(len(rows) - 2)]
    return dict(zip(rows, kinds, strict=True))


def changed(
    present: tuple[Rows, Rows], failed: tuple[dict[int, Fault], ...], rng: np.random.Generator
) -> Rows:
    """Choose exactly 5 % of the rows that have a good line on both days."""
    stayed = np.intersect1d(*present)
    good = np.setdiff1d(stayed, [row for day in failed for row in day])
    return np.sort(rng.choice(good, part(len(good), 0.05), replace=False))
