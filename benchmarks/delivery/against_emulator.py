"""Our engine with the Braze connector, rendering included, against the Braze emulator without a limit."""

from __future__ import annotations

from statistics import median

from rich.table import Table

from benchmarks.command import say
from benchmarks.delivery.engine import send_rendered
from benchmarks.delivery.figures import busy, per_request, spread, table
from benchmarks.delivery.processes import Spell, as_client, serving
from benchmarks.delivery.servers import emulator
from personalize_connectors.connectors.braze.settings import MOST_OBJECTS, BrazeSettings

_SHAPES = {
    "ids": BrazeSettings(payload="ids"),
    "objects, 2 fields": BrazeSettings(itemMetadataFields=["name", "price"]),
    "objects, 8 fields": BrazeSettings(),
}
_COLUMNS = ("payload", "KB/request", "requests/s", "users/s", "client us", "busy", "emulator us", "busy")


def against_emulator(seconds: float, rounds: int) -> Table:
    """The figures of each payload."""
    rows = [_row(name, settings, seconds, rounds) for name, settings in _SHAPES.items()]
    return table("Against the emulator, without a limit: 75 users x 25 items a request", _COLUMNS, rows)


def _row(name: str, settings: BrazeSettings, seconds: float, rounds: int) -> list[str]:
    spells: list[Spell] = []
    served: list[float] = []
    with serving(emulator, {}) as server:
        for number in range(rounds):
            say(f"against the emulator, {name}: round {number + 1} of {rounds}")
            before = server.cpu()
            spells.append(as_client(send_rendered, server.url, settings, seconds))
            served.append(server.cpu() - before)
    ours = [spell.cpu for spell in spells]
    rates = [spell.rate for spell in spells]
    return [
        name,
        f"{spells[0].body_bytes / spells[0].requests / 1000:,.0f}",
        spread(rates),
        f"{median(rates) * MOST_OBJECTS:,.0f}",
        per_request(spells, ours),
        busy(spells, ours),
        per_request(spells, served),
        busy(spells, served),
    ]
