"""Our engine and other HTTP clients in turns, each on one processor, against a server that does nothing."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from rich.table import Table

from benchmarks.command import say
from benchmarks.delivery.contenders import by_aiohttp, by_requests, by_urllib3
from benchmarks.delivery.engine import send_ready
from benchmarks.delivery.figures import Target, busy, per_request, spread, table
from benchmarks.delivery.processes import Spell, as_client, serving
from benchmarks.delivery.servers import sink

OURS = "our engine"
_CLIENTS: dict[str, tuple[Callable[..., Spell], tuple[int, ...]]] = {
    OURS: (send_ready, ()),
    "requests, 8 threads": (by_requests, (8,)),
    "requests, 16 threads": (by_requests, (16,)),
    "urllib3, 8 threads": (by_urllib3, (8,)),
    "aiohttp, 32 in flight": (by_aiohttp, (32,)),
}
_SIZES = (15_000, 150_000)
_LEAST_RATE, _LEAST_SIZE, _LEAST_RATIO = 1_500, 15_000, 2.0
_COLUMNS = ("client", "requests/s", "ours to this", "client us", "busy", "server busy")

Rounds = dict[str, list[Spell]]


def against_clients(seconds: float, rounds: int) -> tuple[list[Table], list[Target]]:
    """The figures of each size, and whether what must hold does."""
    tables, targets = [], []
    for size in _SIZES:
        shown, held = _of_size(size, seconds, rounds)
        tables.append(shown)
        targets += held
    return tables, targets


def _of_size(size: int, seconds: float, rounds: int) -> tuple[Table, list[Target]]:
    found: Rounds = {name: [] for name in _CLIENTS}
    served: dict[str, list[float]] = {name: [] for name in _CLIENTS}
    with serving(sink) as server:
        for number in range(rounds):
            say(f"clients in turns, bodies of {size / 1000:.0f} KB: round {number + 1} of {rounds}")
            for name, (send, given) in _CLIENTS.items():
                before = server.cpu()
                found[name].append(as_client(send, server.url, size, seconds, *given))
                served[name].append(server.cpu() - before)
    rows = [_row(name, found, served[name]) for name in _CLIENTS]
    title = f"Clients in turns, one processor: bodies of {size / 1000:.0f} KB, 75 objects"
    return table(title, _COLUMNS, rows), _targets(size, found)


def _row(name: str, found: Rounds, served: list[float]) -> list[str]:
    spells = found[name]
    cpu = [spell.cpu for spell in spells]
    ratio = "" if name == OURS else spread(_ratios(found, name), 2)
    rates = spread([spell.rate for spell in spells])
    return [name, rates, ratio, per_request(spells, cpu), busy(spells, cpu), busy(spells, served)]


def _ratios(found: Rounds, name: str) -> list[float]:
    """Our requests per second to another client's, round by round."""
    return [ours.rate / theirs.rate for ours, theirs in zip(found[OURS], found[name], strict=True)]


def _targets(size: int, found: Rounds) -> list[Target]:
    medians = {name: median(spell.rate for spell in spells) for name, spells in found.items()}
    best = max((name for name in medians if name.startswith("requests")), key=medians.__getitem__)
    ratio = median(_ratios(found, best))
    body = f"bodies of {size / 1000:.0f} KB"
    targets = [Target(f"{body}: {ratio:.2f} times {best}, {_LEAST_RATIO} or more", ratio >= _LEAST_RATIO)]
    if size == _LEAST_SIZE:
        rate = medians[OURS]
        targets.append(
            Target(f"{body}: {rate:,.0f} requests/s, {_LEAST_RATE:,} or more", rate >= _LEAST_RATE)
        )
    return targets
