"""The figures for readers: a table for each day, and whether each target is reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from rich.table import Table

from benchmarks.delivery.figures import table
from benchmarks.pipeline.inputs import DAYS
from benchmarks.pipeline.measure import STAGES, WHOLE, Measured
from benchmarks.pipeline.packages import OURS

_LABELS = {WHOLE: "all in one process, as a run is"}
_COLUMNS = ("seconds", "users/s", "peak memory", "read", "written")


@dataclass(frozen=True)
class Target:
    """A figure that is aimed at.

    Attributes:
        figure: What it is, with the size it was measured with.
        aim: What is asked for, as text.
        found: What was measured, as text.
        reached: Whether that is enough.
    """

    figure: str
    aim: str
    found: str
    reached: bool


def day_table(measured: Measured, day: str, packages: Sequence[str]) -> Table:
    """The stages of a day, and all of it; with a second package, its seconds and the ratio of ours to them."""
    others = [name for name in packages if name != OURS.name]
    columns = [
        day,
        *_COLUMNS,
        *(f"{name}, seconds" for name in others),
        *(f"ours to {name}" for name in others),
    ]
    rows = []
    for what in (*STAGES, WHOLE):
        seconds = measured.figure("seconds", day, what)
        compared = [measured.figure("seconds", day, what, name) for name in others]
        rows.append(
            [
                _LABELS.get(what, what),
                f"{seconds:.2f}",
                f"{measured.size.users / seconds:,.0f}",
                *(size_text(measured.figure(name, day, what)) for name in ("peak", "read", "written")),
                *(f"{other:.2f}" for other in compared),
                *(f"{seconds / other:.2f}" for other in compared),
            ]
        )
    return table(f"{day} run, {measured.size}", columns, [*rows, *_beside(measured, day, len(columns))])


def _beside(measured: Measured, day: str, columns: int) -> Iterator[list[str]]:
    """What the day is compared with."""
    ours, floor = measured.figure("seconds", day), measured.floor(day)
    read, text = (median(found[name] for found in measured.floors[day]) for name in ("read", "text"))
    blank = [""] * (columns - 6)
    yield [
        f"floor; all in one process is {ours / floor:.1f} x",
        f"{floor:.2f}",
        "",
        "",
        size_text(read),
        f"{size_text(text)} of text",
        *blank,
    ]
    threads = median(found["read_seconds"] + found["threads_seconds"] for found in measured.floors[day])
    yield [f"floor on all processors; {ours / threads:.1f} x", f"{threads:.2f}", *[""] * 4, *blank]
    if spark := measured.spark_seconds(day):
        yield [
            f"plain PySpark; ours is {spark / ours:.1f} x faster",
            f"{spark:.2f}",
            f"{measured.size.users / spark:,.0f}",
            *[""] * 3,
            *blank,
        ]


def targets(found: Sequence[Measured]) -> list[Target]:
    """The figures that are asked for, those that were measured."""
    listed = [target for measured in found for target in _ofsize_text(measured)]
    pairs = [(small, large) for small in found for large in found if _tenfold(small, large)]
    for small, large in pairs:
        ratio = large.figure("seconds", "first") / small.figure("seconds", "first")
        figure = f"first run, from {small.size.users:,} to {large.size.users:,} users"
        listed.append(Target(figure, "at most 11 x", f"{ratio:.1f} x", ratio <= 11))
    few = [wall.seconds for measured in found for wall in measured.few]
    listed.append(
        Target("a run of 10 users by the command", "at most 6 s", f"{median(few):.1f} s", median(few) <= 6)
    )
    return listed


def _ofsize_text(measured: Measured) -> Iterator[Target]:
    size = measured.size
    for day, aim in (("first", 15), ("normal", 60)):
        if spark := measured.spark_seconds(day):
            ratio = spark / measured.figure("seconds", day)
            yield Target(
                f"{day} run against plain PySpark, {size}", f"{aim} x faster", f"{ratio:.1f} x", ratio >= aim
            )
    wall, dagster = (
        median(getattr(found, name) for found in measured.commands) for name in ("seconds", "dagster")
    )
    quiet = f"quiet day by the command, {size}"
    yield Target(quiet, "under 12 s", f"{wall:.1f} s", wall < 12)
    yield Target("    of which Dagster and imports", "at most 5 s", f"{dagster:.1f} s", dagster <= 5)
    ratio = measured.figure("seconds", "first") / measured.floor("first")
    yield Target(f"first run against its floor, {size}", "at most 2 x", f"{ratio:.1f} x", ratio <= 2)
    peak = max(measured.figure("peak", day) for day in DAYS)
    yield Target(f"peak memory, {size}", "4 GiB", size_text(peak), peak <= 4 << 30)


def target_table(found: Sequence[Target]) -> Table:
    """Whether each is reached."""
    rows = [
        (target.figure, target.aim, target.found, "reached" if target.reached else "NOT REACHED")
        for target in found
    ]
    return table(
        "Targets; those of the issue are for 1,000,000 users, of memory for 10,000,000",
        ("figure", "aim", "found", ""),
        rows,
    )


def _tenfold(small: Measured, large: Measured) -> bool:
    return large.size.users == 10 * small.size.users and (large.size.items, large.size.length) == (
        small.size.items,
        small.size.length,
    )


def size_text(number: float) -> str:
    """Bytes as people read them."""
    return f"{number / 2**20:,.0f} MiB"
