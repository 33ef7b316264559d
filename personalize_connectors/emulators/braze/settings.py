"""What one emulated workspace is set to from its start to its end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from personalize_connectors.emulators.braze.attribute_types import AttributeType
from personalize_connectors.emulators.braze.presets import PRESETS, RateGroup, RateWindow
from personalize_connectors.errors import BadSettings

ErrorDialect = Literal["seen", "text", "constants"]
HeaderDialect = Literal["epoch", "seconds_left", "none"]
On429 = Literal["limit_headers", "x-ratelimit-retry-after", "retry-after", "nothing"]


@dataclass(frozen=True)
class BrazeEmulatorSettings:
    """The contract and the keys of the emulated workspace.

    Attributes:
        api_key: a REST key that may do everything.
        keys: further REST keys, each with its scopes (documented, 1.1).
        max_objects: attributes, events and purchases of one request (documented, 1.5).
        objects_counted: whether the three arrays share that limit or have it each (documented, 1.5).
        max_body_bytes: Braze says "4 MB"; that this means 4 x 1,024 x 1,024 = 4,194,304 bytes is assumed (1.5).
        rate_limits: the windows of each group of endpoints; without them nothing is limited.
        header_dialect: what ``X-RateLimit-Reset`` holds; `none` leaves the three headers out (documented, 1.8).
        on_429: which headers a 429 has; by default those of the dialect (rates.py).
        error_dialect: how ``errors`` are worded; ``seen`` takes for each case the words that were seen (1.6).
        blocklist: external ids whose objects are rejected as ``BLACKLISTED_EXTERNAL_USER_ID`` (documented, 1.6).
        blocked_attributes: attributes that are ignored and free (documented, 1.6 and 2.1).
        forced_types: attributes of a fixed type; a value that does not fit is ignored (documented, 1.6).
        fix_first_type: an attribute keeps the type of its first value (documented, 2.1).
        apply_delay: an accepted request is applied up to so many seconds later (documented, 1.9).
        apply_in_order: apply late, but in the order of arrival.
        seed: decides each request's delay.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    api_key: str = field(default="emulator-key", repr=False)
    keys: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)
    max_objects: int = 75
    objects_counted: Literal["together", "per_array"] = "together"
    max_body_bytes: int = 4_194_304
    rate_limits: Mapping[RateGroup, tuple[RateWindow, ...]] = field(default_factory=dict)
    header_dialect: HeaderDialect = "epoch"
    on_429: On429 | None = None
    error_dialect: ErrorDialect = "seen"
    blocklist: frozenset[str] = frozenset()
    blocked_attributes: frozenset[str] = frozenset()
    forced_types: Mapping[str, AttributeType] = field(default_factory=dict)
    fix_first_type: bool = False
    apply_delay: float = 0.0
    apply_in_order: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_objects < 1 or self.max_body_bytes < 1:
            raise BadSettings("max_objects and max_body_bytes must be 1 or more")
        if not (math.isfinite(self.apply_delay) and self.apply_delay >= 0):
            raise BadSettings(f"apply_delay is {self.apply_delay}; it must be 0 seconds or more")

    @classmethod
    def preset(cls, name: str, **changes: Any) -> BrazeEmulatorSettings:
        """The settings of a contract generation, with changes to them.

        Raises:
            BadSettings: there is no such preset, no such setting, or not with this value.
        """
        if name not in PRESETS:
            raise BadSettings(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
        return read_settings({**PRESETS[name], **changes})


def read_settings(given: Mapping[str, Any]) -> BrazeEmulatorSettings:
    """Settings by name, on top of the ``preset`` that they may name.

    Raises:
        BadSettings: a setting is not known or has a value that cannot be.
    """
    if "preset" in given:
        changes = dict(given)
        return BrazeEmulatorSettings.preset(changes.pop("preset"), **changes)
    try:
        return TypeAdapter(BrazeEmulatorSettings).validate_python(given)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise BadSettings(f"the emulator's settings cannot be used: {'; '.join(wrong)}") from None
