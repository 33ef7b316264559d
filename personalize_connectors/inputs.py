"""The inputs of a job beside its batch output: item metadata and user-item mapping."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pyarrow as pa

from personalize_connectors import layout
from personalize_connectors.engine.item_metadata import ItemMetadata, read_metadata
from personalize_connectors.engine.lines import line_batches
from personalize_connectors.engine.mapping import SetAside, mapping_rows
from personalize_connectors.errors import NotFound
from personalize_connectors.job_run import Job
from personalize_connectors.storage import Object, Storage


def input_files(bucket: Storage, folder: str, ending: str) -> list[Object]:
    """The files of an input folder by path; names that begin with `_` or `.` are no input."""
    return [
        found
        for found in bucket.objects(folder)
        if not found.name.startswith(("_", ".")) and found.name.lower().endswith(ending)
    ]


def item_metadata(bucket: Storage, job: Job) -> ItemMetadata:
    """The job's item metadata; empty where it has none. Several stages of a run ask for it, and it is read once."""
    folder = layout.metadata_folder(job)
    return _read(_Versions(bucket.uri(folder), tuple(input_files(bucket, folder, ".json")), bucket))


@dataclass(frozen=True)
class _Versions:
    """The files of a folder, as they are now."""

    uri: str
    files: tuple[Object, ...]
    bucket: Storage = field(compare=False)


@lru_cache(maxsize=1)
def _read(found: _Versions) -> ItemMetadata:
    return read_metadata(
        line_batches(found.bucket.contents(found.files)), [file.name for file in found.files]
    )


def mapping_files(bucket: Storage, job: Job) -> list[str]:
    """The files of the job's user-item mapping.

    Raises:
        NotFound: there is none.
    """
    folder = layout.mapping_folder(job)
    files = input_files(bucket, folder, ".csv")
    if not files:
        raise NotFound(
            f"{bucket.uri(folder)} holds no .csv file; related_items needs the columns USER_ID and ITEM_ID"
        )
    return [file.path for file in files]


def item_mapping(bucket: Storage, job: Job, set_aside: SetAside) -> Iterator[pa.RecordBatch]:
    """The rows of the job's user-item mapping.

    Raises:
        NotFound: there is no mapping file.
        BadInput: a file cannot be used.
    """
    return mapping_rows(bucket, mapping_files(bucket, job), set_aside)


def bad_mapping_rows(bucket: Storage, job: Job) -> SetAside:
    """The rows of the job's user-item mapping that cannot be used; nothing where its type has no mapping."""
    set_aside = SetAside()
    if job.job_type == "related_items":
        for _ in item_mapping(bucket, job, set_aside):
            pass
    return set_aside


def bad_input_lines(bucket: Storage, job: Job, mapping: SetAside | None = None) -> list[dict[str, Any]]:
    """The lines of metadata and mapping that cannot be used, as rows of `inference_errors`; those of the mapping are known perhaps."""
    rows: list[dict[str, Any]] = [
        {"input": "item_metadata", "file": bad.file, "line": bad.line, "reason": bad.reason, "text": bad.text}
        for bad in item_metadata(bucket, job).bad
    ]
    rows += [
        {
            "input": "user_item_mapping",
            "file": row.file,
            "line": row.line,
            "reason": row.reason,
            "text": row.text,
        }
        for row in (mapping or bad_mapping_rows(bucket, job)).rows
    ]
    return rows
