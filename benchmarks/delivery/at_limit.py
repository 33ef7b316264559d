"""Which share of a rate limit our engine reaches, and how many requests are over it."""

from __future__ import annotations

from rich.table import Table

from benchmarks.command import say
from benchmarks.delivery.engine import send_limited
from benchmarks.delivery.figures import Target, table
from benchmarks.delivery.processes import as_client, serving
from benchmarks.delivery.servers import emulator
from personalize_connectors.connectors.settings import RateWindow

_WINDOWS = (RateWindow(requests=1_000, seconds=1), RateWindow(requests=3_000, seconds=3))
_LEAST_SHARE, _MOST_REFUSED = 0.95, 0.005
_COLUMNS = ("limit", "whole windows", "share of the limit", "lowest window", "answered 429")


def at_limit(seconds: float) -> tuple[Table, list[Target]]:
    """The figures of each limit, and whether what must hold does."""
    rows, targets = [], []
    for window in _WINDOWS:
        row, held = _within(window, seconds)
        rows.append(row)
        targets += held
    return table("At a rate limit: 75 users x 25 ids a request", _COLUMNS, rows), targets


def _within(window: RateWindow, seconds: float) -> tuple[list[str], list[Target]]:
    say(f"at a limit of {window.requests:,} requests in {window.seconds} s")
    limit = {"limit": window.requests, "seconds": window.seconds}
    with serving(emulator, {"rate_limits": {"track": [limit]}}) as server:
        report, accepted = as_client(send_limited, server.url, window, seconds)
    whole = [accepted[index] for index in range(min(accepted) + 1, max(accepted))]
    share, refused = sum(whole) / len(whole) / window.requests, report.throttled / report.requests
    name = f"{window.requests:,} in {window.seconds} s"
    row = [name, str(len(whole)), f"{share:.1%}", f"{min(whole) / window.requests:.1%}", f"{refused:.2%}"]
    return row, [
        Target(f"{name}: {share:.1%} of the limit, {_LEAST_SHARE:.0%} or more", share >= _LEAST_SHARE),
        Target(f"{name}: {refused:.2%} answered 429, under {_MOST_REFUSED:.1%}", refused < _MOST_REFUSED),
    ]
