"""One workspace in memory: its profiles and catalogs, its limits, its counters, and the faults planted in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import get_args

from personalize_connectors.emulators.braze.answers import Answer, message
from personalize_connectors.emulators.braze.catalogs import Catalogs
from personalize_connectors.emulators.braze.faults import FaultPlan
from personalize_connectors.emulators.braze.presets import RateGroup
from personalize_connectors.emulators.braze.profiles import profile_json
from personalize_connectors.emulators.braze.rates import Clock, limiters
from personalize_connectors.emulators.braze.settings import BrazeEmulatorSettings
from personalize_connectors.emulators.braze.store import ProfileStore
from personalize_connectors.emulators.braze.track import Tracker
from personalize_connectors.emulators.braze.validation import BLACKLISTED
from personalize_connectors.emulators.braze.waiting import Waiting

EXPORT_IDS = 50
"""The most external ids in one export (documented, 1.7)."""

NO_ANSWER = 0
"""Counted in place of a status where the client got none."""


class Workspace:
    """Everything from one reset to the next. Not thread-safe: one event loop owns it."""

    def __init__(self, settings: BrazeEmulatorSettings, clock: Clock) -> None:
        self._blocklist = settings.blocklist
        self._statuses: Counter[int] = Counter()
        self._struck: Counter[str] = Counter()
        self._bulk_requests = 0
        self.waiting = Waiting(settings, clock)
        self.store = ProfileStore(settings)
        self.tracker = Tracker(settings, self.store, self.waiting)
        self.catalogs = Catalogs(self.waiting, clock)
        self.limiters = limiters(settings, get_args(RateGroup), clock)
        self.plan = FaultPlan()
        self.plant({})

    def plant(self, given: Mapping[str, object]) -> None:
        """Change the faults that are given and leave the others."""
        self.plan.plant(given)
        faults = self.plan.faults
        refused = dict.fromkeys(self._blocklist, BLACKLISTED)
        self.tracker.refused_users = refused | dict.fromkeys(faults.reject_users, faults.reject_type)
        self.tracker.unindexed_errors = faults.unindexed_errors

    def count_request(self, status: int, *, bulk: bool, fault: str = "") -> None:
        """Count a call to the API; ``bulk`` is its ``X-Braze-Bulk``, which changes nothing (documented, 1.1)."""
        self._statuses[status] += 1
        self._bulk_requests += bulk
        if fault:
            self._struck[fault] += 1

    def export_ids(self, request: object) -> Answer:
        """Answer ``POST /users/export/ids``: 201, ``users`` and ``invalid_user_ids`` (recorded, 1.10).

        Unknown ids are listed as invalid and the texts of a 400 are ours (assumed).
        """
        ids = request.get("external_ids") if isinstance(request, dict) else None
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            return message(400, "'external_ids' must be an array of strings")
        if len(ids) > EXPORT_IDS:
            return message(400, f"At most {EXPORT_IDS} 'external_ids' may be provided")
        found = {one: profile for one in ids if (profile := self.store.get(one)) is not None}
        users = [{"external_id": one, "custom_attributes": profile} for one, profile in found.items()]
        unknown = [one for one in ids if one not in found]
        return Answer(201, profile_json({"message": "success", "users": users, "invalid_user_ids": unknown}))

    def stats(self) -> dict[str, object]:
        """The counters since the last reset; calls below ``/emulator/`` are not in them."""
        statuses = {str(status or "none"): count for status, count in sorted(self._statuses.items())}
        return {
            "requests": self._statuses.total(),
            "by_status": statuses,
            "faults": dict(sorted(self._struck.items())),
            "objects_accepted": self.tracker.accepted,
            "objects_rejected": self.tracker.rejected,
            "data_points": self.store.data_points,
            "users": len(self.store),
            "bulk_requests": self._bulk_requests,
            "waiting": len(self.waiting),
        }
