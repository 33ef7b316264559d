"""Where the command line writes, and the progress it shows while something runs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from personalize_connectors.progress import watched_by

_LOG_WIDTH = 200

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _LOG_WIDTH)
err = Console(stderr=True, highlight=False)


@dataclass
class _Terminal:
    """A line for each step, and below it what goes on now with the seconds since the beginning."""

    console: Console
    status: Status
    started: float

    def line(self, text: str) -> None:
        self.console.print(escape(text), style="dim")

    def now(self, text: str) -> None:
        self.status.update(f"{escape(text)} ({time.monotonic() - self.started:.0f} s)")


class _Plain:
    """Plain lines, where nobody sits at a terminal."""

    def line(self, text: str) -> None:
        with suppress(BrokenPipeError):  # whoever read us has enough; what is told of goes on
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def now(self, text: str) -> None:
        """Nothing that is overwritten has a place in a log."""


@contextmanager
def showing_progress(what: str) -> Iterator[None]:
    """Show what goes on until the block ends."""
    if not sys.stderr.isatty():
        with watched_by(_Plain()):
            yield
        return
    # A descriptor of its own: while a run goes on, Dagster keeps what is written to the usual one.
    with os.fdopen(os.dup(sys.stderr.fileno()), "w") as terminal:
        console = Console(file=terminal, force_terminal=True, highlight=False)
        with console.status(escape(what)) as status, watched_by(_Terminal(console, status, time.monotonic())):
            yield
