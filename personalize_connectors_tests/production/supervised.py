"""Processes that are started again when they die, as `restart: always` does, and that can be killed as a container is."""

import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil


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
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                self.commands[name],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.starts[name] = self.starts.get(name, 0) + 1

    def watch(self) -> None:
        """Start again what died, until it is over."""
        while not self.over.wait(0.5):
            with self.lock:
                for name, process in self.running.items():
                    if process.poll() is not None:
                        self._start(name)


def kill_tree(process: subprocess.Popen) -> None:
    """Kill a process with all its descendants, also those in sessions of their own, as the end of a container does.

    All are gone when it returns: what is started next finds its ports and shared memory free.
    """
    killed = []
    with suppress(psutil.NoSuchProcess):
        of_it = psutil.Process(process.pid)
        killed = of_it.children(recursive=True)
        for each in [*killed, of_it]:
            with suppress(psutil.NoSuchProcess):
                each.send_signal(signal.SIGKILL)
    process.wait()
    psutil.wait_procs(killed, timeout=10)


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


def wait_for(what: str, ready, seconds: float = 60, every: float = 0.25):
    """Wait until something is so; gives what `ready` gave."""
    until = time.monotonic() + seconds
    while not (found := ready()):
        if time.monotonic() > until:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(every)
    return found
