"""The connectors that are installed: entry points of the group `personalize_connectors.connectors`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from personalize_connectors.connectors.protocol import Connector

GROUP = "personalize_connectors.connectors"


@cache
def connectors() -> dict[str, Connector]:
    """All installed connectors by name."""
    found = {entry.name: entry.load() for entry in entry_points(group=GROUP)}
    return dict(sorted(found.items()))


def before(connector: Connector) -> list[str]:
    """The connectors that deliver before this one: items are there before the profiles that name them."""
    if connector.unit == "item":
        return []
    return [other.name for other in connectors().values() if other.unit == "item"]
