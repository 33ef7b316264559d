"""One stage of a day, or all of it, in this process; and receipts as if the destination had accepted all of a day.

    python -m benchmarks.pipeline.stage DAY whole | accept | STAGE

Seconds are those of Dagster's run, without its imports. Nothing is delivered.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pyarrow as pa

from benchmarks.pipeline.inputs import DAYS
from benchmarks.pipeline.skewed import RUN as SKEWED
from personalize_connectors import layout
from personalize_connectors.assets.decoration import ASSET as DECORATED
from personalize_connectors.definitions import JOB, defs
from personalize_connectors.delivery.receipts import SCHEMA, receipts_file, write_receipts
from personalize_connectors.folders import open_folder
from personalize_connectors.installation import Installation
from personalize_connectors.partitions import register

STAGES = ("batch_inference_raw", "inference_errors", "user_recommendations", DECORATED)
STATE = "connector_state"
RUNS = {**DAYS, "skewed": SKEWED}
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_whole(day: str) -> dict[str, float]:
    """All stages of a day in this process; the receipts between them are another's work and not in the figures."""
    with dg.DagsterInstance.ephemeral() as instance:
        moved = materialize(instance, day, STAGES)
        subprocess.run([sys.executable, "-m", __spec__.name, day, "accept"], check=True)
        moved += materialize(instance, day, [STATE])
    return {**moved, "peak": _peak_memory()}


def run_stage(day: str, stage: str) -> dict[str, float]:
    """One stage of a day in this process."""
    with dg.DagsterInstance.ephemeral() as instance:
        return {**materialize(instance, day, [stage]), "peak": _peak_memory()}


def materialize(instance: dg.DagsterInstance, day: str, assets: Sequence[str]) -> Counter[str]:
    """Materialize some assets of a day; gives seconds, and the bytes that were read and written."""
    register(instance, "grid", RUNS[day])
    before, started = _bytes_moved(), time.perf_counter()
    defs.resolve_job_def(JOB).execute_in_process(
        instance=instance,
        partition_key=RUNS[day].key,
        asset_selection=[dg.AssetKey(asset) for asset in assets],
        run_config=_QUIET,
    )
    seconds, after = time.perf_counter() - started, _bytes_moved()
    return Counter({"seconds": seconds, **{name: after[name] - before[name] for name in after}})


def accept_all(day: str) -> None:
    """Write receipts as if the destination had accepted every record of a day."""
    run, bucket = RUNS[day], Installation().bucket
    folder = layout.delivered_run(run, "braze", "receipts")
    scan = open_folder(bucket, layout.stage(run, DECORATED)).scan("braze")
    for batch in scan.to_batches(columns=["user_id", "fingerprint", "points"], batch_size=1 << 20):
        told = {
            "status": "accepted",
            "text": "",
            "request": "benchmark",
            "attempt": 1,
            "answered_at": run.run_at,
            "delivery": "benchmark",
            "sent_again": 0,
        }
        columns = {
            name: pa.repeat(pa.scalar(told[name], SCHEMA.field(name).type), len(batch)) for name in told
        }
        columns |= {name: batch[name] for name in batch.schema.names}
        table = pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)
        write_receipts(bucket, receipts_file(folder, "benchmark"), table)


def _bytes_moved() -> dict[str, int]:
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return {"read": int(lines["rchar"]), "written": int(lines["wchar"])}


def _peak_memory() -> int:
    """Bytes this process had in memory at the most."""
    status = Path("/proc/self/status").read_text().splitlines()
    (line,) = [found for found in status if found.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def main() -> None:
    """Prints the figures as JSON."""
    day, what = sys.argv[1:]
    if what == "accept":
        accept_all(day)
    else:
        print(json.dumps(run_whole(day) if what == "whole" else run_stage(day, what)))


if __name__ == "__main__":
    main()
