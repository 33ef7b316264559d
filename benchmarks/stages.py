"""Times each stage of a first run on generated users, every stage in a process of its own.

    python -m benchmarks.stages [--users 200000] [--items 20000]

Prints for each stage seconds, users per second and the peak memory of its process. The destination is the Braze emulator,
in a process of its own on the same machine, so the delivery shares the processors with it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dagster as dg
from rich.console import Console
from rich.table import Table

from personalize_connectors.definitions import JOB, defs
from personalize_connectors.demo.run import emulator
from personalize_connectors.demo.shop import DAYS, PERSONAL_JOB, ShopSize, write_day
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.partitions import register

STAGES = (
    "batch_inference_raw",
    "inference_errors",
    "user_recommendations",
    "decorated_recommendations",
    "braze_sync",
    "connector_state",
)
RUN = JobRun(Job.parse(PERSONAL_JOB), DAYS[0])


def run_stage(stage: str) -> dict[str, float]:
    """Materialize one asset of the run in this process."""
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, "grid", RUN)
        job = defs.resolve_job_def(JOB)
        started = time.perf_counter()
        job.execute_in_process(
            instance=instance,
            partition_key=RUN.key,
            asset_selection=[dg.AssetKey(stage)],
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "peak_bytes": peak_memory()}


def peak_memory() -> int:
    """Bytes this process had in memory at the most; what the process that started it had does not count."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [found for found in status.read_text().splitlines() if found.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(users: int, items: int) -> dict[str, dict[str, float]]:
    """Generate a bucket and run every stage on it, in order."""
    with tempfile.TemporaryDirectory(prefix="personalize-connectors-bench-") as root:
        write_day(Path(root), 0, ShopSize(users=users, items=items))
        os.environ["CONNECTORS_ROOT"] = root
        with emulator():
            return {stage: _in_own_process(stage) for stage in STAGES}


def _in_own_process(stage: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.stages", "--stage", stage]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def show(users: int, figures: dict[str, dict[str, float]]) -> None:
    """The figures as a table."""
    table = Table(
        title=f"First run, {users:,} users x 25 items, {os.cpu_count()} processors", title_justify="left"
    )
    for column in ("stage", "seconds", "users/s", "peak memory"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    rows = [*figures.items(), ("all", {"seconds": sum(of_stage["seconds"] for of_stage in figures.values())})]
    for stage, found in rows:
        peak = f"{found['peak_bytes'] / 2**20:,.0f} MiB" if "peak_bytes" in found else ""
        table.add_row(stage, f"{found['seconds']:.2f}", f"{users / found['seconds']:,.0f}", peak)
    Console().print(table)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stage:
        print(json.dumps(run_stage(given.stage)))
    else:
        show(given.users, measure(given.users, given.items))


if __name__ == "__main__":
    main()
