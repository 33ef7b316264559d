"""Figures for readers: what rounds of the same thing gave, and whether a target holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from rich.table import Table

from benchmarks.delivery.processes import Spell


@dataclass(frozen=True)
class Target:
    """Something that must hold, and whether it does."""

    text: str
    holds: bool


def spread(values: Sequence[float], digits: int = 0) -> str:
    """The median, and the lowest and the highest."""
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def per_request(spells: Sequence[Spell], cpu: Iterable[float]) -> str:
    """The median of microseconds of a processor per request."""
    return f"{median(used / spell.requests for spell, used in zip(spells, cpu, strict=True)) * 1e6:,.0f}"


def busy(spells: Sequence[Spell], cpu: Iterable[float]) -> str:
    """The median of the share of a processor."""
    return f"{median(used / spell.seconds for spell, used in zip(spells, cpu, strict=True)):.0%}"


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Rows below their columns, the first one on the left."""
    shown = Table(title=title, title_justify="left")
    for place, column in enumerate(columns):
        shown.add_column(column, justify="right" if place else "left")
    for row in rows:
        shown.add_row(*row)
    return shown
