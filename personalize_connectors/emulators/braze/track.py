"""The calls that write to profiles: `/users/track`, its bulk and its synchronous sibling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping

import orjson

from personalize_connectors.emulators.braze.answers import Answer, message
from personalize_connectors.emulators.braze.profiles import profile_json
from personalize_connectors.emulators.braze.settings import BrazeEmulatorSettings
from personalize_connectors.emulators.braze.store import ProfileStore, Taken
from personalize_connectors.emulators.braze.validation import Rejection, identify
from personalize_connectors.emulators.braze.waiting import Waiting

TRACK_ARRAYS = ("attributes", "events", "purchases")
"""The arrays of a request in the order they are applied (documented, 1.2)."""

BULK_OBJECTS, BULK_OBJECTS_OF_A_USER = 1_000, 100
"""The most objects in a bulk request, and of one user in it (documented, 1.7)."""

BULK_BYTES = 2 * 1024 * 1024
"""The largest body of a bulk request: 2 MB, over it a 400 (documented, 1.7); of 1,024 x 1,024 bytes each (assumed)."""

NO_VALID_DATA = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."
TOO_MANY_OBJECTS = "Max Input Length Exceeded"

Errors = list[dict[str, object]]


class Tracker:
    """Takes objects or names what is wrong with them; what it took is applied now or later."""

    def __init__(self, settings: BrazeEmulatorSettings, store: ProfileStore, waiting: Waiting) -> None:
        self._settings = settings
        self._store = store
        self._waiting = waiting
        self.refused_users: Mapping[str, str] = {}
        self.unindexed_errors = False
        self.accepted = self.rejected = 0

    def track(self, request: object, body: bytes) -> Answer:
        """Answer ``POST /users/track``: counts, and an error for every dropped object (documented, 1.6)."""
        arrays = _arrays(request)
        counts = list(map(len, arrays.values()))
        counted = max(counts, default=0) if self._settings.objects_counted == "per_array" else sum(counts)
        if counted > self._settings.max_objects:
            return message(400, TOO_MANY_OBJECTS)
        return self._process(arrays, body)

    def bulk(self, request: object, body: bytes) -> Answer:
        """Answer ``POST /users/track/bulk``: larger limits (documented, 1.7), else as ``track`` does (assumed)."""
        arrays = _arrays(request)
        if len(body) > BULK_BYTES:
            return message(400, "Request body too large")
        if sum(map(len, arrays.values())) > BULK_OBJECTS:
            return message(400, TOO_MANY_OBJECTS)
        keys = (identify(item, self.refused_users) for items in arrays.values() for item in items)
        users = Counter(key for key in keys if not isinstance(key, Rejection))
        if max(users.values(), default=0) > BULK_OBJECTS_OF_A_USER:
            return message(400, f"At most {BULK_OBJECTS_OF_A_USER} objects of one user may be provided")
        return self._process(arrays, body)

    def sync(self, request: object) -> Answer:
        """Answer ``POST /users/track/sync``: one object, applied at once, and the values that it left (documented, 1.7).

        Events and purchases are not echoed, a user that is not to be created gives no ``users`` (documented), and the
        words of the 400 are those of ``track`` (assumed).
        """
        arrays = _arrays(request)
        if sum(map(len, arrays.values())) > 1:
            return message(400, TOO_MANY_OBJECTS)
        errors: Errors = []
        taken = self._taken(arrays, errors)
        if not taken:
            return _refused(errors)
        self._store.write(taken)
        _, key, item = taken[0]
        named = {name: item[name] for name in ("external_id", "user_alias", "email", "phone") if name in item}
        user = {**named, "custom_attributes": self._store.values(key, item)}
        users = [] if self._store.get(key) is None else [user]
        return Answer(201, profile_json({"users": users, "message": "success"}))

    def _process(self, arrays: Mapping[str, list[object]], body: bytes) -> Answer:
        errors: Errors = []
        taken = self._taken(arrays, errors)
        if not taken:
            return _refused(errors)
        if self._waiting.late:
            # Bytes wait at no cost; thousands of parsed objects would slow down everything else.
            dropped_at = {(str(error["input_array"]), error["index"]) for error in errors}
            self._waiting.add(lambda: self._store.write(_taken_again(body, dropped_at)))
        else:
            self._store.write(taken)
        dropped = Counter(str(error["input_array"]) for error in errors)
        processed = {f"{name}_processed": len(items) - dropped[name] for name, items in arrays.items()}
        if self.unindexed_errors:
            # An entry that does not say which object it is about is possible (recorded by others, 1.6).
            errors = [{"type": error["type"]} for error in errors]
        listed = {"errors": errors} if errors else {}
        # 201 also when an object was dropped: two of three sources; the third mocks 200 (recorded, 1.10).
        return Answer(201, orjson.dumps({**processed, "message": "success", **listed}))

    def _taken(self, arrays: Mapping[str, list[object]], errors: Errors) -> list[Taken]:
        """The objects that are accepted; the others are added to the errors, by array and position (documented, 1.6)."""
        taken: list[Taken] = []
        refused, dialect = self.refused_users, self._settings.error_dialect
        for array, items in arrays.items():
            for index, item in enumerate(items):
                key = identify(item, refused)
                if isinstance(key, Rejection):
                    errors.append({"type": key.said(dialect), "input_array": array, "index": index})
                elif isinstance(item, dict):
                    taken.append((array, key, item))
        self.accepted += len(taken)
        self.rejected += len(errors)
        return taken


def _taken_again(body: bytes, dropped: Container[tuple[str, object]]) -> Iterator[Taken]:
    """The accepted objects of a request, read anew."""
    for array, items in _arrays(orjson.loads(body)).items():
        for index, item in enumerate(items):
            if (array, index) not in dropped and isinstance(item, dict):
                key = identify(item, {})
                if not isinstance(key, Rejection):
                    yield array, key, item


def _refused(errors: Errors) -> Answer:
    """The 400 of a request with no valid object (recorded by others, 1.6)."""
    listed = {"errors": errors} if errors else {}
    return Answer(400, orjson.dumps({"message": NO_VALID_DATA, **listed}))


def _arrays(request: object) -> dict[str, list[object]]:
    """The arrays of a request that hold something; what is no array is taken as not given (assumed)."""
    if not isinstance(request, dict):
        return {}
    given = {name: request.get(name) for name in TRACK_ARRAYS}
    return {name: items for name, items in given.items() if isinstance(items, list) and items}
