"""What a run made of a list for a connector: item documents, fingerprint and decorated record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from personalize_connectors import layout
from personalize_connectors.assets.decoration import ASSET as DECORATED
from personalize_connectors.assets.decoration import items_frame, rendering_key
from personalize_connectors.connectors.protocol import Connector, DataPoints
from personalize_connectors.engine.fingerprints import fingerprints
from personalize_connectors.explain.lookup import Row, lines_with, rows_of, text_blocks
from personalize_connectors.explain.subject import Subject, folder_at
from personalize_connectors.explain.traces import Change
from personalize_connectors.folders import Folder
from personalize_connectors.job_run import JobRun
from personalize_connectors.shortened import shortened
from personalize_connectors.storage import Storage

_COLUMNS = ["item_id", "digest", "has_metadata", "findings"]
_LIST = pa.schema([("user_id", pa.string()), ("items", pa.list_(pa.string()))])


@dataclass(frozen=True)
class Record:
    """A decorated record: one line of JSON, and the run that wrote it."""

    run: str
    text: str


def documents_of(decorated: Folder, connector: str, items: Sequence[str]) -> list[Row]:
    """The item documents of a list, without their texts."""
    return rows_of(decorated.scan(items_frame(connector)), "item_id", items, _COLUMNS)


def fingerprint_of(
    session: duckdb.DuckDBPyConnection,
    subject: Subject,
    items: Sequence[str],
    documents: list[Row],
    decorated: Folder,
    connector: str,
) -> str | None:
    """The fingerprint by the engine's own rule; None where the documents are of other lists."""
    if {row["item_id"] for row in documents} != set(items):
        return None
    columns = [pa.array([row[name] for row in documents], pa.string()) for name in ("item_id", "digest")]
    table = pa.table(columns, names=["item_id", "digest"])
    batch = pa.record_batch([[subject.id], [list(items)]], schema=_LIST)
    nothing = DataPoints(0, np.zeros(len(table), np.int64))
    rendering = decorated.manifest[rendering_key(connector)]
    ((_, _, fingerprint, *_),) = fingerprints(session, [batch], table, rendering, nothing).fetchall()
    return str(fingerprint.hex())


def notes_on(documents: list[Row], connector: Connector) -> tuple[str, ...]:
    """What is not as it should be with the items of a list."""
    notes = [f"{shortened(row['item_id'])!r} has no metadata" for row in documents if not row["has_metadata"]]
    for row in documents:
        for finding in row["findings"]:
            rule = finding["rule"]
            text = connector.rules[rule].text if rule in connector.rules else rule
            notes.append(f"{shortened(row['item_id'])!r}: {finding['field']}: {rule} ({text})")
    return tuple(notes)


def record_of(bucket: Storage, subject: Subject, connector: str, run: str) -> Record | None:
    """The decorated record that a run wrote of a subject; None where it is not there any more."""
    folder = folder_at(bucket, layout.output(_job_run(subject, run), connector))
    if not folder:
        return None
    key, name = _key(subject), json.dumps(subject.id, ensure_ascii=False)
    for file in folder.manifest["files"]:
        blocks = text_blocks(bucket, f"{folder.path}/{file['name']}")
        for line in lines_with(blocks, f'"{key}":{name}'.encode()):
            if json.loads(line)[key] == subject.id:
                return Record(run, line.decode())
    return None


def difference(bucket: Storage, subject: Subject, connector: str, now: Change, then: Change) -> str:
    """What is another in a record than in an earlier one of the same subject; empty where that is gone."""
    if now.items != then.items:
        return f"the list is another than in run {then.run}"
    new, old = (
        folder_at(bucket, layout.stage(_job_run(subject, run), DECORATED)) for run in (now.run, then.run)
    )
    if not new or not old:
        return ""
    key = rendering_key(connector)
    settings, before = new.manifest.get(key, {}), old.manifest.get(key, {})
    if names := sorted(name for name in settings | before if settings.get(name) != before.get(name)):
        return f"config.json says another {', '.join(names)} than in run {then.run}"
    digests = {row["item_id"]: row["digest"] for row in documents_of(new, connector, now.items)}
    known = {row["item_id"]: row["digest"] for row in documents_of(old, connector, now.items)}
    items = [
        repr(shortened(item)) for item in dict.fromkeys(now.items) if digests.get(item) != known.get(item)
    ]
    return f"what is sent of {', '.join(items)} is another than in run {then.run}" if items else ""


def _key(subject: Subject) -> str:
    if subject.unit == "item":
        return "itemId"
    return "userId" if subject.job.job_type in ("related_items", "user_segmentation") else "queryUserId"


def _job_run(subject: Subject, run: str) -> JobRun:
    return JobRun.parse(f"{subject.job}|{run}")
