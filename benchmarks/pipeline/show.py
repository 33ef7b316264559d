"""The figures for readers: a table for each day, and whether each target is reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from rich.table import Table

from benchmarks.delivery.figures import table
from benchmarks.pipeline.inputs import DAYS, Size
from benchmarks.pipeline.measure import STAGES, WHOLE, Measured
from benchmarks.pipeline.packages import OURS

_LABELS = {WHOLE: "all in one process, as a run is"}
_USERS, _MANY_USERS, _LENGTH = 1_000_000, 10_000_000, 25  # what the targets are for
_COLUMNS = ("seconds", "users/s", "peak memory", "read", "written")


@dataclass(frozen=True)
class Target:
    """A figure that is aimed at.

    Attributes:
        figure: What it is, with the size it was measured with.
        aim: What is asked for, as text.
        found: What was measured, as text.
        reached: Whether that is enough; nothing where the target is for another size.
    """

    figure: str
    aim: str
    found: str
    reached: bool | None

    @property
    def verdict(self) -> str:
        """The judgement, as text."""
        return {None: "not judged at this size", True: "reached", False: "NOT REACHED"}[self.reached]


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
    for what, name in (("reads and parses the input", "scan"), ("writes it as Parquet too", "parquet")):
        seconds = median(found[f"{name}_seconds"] for found in measured.floors[day])
        yield [f"DuckDB {what}", f"{seconds:.2f}", *[""] * 4, *blank]
    if spark := measured.spark_seconds(day):
        yield [
            f"plain PySpark; ours is {spark / ours:.1f} x faster",
            f"{spark:.2f}",
            f"{measured.size.users / spark:,.0f}",
            *[""] * 3,
            *blank,
        ]


def targets(found: Sequence[Measured]) -> list[Target]:
    """The figures that are asked for, those that were measured; each is judged at the size that it is for, and at no other."""
    listed = [target for measured in found for target in _of_one_size(measured)]
    pairs = [(small, large) for small in found for large in found if _tenfold(small, large)]
    for small, large in pairs:
        ratio = large.figure("seconds", "first") / small.figure("seconds", "first")
        figure = f"first run, from {small.size.users:,} to {large.size.users:,} users"
        reached = _judged(large.size, _MANY_USERS, ratio <= 11)
        listed.append(Target(figure, "at most 11 x", f"{ratio:.1f} x", reached))
    few = [wall.seconds for measured in found for wall in measured.few]
    listed.append(
        Target("a run of 10 users by the command", "at most 6 s", f"{median(few):.1f} s", median(few) <= 6)
    )
    return listed


def _of_one_size(measured: Measured) -> Iterator[Target]:
    size = measured.size
    for day, aim in (("first", 15), ("normal", 60)):
        if spark := measured.spark_seconds(day):
            ratio = spark / measured.figure("seconds", day)
            reached = _judged(size, _USERS, ratio >= aim)
            figure = f"{day} run against plain PySpark, {size}"
            yield Target(figure, f"{aim} x faster", f"{ratio:.1f} x", reached)
    wall, dagster = (
        median(getattr(found, name) for found in measured.commands) for name in ("seconds", "dagster")
    )
    quick, light = _judged(size, _USERS, wall < 12), _judged(size, _USERS, dagster <= 5)
    yield Target(f"quiet day by the command, {size}", "under 12 s", f"{wall:.1f} s", quick)
    yield Target("    of which Dagster and imports", "at most 5 s", f"{dagster:.1f} s", light)
    ratio = measured.figure("seconds", "first") / measured.floor("first")
    near = _judged(size, _USERS, ratio <= 2)
    yield Target(f"first run against its floor, {size}", "at most 2 x", f"{ratio:.1f} x", near)
    peak = max(measured.figure("peak", day) for day in DAYS)
    small = _judged(size, _MANY_USERS, peak <= 4 << 30)
    yield Target(f"peak memory, {size}", "4 GiB", size_text(peak), small)


def target_table(found: Sequence[Target]) -> Table:
    """Whether each is reached."""
    rows = [(target.figure, target.aim, target.found, target.verdict) for target in found]
    title = f"Targets; those of the issue are for {_USERS:,} users x {_LENGTH} items, of memory and growth for {_MANY_USERS:,}"
    return table(title, ("figure", "aim", "found", ""), rows)


def _judged(size: Size, users: int, reached: bool) -> bool | None:  # noqa: FBT001 - it is what is judged
    """Whether a target is reached that is for so many users; nothing at another size."""
    return reached if (size.users, size.length) == (users, _LENGTH) else None


def _tenfold(small: Measured, large: Measured) -> bool:
    return large.size.users == 10 * small.size.users and (large.size.items, large.size.length) == (
        small.size.items,
        small.size.length,
    )


def size_text(number: float) -> str:
    """Bytes as people read them."""
    return f"{number / 2**20:,.0f} MiB"
