"""One workspace in memory: its profiles, its counters, and what its endpoints answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from personalize_connectors.emulators.braze.faults import Faults
from personalize_connectors.emulators.braze.profiles import Profile, profile_json, write_attributes
from personalize_connectors.emulators.braze.settings import BrazeEmulatorSettings
from personalize_connectors.emulators.braze.validation import BLOCKLISTED, ProfileKey, Rejection, identify

TRACK_ARRAYS = ("attributes", "events", "purchases")
"""The arrays of a request in the order they are applied (documented, 1.2)."""

EXPORT_IDS = 50
"""The most external ids in one export (documented, 1.7)."""

NO_VALID_DATA = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."
TOO_MANY_OBJECTS = "Max Input Length Exceeded"


@dataclass(frozen=True)
class Answer:
    """What goes back over HTTP: a status, a JSON body, and headers beside its content type."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def message(status: int, text: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """An answer that only says something."""
    return Answer(status, orjson.dumps({"message": text}), headers)


class Workspace:
    """Profiles and counters from one reset to the next. Not thread-safe: one event loop owns it."""

    def __init__(self, settings: BrazeEmulatorSettings) -> None:
        self._settings = settings
        self._profiles: dict[ProfileKey, Profile] = {}
        self._statuses: Counter[int] = Counter()
        self._accepted = self._rejected = self._data_points = self._bulk_requests = 0
        self.faults = Faults()
        self.plant({})

    def plant(self, given: Mapping[str, object]) -> None:
        """Change the faults that are given and leave the others."""
        self.faults = self.faults.changed(given)
        self._refused_users = dict.fromkeys(self._settings.blocklist, BLOCKLISTED)
        self._refused_users |= dict.fromkeys(self.faults.reject_users, self.faults.reject_type)
        if "fail_next" in given:
            self._failures_left = self.faults.fail_next.count if self.faults.fail_next else 0

    def planted_failure(self) -> Answer | None:
        """The failure that the next call gets, if one is left."""
        planted = self.faults.fail_next
        if planted is None or self._failures_left == 0:
            return None
        self._failures_left -= 1
        return message(planted.status, "Planted by the emulator", tuple(planted.headers.items()))

    def count_request(self, status: int, *, bulk: bool) -> None:
        """Count a call to the API; ``bulk`` is its ``X-Braze-Bulk``, which changes nothing (documented, 1.1)."""
        self._statuses[status] += 1
        self._bulk_requests += bulk

    def track(self, request: object) -> Answer:
        """Answer ``POST /users/track``: counts, and an error for every dropped object (documented, 1.6)."""
        arrays = _arrays(request)
        if sum(map(len, arrays.values())) > self._settings.max_objects:
            return message(400, TOO_MANY_OBJECTS)
        errors: list[dict[str, object]] = []
        processed = {f"{name}_processed": self._take(name, items, errors) for name, items in arrays.items()}
        accepted = sum(processed.values())
        self._accepted += accepted
        self._rejected += len(errors)
        listed = {"errors": errors} if errors else {}
        if accepted == 0:
            return Answer(400, orjson.dumps({"message": NO_VALID_DATA, **listed}))
        # 201 also when an object was dropped: two of three sources; the third mocks 200 (1.10).
        return Answer(201, orjson.dumps({**processed, "message": "success", **listed}))

    def _take(self, array: str, items: list[object], errors: list[dict[str, object]]) -> int:
        """Apply the objects of one array in their order and return how many were taken."""
        refused_before = len(errors)
        for index, item in enumerate(items):
            key = identify(item, self._refused_users)
            if isinstance(key, Rejection):
                errors.append({"type": key.reason, "input_array": array, "index": index})
            elif isinstance(item, dict):
                self._write(key, item, array)
        return len(items) - (len(errors) - refused_before)

    def _write(self, key: ProfileKey, item: Mapping[str, object], array: str) -> None:
        """Apply one object to its profile, or to none.

        An unknown user is created unless ``_update_existing_only``, which is the default for an alias
        (documented, 1.4). One that is dropped for it counts as processed and costs nothing (assumed).
        An event or a purchase costs one data point (documented, 2.2).
        """
        profile = self._profiles.get(key)
        if profile is None:
            if item.get("_update_existing_only", key[0] == "user_alias"):
                return
            profile = self._profiles[key] = {}
        self._data_points += write_attributes(profile, item) if array == "attributes" else 1

    def export_ids(self, request: object) -> Answer:
        """Answer ``POST /users/export/ids``: 201, ``users`` and ``invalid_user_ids`` (recorded, 1.10).

        Unknown ids are listed as invalid and the texts of a 400 are ours (assumed).
        """
        ids = request.get("external_ids") if isinstance(request, dict) else None
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            return message(400, "'external_ids' must be an array of strings")
        if len(ids) > EXPORT_IDS:
            return message(400, f"At most {EXPORT_IDS} 'external_ids' may be provided")
        users: list[dict[str, object]] = [
            {"external_id": one, "custom_attributes": self._profiles[one]}
            for one in ids
            if one in self._profiles
        ]
        unknown = [one for one in ids if one not in self._profiles]
        return Answer(201, profile_json({"message": "success", "users": users, "invalid_user_ids": unknown}))

    def profiles(self) -> list[tuple[str, Profile]]:
        """The external ids with their custom attributes, as of now; users known by other identifiers are left out."""
        return [(key, profile) for key, profile in self._profiles.items() if isinstance(key, str)]

    def stats(self) -> dict[str, object]:
        """The counters since the last reset; calls below ``/emulator/`` are not in them."""
        return {
            "requests": self._statuses.total(),
            "by_status": {str(status): count for status, count in sorted(self._statuses.items())},
            "objects_accepted": self._accepted,
            "objects_rejected": self._rejected,
            "data_points": self._data_points,
            "users": len(self._profiles),
            "bulk_requests": self._bulk_requests,
        }


def _arrays(request: object) -> dict[str, list[object]]:
    """The arrays of a request that hold something; what is no array is taken as not given (assumed)."""
    if not isinstance(request, dict):
        return {}
    given = {name: request.get(name) for name in TRACK_ARRAYS}
    return {name: items for name, items in given.items() if isinstance(items, list) and items}
