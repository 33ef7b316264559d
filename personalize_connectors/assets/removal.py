"""How many of those who are missing may be removed, and why they are not."""

from __future__ import annotations

from personalize_connectors.allowance import Allowance
from personalize_connectors.connectors.protocol import Connector
from personalize_connectors.connectors.settings import ConnectorSettings
from personalize_connectors.engine.delta import DeltaCounts
from personalize_connectors.folders import Folder

# What the manifest of `user_recommendations` says of lines that name nobody.
NAMELESS_LINES = "lines_naming_nobody"


def most_removed(
    connector: Connector, settings: ConnectorSettings, users: Folder, allowance: Allowance, *, known: bool
) -> tuple[float | None, str]:
    """The share that may be removed, None where nothing may; and why not."""
    nameless = int(users.manifest[NAMELESS_LINES])
    if not connector.removes(settings):
        return None, ""
    if connector.unit == "user" and nameless:
        return (
            None,
            f"{nameless:,} error lines do not say whose they are, so nobody can be told to be gone; see inference_errors",
        )
    if not known:
        return (
            None,
            "some profiles hold lists of a run whose stages are gone, so no item can be told to be unnamed",
        )
    return (1.0 if allowance.removals else settings.maxRemovalShare), ""


def too_many_missing(counts: DeltaCounts, share: float | None) -> str:
    """Why those that are missing are not removed, where they are more than the share that may be."""
    if share is None or counts.missing <= share * counts.accepted:
        return ""
    return (
        f"{counts.missing:,} of {counts.accepted:,} are missing ({counts.missing / counts.accepted:.1%}), more than "
        f"maxRemovalShare ({share:.1%}); if it is right, run with --allow-removals (allow_removals in the launchpad)"
    )
