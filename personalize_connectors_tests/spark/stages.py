"""The stages of a run by an engine, and all that they left in the bucket."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from personalize_connectors import layout
from personalize_connectors.allowance import NOTHING, Allowance
from personalize_connectors.assets.checks import decoration_checks
from personalize_connectors.assets.decoration import ASSET as DECORATED
from personalize_connectors.delivery.receipts import SCHEMA as RECEIPTS
from personalize_connectors.delivery.receipts import receipts_file, write_receipts
from personalize_connectors.delivery.state import find_accepted, snapshot
from personalize_connectors.engine.input_errors import SCHEMA as ERRORS
from personalize_connectors.engines import Engine, open_engine
from personalize_connectors.explain.lookup import text_blocks
from personalize_connectors.folders import open_folder, write_frames
from personalize_connectors.inputs import bad_input_lines, item_metadata
from personalize_connectors.job_run import JobRun
from personalize_connectors.jobs import read_config
from personalize_connectors.settings import read_settings
from personalize_connectors.sources import source_of
from personalize_connectors.storage import Storage, open_storage

STAGES = ("batch_inference_raw", "inference_errors", "user_recommendations", DECORATED)
_OF_A_WRITE = ("written_at", "bytes", "files", "beside")


def work_out(engine: Engine, bucket: Storage, run: JobRun, allowance: Allowance = NOTHING) -> dict[str, Any]:
    """All stages up to the decorated records, as the assets ask for them; gives what the assets say of them."""
    config = read_config(bucket, run.job)
    first = [engine.raw_lines(bucket, run, config, source_of(bucket, config, run))]
    raw = write_frames(bucket, first)[layout.stage(run, STAGES[0])]
    bad = bad_input_lines(bucket, run.job, engine.bad_mapping_rows(bucket, run.job))
    others = pa.Table.from_pylist(bad, schema=ERRORS)
    write_frames(bucket, [engine.error_lines(run, raw, others, kept=config.top.saveBatchInferenceErrors)])
    lists = engine.user_lists(bucket, run, config, raw)
    users = write_frames(bucket, lists.frames)[layout.stage(run, STAGES[2])]
    return {
        "error_lines": raw.values_of("reason"),
        "errors": list(lists.errors.items()),
        "repeated": lists.repeated,
        "rows_set_aside": lists.set_aside.total,
        "recommendations": users.values_of("items.list.element"),
        **decorate(engine, bucket, run, allowance),
    }


def decorate(engine: Engine, bucket: Storage, run: JobRun, allowance: Allowance = NOTHING) -> dict[str, Any]:
    """The last of them, of the lists that are there."""
    config, users = read_config(bucket, run.job), open_folder(bucket, layout.stage(run, STAGES[2]))
    items = engine.recommended_items(users, item_metadata(bucket, run.job))
    found = engine.decorate(bucket, run, config, users, items, allowance)
    frames = [
        frame
        for decoration in found.values()
        for frame in (engine.with_record_lines(run, decoration), decoration.items)
    ]
    write_frames(bucket, frames)
    return {
        "items": items,
        "counts": {name: asdict(decoration.counts) for name, decoration in found.items()},
        "checks": decoration_checks(config, found, items),
    }


def left_by(bucket: Storage, run: JobRun) -> dict[str, Any]:
    """All that the stages of a run left: rows by frame, lines of the records and errors, and what the manifests say."""
    left: dict[str, Any] = {}
    for asset in STAGES:
        folder = open_folder(bucket, layout.stage(run, asset))
        left[asset] = {key: value for key, value in folder.manifest.items() if key not in _OF_A_WRITE}
        for frame in sorted({entry["frame"] for entry in folder.manifest["files"]}):
            rows = folder.scan(frame).to_table()
            left[f"{asset} {frame}"] = (str(rows.schema), sorted(map(_comparable, rows.to_pylist())))
    outputs = [layout.output(run, name) for name in read_config(bucket, run.job).connectors]
    for folder in (layout.errors(run), *outputs):
        lines = left[folder] = Counter()
        for entry in bucket.objects(folder):
            if entry.name != layout.SUCCESS:
                lines.update(b"".join(text_blocks(bucket, entry.path)).splitlines())
    assert bucket.objects(layout.stage(run, "scratch")) == []
    return left


def answer(bucket: Storage, run: JobRun, statuses: Mapping[str, str] = {}, connector: str = "braze") -> None:
    """Write receipts as if the destination had answered; users are accepted, but for some with another status."""
    rows = open_folder(bucket, layout.stage(run, DECORATED)).scan(connector).to_table()
    told = {"text": "Bad Format", "request": "r", "attempt": 1, "delivery": "d", "sent_again": 0}
    receipts = [
        {
            **told,
            "status": statuses.get(row["user_id"], "accepted"),
            "answered_at": run.run_at,
            **{name: row[name] for name in ("user_id", "fingerprint", "points")},
        }
        for row in rows.to_pylist()
    ]
    folder = layout.delivered_run(run, connector, "receipts")
    write_receipts(bucket, receipts_file(folder, "d"), pa.Table.from_pylist(receipts, schema=RECEIPTS))


def fold(session: Any, bucket: Storage, run: JobRun, connector: str = "braze") -> None:
    """Write the state of all receipts."""
    accepted = find_accepted(bucket, run.job, connector)
    write_frames(bucket, [snapshot(session, bucket, run, connector, accepted)])


def _comparable(row: dict[str, Any]) -> str:
    return json.dumps(row, sort_keys=True, default=lambda value: value.hex())


def main() -> None:
    """Work out one run in a process of its own, by the environment."""
    settings, run = read_settings(), JobRun.parse(os.environ["JOB_RUN"])
    with open_engine(settings) as engine:
        work_out(engine, open_storage(settings.root), run)


if __name__ == "__main__":
    main()
