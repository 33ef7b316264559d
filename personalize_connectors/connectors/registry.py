"""The connectors that are installed: entry points of the group `personalize_connectors.connectors`."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from personalize_connectors.connectors.protocol import Connector
from personalize_connectors.errors import BadSettings

GROUP = "personalize_connectors.connectors"

_NAME = re.compile("[a-z][a-z0-9_]*")


@cache
def connectors() -> dict[str, Connector]:
    """All installed connectors by name."""
    found = {entry.name: load(entry) for entry in entry_points(group=GROUP)}
    return dict(sorted(found.items()))


def load(entry: EntryPoint) -> Connector:
    """The connector that an entry point names.

    Raises:
        BadSettings: It cannot be imported, or is no connector of that name.
    """
    where = f"the connector {entry.name!r} that is installed as {entry.value}"
    try:
        found = entry.load()
    except Exception as error:
        raise BadSettings(f"{where} cannot be imported: {type(error).__name__}: {error}") from error
    if not isinstance(found, Connector):
        raise BadSettings(f"{where} is a {type(found).__name__}; it must be a value of Connector")
    if found.name != entry.name or not _NAME.fullmatch(found.name):
        raise BadSettings(
            f"{where} calls itself {found.name!r}; both must be the same name of small letters, digits and _"
        )
    return found


def before(connector: Connector) -> list[str]:
    """The connectors that deliver before this one: items are there before the profiles that name them."""
    if connector.unit == "item":
        return []
    return [other.name for other in connectors().values() if other.unit == "item"]
