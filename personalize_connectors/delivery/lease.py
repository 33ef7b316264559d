"""One delivery at a time for each job and connector, on a local folder or on S3.

A lease is an object with the next number, made only if it is not there (a conditional put); the highest number holds.
The holder renews it; one that is not renewed expires, and whoever comes next makes the number after it. So a holder that
was thought dead sees a higher number and stops.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from personalize_connectors.errors import DeliveryBusy
from personalize_connectors.storage import Storage

_RENEWALS = 4


class LeaseNote(BaseModel):
    """What stands in a lease.

    Attributes:
        holder: Who made it.
        run: The job run that delivers, for people.
        host: Its machine.
        process: Its process there.
        expires_at: Seconds since 1970.
    """

    holder: str
    run: str
    host: str
    process: int
    expires_at: float


@dataclass(frozen=True)
class Timing:
    """How long a lease lasts without renewal, and the clocks, which tests set.

    Attributes:
        seconds: Life of a lease; it is renewed four times in that time.
        now: Seconds since 1970.
        wait: Waits so many seconds.
    """

    seconds: float = 20.0
    now: Callable[[], float] = time.time
    wait: Callable[[float], None] = time.sleep


@contextmanager
def lease(storage: Storage, folder: str, run: str, timing: Timing = Timing()) -> Iterator[Callable[[], bool]]:
    """Hold the lease of a folder; yields a function that says whether it is still held.

    Waits for a holder that died until its lease expires.

    Raises:
        DeliveryBusy: a living run holds it.
    """
    note = LeaseNote(
        holder=uuid.uuid4().hex, run=run, host=socket.gethostname(), process=os.getpid(), expires_at=0
    )
    number = _acquire(storage, folder, note, timing)
    keeper = _Keeper(storage, folder, number, note, timing)
    thread = threading.Thread(target=keeper.keep, name="lease", daemon=True)
    thread.start()
    try:
        yield keeper.held
    finally:
        keeper.done.set()
        thread.join()
        if keeper.held():
            storage.remove(_path(folder, number))


class _Keeper:
    """Renews a lease until it is done, or somebody else took it."""

    def __init__(self, storage: Storage, folder: str, number: int, note: LeaseNote, timing: Timing) -> None:
        self._storage, self._folder, self._number, self._note, self._timing = (
            storage,
            folder,
            number,
            note,
            timing,
        )
        self._expires_at = timing.now() + timing.seconds
        self._taken = False
        self.done = threading.Event()

    def held(self) -> bool:
        """Whether nobody took it and it did not run out."""
        return not self._taken and self._timing.now() < self._expires_at

    def keep(self) -> None:
        """Renew as long as nobody else took it; a storage that fails meanwhile lets it run out."""
        while not self.done.wait(self._timing.seconds / _RENEWALS):
            try:
                if _highest(self._storage, self._folder) != self._number:
                    self._taken = True
                    return
                expires_at = self._timing.now() + self._timing.seconds
                self._storage.write(_path(self._folder, self._number), _content(self._note, expires_at))
                self._expires_at = expires_at
            except OSError:
                continue


def _acquire(storage: Storage, folder: str, note: LeaseNote, timing: Timing) -> int:
    seen: LeaseNote | None = None
    while True:
        highest = _highest(storage, folder)
        found = _read(storage, _path(folder, highest)) if highest else None
        if found is None or found.expires_at <= timing.now() or _is_dead(found):
            if storage.create(_path(folder, highest + 1), _content(note, timing.now() + timing.seconds)):
                for number in range(max(1, highest - 1), highest + 1):
                    storage.remove(_path(folder, number))
                return highest + 1
            continue
        if seen and (found.holder, found.expires_at) != (seen.holder, seen.expires_at):
            raise DeliveryBusy(
                f"{found.run} delivers right now (process {found.process} on {found.host}); wait for its end, then run again"
            )
        seen = found
        timing.wait(min(1.0, max(0.01, found.expires_at - timing.now())))


def _is_dead(note: LeaseNote) -> bool:
    """Whether the holder was a process of this machine that is no more."""
    if note.host != socket.gethostname():
        return False
    try:
        os.kill(note.process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _highest(storage: Storage, folder: str) -> int:
    names = [found.name.removesuffix(".json") for found in storage.objects(folder)]
    return max((int(name) for name in names if name.isdecimal()), default=0)


def _read(storage: Storage, path: str) -> LeaseNote | None:
    try:
        return LeaseNote.model_validate_json(storage.read(path))
    except (FileNotFoundError, ValidationError):
        return None


def _content(note: LeaseNote, expires_at: float) -> bytes:
    return note.model_copy(update={"expires_at": expires_at}).model_dump_json().encode()


def _path(folder: str, number: int) -> str:
    return f"{folder}/{number:08d}.json"
