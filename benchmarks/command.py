"""What all benchmark commands share: their arguments, what they say meanwhile, and that nothing of them is left.

All that a command and its processes write for themselves is in one temporary folder, and all its processes descend from it. So
whatever ends it, but SIGKILL, can end all of them and remove that folder.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from multiprocessing.util import Finalize
from pathlib import Path
from typing import NoReturn

import psutil

from personalize_connectors.errors import BadSettings, ConnectorsError
from personalize_connectors.exit_codes import WRONG

_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
_SECONDS_TO_END = 10


def arguments(module: str, about: str | None) -> argparse.ArgumentParser:
    """The parser of a command, which takes options by their whole names alone."""
    return argparse.ArgumentParser(
        f"python -m {module}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def count(text: str) -> int:
    """An argument that says how many."""
    if not text.isascii() or not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def duration(text: str) -> float:
    """An argument that says how long."""
    with suppress(ValueError):
        if 0 < (found := float(text)) < float("inf"):
            return found
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")


def folder(text: str) -> Path:
    """An argument that names a folder, which is made where it is not there."""
    found = Path(text).resolve()
    try:
        found.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=found).close()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no folder to write in: {error.strerror}") from None
    return found


def require_spark(extra: str) -> None:
    """Look for what Spark needs.

    Raises:
        BadSettings: PySpark or Java is not there.
    """
    if importlib.util.find_spec("pyspark") is None:
        raise BadSettings(f"PySpark is not installed: pip install 'personalize-connectors[{extra}]'")
    home = os.environ.get("JAVA_HOME")
    if not shutil.which(f"{home}/bin/java" if home else "java"):
        where = f"JAVA_HOME is {home}, where no bin/java is" if home else "there is no java in PATH"
        raise BadSettings(f"Spark needs Java 17, and {where}: install a JRE 17, or let JAVA_HOME name one")


def say(text: str) -> None:
    """Tell whoever watches, or reads a log later, what begins now."""
    print(f"{datetime.now().astimezone():%H:%M:%S}  {text}", file=sys.stderr, flush=True)


@contextmanager
def unheard() -> Iterator[None]:
    """Let processes that start in this block not hear Ctrl-C, which a terminal sends to all of them: they end with the command."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def run(parser: argparse.ArgumentParser, command: Callable[[argparse.Namespace], int | None]) -> NoReturn:
    """Run a command with its arguments, and exit with what it returns, with 2 where the caller must change something.

    Its temporary files, and those of its processes, are in the folder of `--keep`, where that is given, so that they are on one disk.
    """
    given = parser.parse_args()
    scratch = tempfile.mkdtemp(prefix="personalize-connectors-bench-", dir=vars(given).get("keep"))
    os.environ["TMPDIR"] = tempfile.tempdir = scratch
    # At the very end: multiprocessing removes what it has there with the priority -100.
    Finalize(None, shutil.rmtree, (scratch,), {"ignore_errors": True}, exitpriority=-200)

    def stop(number: int, _: object) -> NoReturn:
        _end_processes()
        shutil.rmtree(scratch, ignore_errors=True)
        name = signal.Signals(number).name
        told = (
            f"{parser.prog}: ended by {name}; its processes have ended and its temporary files are removed\n"
        )
        os.write(2, told.encode())  # print() may be what was interrupted
        with suppress(RuntimeError):
            sys.stdout.flush()
        os._exit(128 + number)

    heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, stop)
    try:
        code = command(given)
    except ConnectorsError as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        code = WRONG
    finally:
        for number in heard:
            signal.signal(number, signal.SIG_IGN)
        _end_processes()
    sys.exit(code)


def _end_processes() -> None:
    """End all processes that descend from this one."""
    for _ in range(3):  # one may start another while it is looked for
        if not (family := psutil.Process().children(recursive=True)):
            break
        for each in family:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(family, timeout=_SECONDS_TO_END)
