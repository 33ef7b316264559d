"""The figures of a soak as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from benchmarks.soak.checks import owned_up_to, sent_more_than_once
from benchmarks.soak.ledger import Ledger

_PHASES = (
    "before the delta was written",
    "around the delivery",
    "with requests in flight",
    "after the state was written",
)


def show(ledgers: Mapping[str, Ledger], seconds: float, seed: int) -> None:
    """Print them, a column for each chain."""
    table = Table(title=f"Soak with seed {seed}, {seconds:.0f} s: no violation", title_justify="left")
    table.add_column("")
    for name in ledgers:
        table.add_column(f"applied {name}", justify="right")
    columns = [_figures(ledger) for ledger in ledgers.values()]
    for name in dict.fromkeys(name for column in columns for name in column):
        table.add_row(name, *(f"{column.get(name, 0):,}" for column in columns))
    Console().print(table)


def _figures(ledger: Ledger) -> dict[str, int]:
    entries = ledger.entries
    killed = Counter(entry.phase for entry in entries if entry.end.killed)
    ended = [entry for entry in entries if not entry.end.killed]
    in_flight = [entry.in_flight_at_the_kill() for entry in entries]
    return {
        "runs": len(entries),
        "killed": killed.total(),
        **{f"  {phase}": killed[phase] for phase in _PHASES},
        "failed by themselves": sum(bool(entry.end.failures) for entry in ended),
        "records planned": sum(len(entry.planned) for entry in entries),
        "objects applied": sum(sum(entry.applied.values()) for entry in entries),
        "records sent more than once": sent_more_than_once(ledger),
        "  in flight at a kill or tried again, by the receipts": sum(owned_up_to(ledger)),
        "  in flight at a kill": sum(in_flight),
        "  most in flight at one kill": max(in_flight, default=0),
        "perhaps billed twice, by the reports": sum(
            entry.end.numbers.get("records_perhaps_billed_twice", 0) for entry in ended
        ),
        "recovered without answer, by the reports": sum(
            entry.end.numbers.get("recovered_without_answer", 0) for entry in ended
        ),
        "recovered as accepted, by the reports": sum(
            entry.end.numbers.get("recovered_accepted", 0) for entry in ended
        ),
        "faults that struck": sum(ledger.struck.values()),
        **{f"  {name}": count for name, count in sorted(ledger.struck.items())},
    }
