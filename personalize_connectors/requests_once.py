"""Whose request of a run counts, where several sensors see the same source at once.

Dagster starts a run key once for each sensor, by looking and then starting. What it cannot see is another daemon that looks at
the same moment, another Dagster on the same bucket, or the runs of an installation whose history is gone. So a request is a
file in the bucket that only one can create, and what a run has read stands in the manifest of its first stage.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from enum import Enum

from personalize_connectors import layout
from personalize_connectors.assets.raw_lines import ASSET
from personalize_connectors.discovery import Wanted
from personalize_connectors.sources import SOURCE_VERSION
from personalize_connectors.storage import Storage

# Dagster gives a tick 60 s to answer; what was not started by then, its daemon has forgotten.
_LOST = timedelta(seconds=90)
_MOST_REQUESTS = 100


class Turn(Enum):
    """What becomes of a wanted run."""

    OURS = "to be requested"
    DONE = "has been run"
    WAIT = "was requested by another sensor a moment ago"


def turn(bucket: Storage, wanted: Wanted, now: datetime) -> Turn:
    """Take the request of a run, unless its source was read already or another sensor has just taken it."""
    manifest = bucket.manifest(layout.stage(wanted.run, ASSET))
    if manifest and manifest.get(SOURCE_VERSION) == wanted.version:
        return Turn.DONE
    content = json.dumps({"requested_at": now.isoformat(), "source": wanted.uri}).encode()
    for number in range(_MOST_REQUESTS):
        path = layout.request(wanted.run, wanted.version, number)
        if bucket.create(path, content):
            return Turn.OURS
        taken = datetime.fromisoformat(json.loads(bucket.read(path))["requested_at"])
        if now - taken < _LOST:
            return Turn.WAIT
    return Turn.WAIT
