"""The measurements of one size: each in a process of its own, those that are compared one right after the other."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.command import say
from benchmarks.pipeline.command import Wall, run_newest, run_of_few_users
from benchmarks.pipeline.inputs import DAYS, JOB, Size, fresh_bucket, output_folder
from benchmarks.pipeline.packages import OURS, Package
from personalize_connectors import layout

WHOLE = "whole"
STAGES = (
    "batch_inference_raw",
    "inference_errors",
    "user_recommendations",
    "decorated_recommendations",
    "connector_state",
)


@dataclass
class Measured:
    """What was measured of one size, in every round.

    Attributes:
        size: The inputs.
        runs: By package, day and stage (or `whole`): seconds, peak, read and written bytes.
        floors: By day: seconds to read and to write.
        spark: By day: seconds.
        commands: Runs of a quiet day by the command.
        few: Runs of ten users by the command.
    """

    size: Size
    runs: dict[tuple[str, str, str], list[dict[str, float]]] = field(default_factory=dict)
    floors: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    spark: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    commands: list[Wall] = field(default_factory=list)
    few: list[Wall] = field(default_factory=list)

    def figure(self, name: str, day: str, what: str = WHOLE, package: str = OURS.name) -> float:
        """The median of one figure of a stage, or of a whole run."""
        return median(found[name] for found in self.runs[package, day, what])

    def floor(self, day: str) -> float:
        """The median of a day's floor in seconds."""
        return median(found["read_seconds"] + found["write_seconds"] for found in self.floors[day])

    def spark_seconds(self, day: str) -> float | None:
        """The median of the baseline's seconds of a day, where it was measured."""
        return median(found["seconds"] for found in self.spark[day]) if day in self.spark else None


def measure_round(measured: Measured, inputs: Path, packages: Sequence[Package], *, spark: bool) -> None:
    """One round of everything: whole runs with their floor and baseline, the command, then stage by stage."""
    with _buckets(inputs, packages) as roots:
        for day in DAYS:
            for package in packages:
                say(f"{measured.size}: {day} run, {package.name}")
                _note(
                    measured.runs,
                    (package.name, day, WHOLE),
                    package.figures(roots[package], "stage", day, WHOLE),
                )
            say(f"{measured.size}: {day} run, floor")
            _note(measured.floors, day, OURS.figures(roots[OURS], "floor", str(roots[OURS]), day))
        say(f"{measured.size}: quiet day by the command")
        measured.commands.append(run_newest(OURS, roots[OURS]))
    say("a run of 10 users by the command")
    with tempfile.TemporaryDirectory() as folder:
        measured.few.append(run_of_few_users(OURS, Path(folder)))
    if spark:
        _measure_spark(measured, inputs)
    with _buckets(inputs, packages) as roots:
        for day in DAYS:
            _measure_stages(measured, day, roots)


def _measure_stages(measured: Measured, day: str, roots: dict[Package, Path]) -> None:
    for stage in STAGES:
        for package, root in roots.items():
            say(f"{measured.size}: {day} run, {stage}, {package.name}")
            if stage == STAGES[-1]:
                package.figures(root, "stage", day, "accept")
            _note(measured.runs, (package.name, day, stage), package.figures(root, "stage", day, stage))


def _measure_spark(measured: Measured, inputs: Path) -> None:
    """The first run, and the normal day against what the first run wrote."""
    with tempfile.TemporaryDirectory() as folder:
        for day, state in (("first", []), ("normal", [f"{folder}/first"])):
            say(f"{measured.size}: {day} run, plain PySpark")
            source, metadata = output_folder(inputs, DAYS[day]), inputs / layout.metadata_folder(JOB)
            paths = [str(source), str(metadata), f"{folder}/{day}", *state]
            _note(measured.spark, day, OURS.figures(inputs, "spark_job", *paths))


@contextmanager
def _buckets(inputs: Path, packages: Sequence[Package]) -> Iterator[dict[Package, Path]]:
    """A bucket for each package, with the inputs and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        roots = {package: Path(folder) / str(number) for number, package in enumerate(packages)}
        for root in roots.values():
            fresh_bucket(inputs, root)
        yield roots


def _note(found: dict[Any, list[dict[str, float]]], key: Any, figures: dict[str, float]) -> None:
    found.setdefault(key, []).append(figures)
