"""The wall time of `personalize-connectors run`, and which part of it is not the assets' own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from benchmarks.pipeline.inputs import JOB, Size, fresh_bucket, write_inputs
from benchmarks.pipeline.packages import Package
from personalize_connectors.demo.run import emulator
from personalize_connectors.instance import dagster_home


@dataclass(frozen=True)
class Wall:
    """A run by the command.

    Attributes:
        seconds: By the clock, from the start of the process to its end.
        own: The assets' own seconds, as their materializations say them.
    """

    seconds: float
    own: float

    @property
    def dagster(self) -> float:
        """All else: imports, steps, events."""
        return self.seconds - self.own


def run_newest(package: Package, root: Path) -> Wall:
    """Run the newest batch output of a bucket, in a folder with nothing in it, against the Braze emulator."""
    command = [sys.executable, "-m", "personalize_connectors.cli", "run", str(JOB)]
    with tempfile.TemporaryDirectory() as folder, emulator():
        os.environ.pop("DAGSTER_HOME", None)
        os.environ["DAGSTER_HOME"] = str(dagster_home(Path(folder)))
        environment = package.environment(root)
        os.sync()  # what was measured before may still be on its way to the disk
        started = time.perf_counter()
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=folder, env=environment
        )
        seconds = time.perf_counter() - started
        if done.returncode:
            raise RuntimeError(
                f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return Wall(seconds, _own_seconds())


def run_of_few_users(package: Package, folder: Path) -> Wall:
    """The first run of ten users."""
    write_inputs(folder / "inputs", Size(users=10, items=25, length=10))
    fresh_bucket(folder / "inputs", folder / "bucket")
    return run_newest(package, folder / "bucket")


def _own_seconds() -> float:
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs()
        entries = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        told = [entry.asset_materialization for entry in entries]
        return sum(
            float(found.metadata["seconds"].value) for found in told if found and "seconds" in found.metadata
        )
