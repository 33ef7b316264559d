"""One delivery at a time for each job and connector, on a local folder or on S3.

A lease is an object with the next number, made only if it is not there (a conditional put); the highest number holds, and
no number comes twice. The holder renews it, and says so when it ends. Who waits for one that is not renewed goes by its
own clock alone, for those of two machines need not agree. So a holder that was thought dead sees a higher number and stops.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from personalize_connectors.delivery.write_ahead import boot
from personalize_connectors.errors import DeliveryBusy
from personalize_connectors.storage import Storage
from personalize_connectors.storage_errors import STORAGE_ERRORS

_RENEWALS = 4
# Of its life: a holder gives up earlier than others think it dead, so that what it has in flight then is answered.
_HELD = 0.75
_NAMESPACE = Path("/proc/self/ns/pid")


class LeaseNote(BaseModel):
    """What stands in a lease.

    Attributes:
        holder: Who made it.
        run: The job run that delivers, for people.
        host: The name of its machine, for people; containers may share it.
        machine: Where its process number means something.
        process: Its process there.
        renewals: How often it was renewed.
        ended: Whether its holder is done with it.
    """

    holder: str
    run: str
    host: str
    machine: str
    process: int
    renewals: int = 0
    ended: bool = False


def _awake() -> float:
    """Seconds that also pass while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True)
class Timing:
    """How long a lease lasts without renewal, and the clocks, which tests set.

    Attributes:
        seconds: Life of a lease; it is renewed four times in that time.
        now: Seconds since any moment.
        wait: Waits so many seconds.
    """

    seconds: float = 20.0
    now: Callable[[], float] = _awake
    wait: Callable[[float], None] = time.sleep


@contextmanager
def lease(storage: Storage, folder: str, run: str, timing: Timing = Timing()) -> Iterator[Callable[[], bool]]:
    """Hold the lease of a folder; yields a function that says whether it is still held.

    Waits for a holder that died until its lease runs out.

    Raises:
        DeliveryBusy: a living run holds it.
    """
    note = LeaseNote(
        holder=uuid.uuid4().hex,
        run=run,
        host=socket.gethostname(),
        machine=_machine(),
        process=os.getpid(),
    )
    number, since = _acquire(storage, folder, note, timing)
    keeper = _Keeper(storage, folder, number, note, timing, since)
    thread = threading.Thread(target=keeper.keep, name="lease", daemon=True)
    thread.start()
    try:
        for older in _numbers(storage, folder):
            if older < number:
                storage.remove(_path(folder, older))
        yield keeper.held
    finally:
        keeper.done.set()
        thread.join()
        if keeper.held():
            with suppress(*STORAGE_ERRORS):  # then it runs out
                keeper.write(ended=True)


def refuse_while_delivering(storage: Storage, folder: str, run: str) -> None:
    """Raise DeliveryBusy where another process of this machine delivers the same run: its stages must stay as they are."""
    number, content = _newest(storage, folder)
    note = _parsed(content) if number else None
    if (
        note
        and note.run == run
        and note.machine == _machine()
        and not _is_over(note)
        and note.process != os.getpid()
    ):
        raise _busy(note)


class _Keeper:
    """Renews a lease until it is done, or somebody else took it, or it ran out: then it is lost for good."""

    def __init__(
        self, storage: Storage, folder: str, number: int, note: LeaseNote, timing: Timing, since: float
    ) -> None:
        self._storage, self._folder, self._number = storage, folder, number
        self._note, self._timing = note, timing
        self._until = since + _HELD * timing.seconds
        self._taken = False
        self.done = threading.Event()

    def held(self) -> bool:
        """Whether nobody took it and it did not run out."""
        return not self._taken and self._timing.now() < self._until

    def keep(self) -> None:
        """Renew as long as it is held; a storage that fails meanwhile lets it run out."""
        while not self.done.wait(self._timing.seconds / _RENEWALS):
            asked = self._timing.now()
            if not self.held():
                return
            try:
                if _numbers(self._storage, self._folder)[-1:] != [self._number]:
                    self._taken = True
                    return
                self.write()
            except STORAGE_ERRORS:
                continue
            if self.held():
                self._until = asked + _HELD * self._timing.seconds

    def write(self, *, ended: bool = False) -> None:
        """Renew it once, or say that it ended."""
        update = {"renewals": self._note.renewals + 1, "ended": ended}
        self._note = self._note.model_copy(update=update)
        self._storage.write(_path(self._folder, self._number), _content(self._note))


def _acquire(storage: Storage, folder: str, note: LeaseNote, timing: Timing) -> tuple[int, float]:
    """Make the next number, once nobody holds the highest; gives it, and when that was."""
    mine = _content(note)
    seen: bytes | None = None
    seen_at = tried_at = 0.0
    while True:
        now = timing.now()
        number, content = _newest(storage, folder)
        if content == mine:  # also where the answer to the put was lost
            return number, tried_at
        other = _parsed(content)
        if not number or _is_over(other) or (content == seen and now - seen_at >= timing.seconds):
            tried_at = now
            storage.create(_path(folder, number + 1), mine)
            continue
        if content != seen:
            if seen is not None:
                raise _busy(other)
            seen, seen_at = content, timing.now()
        timing.wait(min(1.0, timing.seconds / _RENEWALS))


def _is_over(note: LeaseNote | None) -> bool:
    """Whether its holder said that it ended, or was a process of this machine that is no more."""
    if note is None or note.ended:
        return note is not None
    if note.machine == _machine():
        try:
            os.kill(note.process, 0)
        except ProcessLookupError:
            return True
        except OSError:  # it is somebody else's
            return False
    return False


def _machine() -> str:
    """This start of this machine, as seen from this container: only here a process number can be looked up."""
    namespace = _NAMESPACE.readlink() if _NAMESPACE.is_symlink() else ""
    return f"{socket.gethostname()} {boot()} {namespace}"


def _newest(storage: Storage, folder: str) -> tuple[int, bytes]:
    """The highest number and its note; 0 where there is none."""
    while numbers := _numbers(storage, folder):
        with suppress(FileNotFoundError):  # whoever holds a higher one now removed it
            return numbers[-1], storage.read(_path(folder, numbers[-1]))
    return 0, b""


def _numbers(storage: Storage, folder: str) -> list[int]:
    names = [found.name.removesuffix(".json") for found in storage.objects(folder)]
    return sorted(int(name) for name in names if name.isdecimal())


def _parsed(content: bytes) -> LeaseNote | None:
    try:
        return LeaseNote.model_validate_json(content)
    except ValidationError:
        return None


def _busy(note: LeaseNote | None) -> DeliveryBusy:
    run, where = (note.run, f" (process {note.process} on {note.host})") if note else ("another run", "")
    return DeliveryBusy(f"{run} delivers right now{where}; wait for its end, then run again")


def _content(note: LeaseNote) -> bytes:
    return note.model_dump_json().encode()


def _path(folder: str, number: int) -> str:
    return f"{folder}/{number:08d}.json"
