"""What a run may cost at the most: `maxUsers` and `maxDataPoints` of each connector."""

from __future__ import annotations

from collections.abc import Mapping

from personalize_connectors.connectors.settings import ProfileSettings
from personalize_connectors.engine.delta import DeltaCounts
from personalize_connectors.job_config import JobConfig


def over_budget(config: JobConfig, counts: Mapping[str, DeltaCounts]) -> list[str]:
    """What is over a limit, in words; empty where everything is within."""
    found = []
    for name, delta in counts.items():
        settings = config.connectors[name]
        if not isinstance(settings, ProfileSettings):
            continue
        users, points = delta.added + delta.changed + delta.removed, delta.points
        if not config.delta_check(name):
            users, points = users + delta.unchanged, points + delta.points_saved
        limits = (("maxUsers", users, settings.maxUsers), ("maxDataPoints", points, settings.maxDataPoints))
        found += [
            f"{name}: {number:,} are to be sent, over {key} ({most:,}); if that is right, raise connectors.{name}.{key} in "
            "config.json, and run again"
            for key, number, most in limits
            if most is not None and number > most
        ]
    return found
