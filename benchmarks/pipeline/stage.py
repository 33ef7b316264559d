"""One stage of one day in this process, measured from outside of Dagster's own cost and with it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import dagster as dg
import pyarrow as pa

from benchmarks.pipeline.inputs import DAYS
from personalize_connectors import layout
from personalize_connectors.assets.decoration import ASSET as DECORATED
from personalize_connectors.definitions import JOB, defs
from personalize_connectors.delivery.receipts import SCHEMA, receipts_file, write_receipts
from personalize_connectors.folders import open_folder
from personalize_connectors.installation import Installation
from personalize_connectors.partitions import register

STAGES = ("batch_inference_raw", "inference_errors", "user_recommendations", "decorated_recommendations")
STATE = "connector_state"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_stage(day: str, stages: list[str]) -> dict[str, float]:
    """Materialize some assets of a day in this process; gives seconds, peak memory, and bytes read and written."""
    before = _bytes_moved()
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, "grid", DAYS[day])
        job = defs.resolve_job_def(JOB)
        started = time.perf_counter()
        job.execute_in_process(
            instance=instance,
            partition_key=DAYS[day].key,
            asset_selection=[dg.AssetKey(stage) for stage in stages],
            run_config=QUIET,
        )
        seconds = time.perf_counter() - started
    after = _bytes_moved()
    moved = {name: after[name] - before[name] for name in after}
    return {"seconds": seconds, "peak": _peak_memory(), "read": moved["rchar"], "written": moved["wchar"]}


def accept_all(day: str) -> dict[str, float]:
    """Write receipts as if the destination had accepted every record of a day; that is no stage, and not timed."""
    run, bucket = DAYS[day], Installation().bucket
    folder = layout.delivered_run(run, "braze", "receipts")
    scan = open_folder(bucket, layout.stage(run, DECORATED)).scan("braze")
    for batch in scan.to_batches(columns=["user_id", "fingerprint", "points"], batch_size=1 << 20):
        rows = len(batch)
        columns = {
            **{name: batch[name] for name in batch.schema.names},
            "status": pa.repeat("accepted", rows),
            "text": pa.repeat("", rows),
            "request": pa.repeat("benchmark", rows),
            "attempt": pa.repeat(pa.scalar(1, pa.int32()), rows),
            "answered_at": pa.repeat(pa.scalar(run.run_at, SCHEMA.field("answered_at").type), rows),
            "delivery": pa.repeat("benchmark", rows),
            "sent_again": pa.repeat(pa.scalar(0, pa.int32()), rows),
        }
        table = pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)
        write_receipts(bucket, receipts_file(folder, "benchmark"), table)
    return {}


def _bytes_moved() -> dict[str, int]:
    lines = Path("/proc/self/io").read_text().splitlines()
    return {name: int(value) for name, value in (line.split(": ") for line in lines)}


def _peak_memory() -> int:
    """Bytes this process had in memory at the most."""
    status = Path("/proc/self/status").read_text().splitlines()
    (line,) = [found for found in status if found.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def main() -> None:
    """`DAY accept` or `DAY STAGE ...`; prints the figures as JSON."""
    day, *stages = sys.argv[1:]
    print(json.dumps(accept_all(day) if stages == ["accept"] else run_stage(day, stages)))


if __name__ == "__main__":
    main()
