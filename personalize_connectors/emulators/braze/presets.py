"""Contract generations of Braze: object limits, rate windows and header dialects that go together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

RateGroup = Literal[
    "track", "track_bulk", "track_sync", "export", "catalogs", "catalog_item", "catalog_items"
]
"""Endpoints that share their windows (documented, 1.7 and 3.1)."""


@dataclass(frozen=True)
class RateWindow:
    """At most ``limit`` calls in each clock-aligned window of ``seconds``."""

    limit: int
    seconds: int

    def __post_init__(self) -> None:
        if self.limit < 1 or self.seconds < 1:
            raise ValueError("a rate window holds 1 call or more in 1 second or more")


def _limits(export: int, *track: RateWindow) -> dict[RateGroup, tuple[RateWindow, ...]]:
    """The windows of a contract; all but those of track and export are the same for everybody.

    Documented in 1.7 and 3.1: 500 a minute for sync, 50 a second for bulk, 50 a minute for catalogs and for
    single items, 16,000 a minute for items in bulk.
    """
    return {
        "track": track,
        "track_bulk": (RateWindow(50, 1),),
        "track_sync": (RateWindow(500, 60),),
        "export": (RateWindow(export, 60),),
        "catalogs": (RateWindow(50, 60),),
        "catalog_item": (RateWindow(50, 60),),
        "catalog_items": (RateWindow(16_000, 60),),
    }


PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        # 75 per array and an export of 2,500 are documented (1.5, 1.7); 50,000 a minute, epochs: recorded, 1.7 and 1.8.
        "legacy": {
            "max_objects": 75,
            "objects_counted": "per_array",
            "rate_limits": _limits(2_500, RateWindow(50_000, 60)),
            "header_dialect": "epoch",
        },
        # "Monthly Active Users CY 24-25": documented, 1.5 and 1.7; that it has the headers of 1.8 is assumed.
        "mau-2024": {
            "max_objects": 50,
            "objects_counted": "together",
            "rate_limits": _limits(250, RateWindow(3_000, 3)),
            "header_dialect": "seconds_left",
        },
        # Contracts that price data points: documented, 1.5, 1.7 and 1.8.
        "points-2026": {
            "max_objects": 75,
            "objects_counted": "together",
            "rate_limits": _limits(250, RateWindow(3_000, 3)),
            "header_dialect": "epoch",
        },
        # An hourly limit with a burst: documented, 1.7 and 1.8; by contract, so that these numbers are assumed.
        "mau-2026": {
            "max_objects": 75,
            "objects_counted": "together",
            "rate_limits": _limits(250, RateWindow(900_000, 3_600), RateWindow(1_500, 3)),
            "header_dialect": "seconds_left",
        },
    }
)
