"""A server in a process of its own that writes a log, and can be killed as a container is."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil


def start(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a command where its log is, at the head of a session of its own; what it says goes to the end of the log."""
    with log.open("ab") as file:
        return subprocess.Popen(
            command,
            env=environment,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def kill_tree(process: subprocess.Popen[bytes]) -> None:
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
