"""The chart of the last runs, as numbers for the page's SVG: a row of bars for each kind, each row on its own scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from personalize_connectors.report.figures import RunFigures

KINDS = ("added", "changed", "unchanged", "rejected")
HEIGHT, WIDTH = 44, 600
_COLOURS = dict(zip(KINDS, ("#12936f", "#4a7bea", "#8a93a5", "#d6505c"), strict=True))
_SLOTS = 30


@dataclass(frozen=True)
class Bar:
    """One run's bar, in units of the SVG."""

    x: float
    y: float
    width: float
    height: float
    label: str


@dataclass(frozen=True)
class Row:
    """The bars of one kind.

    Attributes:
        kind: What is counted.
        most: The value at the row's top.
        last: The value of the newest run.
        bars: One for each run, oldest first.
    """

    kind: str
    most: int
    last: int
    bars: list[Bar]


def values(run: RunFigures, connector: str) -> dict[str, int]:
    """The plotted numbers of one run."""
    delta = run.deltas.get(connector, {})
    found = {kind: int(delta.get(kind, 0)) for kind in KINDS}
    return found | {"rejected": sum(run.rejects(connector).values())}


def rows(runs: Sequence[RunFigures], connector: str) -> list[Row]:
    """The chart of a connector; the newest run stands at the right end."""
    counted = [(run.run.run_at.strftime("%Y-%m-%d %H:%M"), values(run, connector)) for run in runs]
    return [_row(kind, [(label, found[kind]) for label, found in counted]) for kind in KINDS]


def _row(kind: str, counted: Sequence[tuple[str, int]]) -> Row:
    most = max((number for _, number in counted), default=0)
    slots = max(12, min(_SLOTS, len(counted)))
    step = WIDTH / slots
    bars = []
    for place, (label, number) in enumerate(counted, slots - len(counted)):
        height = max(2.0, HEIGHT * number / most) if number else 1.0
        box = (round(place * step + step * 0.14, 1), round(HEIGHT - height, 1), round(step * 0.72, 1))
        bars.append(Bar(*box, round(height, 1), f"{label}: {number:,} {kind}"))
    return Row(kind, most, counted[-1][1] if counted else 0, bars)


def picture(chart: Sequence[Row]) -> str:
    """The chart as an SVG image of its own, which stands on light and on dark ground."""
    step = HEIGHT + 26
    box = f'viewBox="0 0 {WIDTH} {step * len(chart)}" width="{WIDTH}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif" font-size="12">']
    for place, row in enumerate(chart):
        parts.append(f'<g transform="translate(0 {place * step + 18})" fill="{_COLOURS[row.kind]}">')
        parts.append(f'<text y="-5">{row.kind}: {row.last:,} (most {row.most:,})</text>')
        parts += [
            f'<rect x="{bar.x}" y="{bar.y}" width="{bar.width}" height="{bar.height}"/>' for bar in row.bars
        ]
        parts.append("</g>")
    return "".join([*parts, "</svg>"])
