"""A day in this process, looked at fifty times a second: where its main thread is, and which threads use the processor.

    python -m benchmarks.pipeline.sampled DAY

Prints both as JSON, by stage, in seconds by the clock and seconds of a processor. The looks themselves take some hundredths.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import dagster as dg

import personalize_connectors
from benchmarks.pipeline.measure import STAGES
from benchmarks.pipeline.stage import STATE, accept_all, materialize

_EVERY = 0.02
_PACKAGE = f"{Path(personalize_connectors.__file__).parent}{os.sep}"
_TICKS = os.sysconf("SC_CLK_TCK")
_ELSEWHERE = "Dagster, and what is not in the package"
# DuckDB's and Arrow's threads have no name of their own.
_NAMELESS = "DuckDB and Arrow"


@dataclass
class Looks:
    """What the looks found, by stage.

    Attributes:
        stage: Where the run is.
        clock: Seconds that the main thread was at a place: the innermost function of the package that it was in.
        processor: Seconds of a processor that all threads used meanwhile.
        threads: Seconds of a processor by the threads that used them.
    """

    stage: str = ""
    clock: Counter[tuple[str, str]] = field(default_factory=Counter)
    processor: Counter[tuple[str, str]] = field(default_factory=Counter)
    threads: Counter[tuple[str, str]] = field(default_factory=Counter)
    _used: dict[int, float] = field(default_factory=dict)

    def watch(self, main: int, over: threading.Event) -> None:
        """Look until it is over."""
        before, own = time.perf_counter(), threading.get_native_id()
        while not over.wait(_EVERY):
            frames = sys._current_frames()  # noqa: SLF001 - Python documents it; nothing else tells where another thread is
            now, key = time.perf_counter(), (self.stage, _place(frames.get(main)))
            self.clock[key] += now - before
            self.processor[key] += sum(self.look_at_threads(own).values())
            before = now

    def look_at_threads(self, own: int = 0) -> Counter[str]:
        """What each kind of thread used since the last look; one that has ended in between is not seen any more."""
        names = {thread.native_id: _name(thread) for thread in threading.enumerate()}
        since: Counter[str] = Counter()
        for number, seconds in _seconds_of_threads():
            if number != own:
                before = self._used.get(number, 0.0)
                since[names.get(number, _NAMELESS)] += seconds - (before if before <= seconds else 0.0)
                self._used[number] = seconds
        if self.stage:
            self.threads.update({(self.stage, name): seconds for name, seconds in since.items()})
        return since


def _name(thread: threading.Thread) -> str:
    """What a thread is for; those of a pool differ by a number, and Python knows no name of one that it did not start."""
    return _NAMELESS if thread.name.startswith("Dummy") else thread.name.rpartition("_")[0] or thread.name


def _seconds_of_threads() -> Iterator[tuple[int, float]]:
    for task in Path("/proc/self/task").iterdir():
        try:
            text = (task / "stat").read_text()
        except OSError:  # it has ended meanwhile
            continue
        user, system = text.rpartition(")")[2].split()[11:13]
        yield int(task.name), (int(user) + int(system)) / _TICKS


def _place(frame: FrameType | None) -> str:
    """The innermost function of the package that a thread is in."""
    while frame and not frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    if frame is None:
        return _ELSEWHERE
    return f"{frame.f_code.co_filename.removeprefix(_PACKAGE).removesuffix('.py')}: {frame.f_code.co_name}"


@contextmanager
def _looked_at() -> Iterator[Looks]:
    looks, over = Looks(), threading.Event()
    looks.look_at_threads()  # what they used before
    watcher = threading.Thread(target=looks.watch, args=(threading.get_ident(), over), daemon=True)
    watcher.start()
    try:
        yield looks
    finally:
        over.set()
        watcher.join()


def sampled(day: str) -> Looks:
    """All stages of a day, one after the other; the receipts before the state are another's work and not in the figures."""
    with dg.DagsterInstance.ephemeral() as instance, _looked_at() as looks:
        for stage in STAGES:
            if stage == STATE:
                accept_all(day)
            looks.stage = stage
            materialize(instance, day, [stage])
            looks.stage = ""
    return looks


def main() -> None:
    """Prints the figures as JSON."""
    looks = sampled(*sys.argv[1:])
    places = [[*key, looks.clock[key], looks.processor[key]] for key in looks.clock if key[0]]
    threads = [[*key, seconds] for key, seconds in looks.threads.items()]
    print(json.dumps({"places": places, "threads": threads}))


if __name__ == "__main__":
    main()
