"""Processes that are started again when they die, as `restart: always` does, and that can be killed as a container is."""

import os
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from personalize_connectors_tests.server_process import kill_tree, start

# Seconds after which what does not come is taken to hang. No promise of a speed: the processors may be busy with other tests.
HUNG = 600


@dataclass
class Supervised:
    """Named commands, each running until the block of `supervising` ends."""

    environment: dict[str, str]
    folder: Path
    commands: dict[str, list[str]] = field(default_factory=dict)
    running: dict[str, subprocess.Popen] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)

    def start(self, name: str, command: list[str]) -> None:
        """Start a command and watch over it."""
        with self.lock:
            self.commands[name] = command
            self._start(name)

    def kill(self, name: str) -> None:
        """Kill a process and all that it started, at once."""
        with self.lock:
            kill_tree(self.running[name])

    def log(self, name: str) -> str:
        """What a process printed."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _start(self, name: str) -> None:
        log = self.folder / f"{name}.log"
        self.running[name] = start(self.commands[name], log, self.environment)
        self.starts[name] = self.starts.get(name, 0) + 1

    def watch(self) -> None:
        """Start again what died, until it is over."""
        while not self.over.wait(0.5):
            with self.lock:
                for name, process in self.running.items():
                    if process.poll() is not None:
                        self._start(name)


@contextmanager
def supervising(environment: dict[str, str], folder: Path):
    """Run commands until the block ends; then nothing of them is left."""
    supervised = Supervised({**os.environ, **environment}, folder)
    watcher = threading.Thread(target=supervised.watch, name="supervisor", daemon=True)
    watcher.start()
    try:
        yield supervised
    finally:
        supervised.over.set()
        watcher.join()
        for process in reversed(supervised.running.values()):
            kill_tree(process)


def wait_for(what: str, ready, every: float = 0.25):
    """Wait until something is so; gives what `ready` gave."""
    until = time.monotonic() + HUNG
    while not (found := ready()):
        if time.monotonic() > until:
            raise AssertionError(f"{what}: not within {HUNG} s")
        time.sleep(every)
    return found
