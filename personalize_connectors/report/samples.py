"""A few users of a run with their decorated records; only the first block of a file is read, however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import orjson
import pyarrow as pa

from personalize_connectors import layout
from personalize_connectors.assets.decoration import ASSET
from personalize_connectors.folders import Folder, open_folder
from personalize_connectors.job_run import JobRun
from personalize_connectors.storage import Storage

_BLOCK = 2 << 20
_ROWS = 500
_COMPRESSION = {"gz": "gzip", "zst": "zstd"}


@dataclass(frozen=True)
class SampleUser:
    """A user as the destination gets them.

    Attributes:
        user_id: Who.
        change: added, changed, unchanged or removed.
        refused: The rule for which the record is not sent; empty where it is.
        items: The recommended items with their fields, in rank order.
    """

    user_id: str
    change: str
    refused: str
    items: Sequence[Mapping[str, Any]]


def sample_users(bucket: Storage, run: JobRun, connector: str, most: int) -> list[SampleUser]:
    """Some users of the run's delta, of each kind of change in turn; none where its stages are gone."""
    if (
        bucket.manifest(layout.stage(run, ASSET)) is None
        or bucket.manifest(layout.output(run, connector)) is None
    ):
        return []
    stage = open_folder(bucket, layout.stage(run, ASSET))
    rows = stage.head(_ROWS, ["user_id", "change", "refused"], connector).to_pylist()
    records = _records(open_folder(bucket, layout.output(run, connector)))
    found = [
        SampleUser(row["user_id"], row["change"], row["refused"] or "", records[row["user_id"]])
        for row in rows
        if row["user_id"] in records
    ]
    return _in_turn(found)[:most]


def _in_turn(users: Iterable[SampleUser]) -> list[SampleUser]:
    kinds: dict[tuple[str, str], list[SampleUser]] = {}
    for user in users:
        kinds.setdefault((user.change, user.refused), []).append(user)
    return [user for turn in zip_longest(*kinds.values()) for user in turn if user]


def _records(output: Folder) -> dict[str, list[Mapping[str, Any]]]:
    """By user the items of the records in the first block of the output."""
    names = [entry["name"] for entry in output.manifest["files"]]
    lines = _first_lines(output, names[0]) if names else []
    records = map(orjson.loads, lines[:_ROWS])
    return {
        str(record.get("userId", record.get("queryUserId"))): record.get("recommendations", [])
        for record in records
    }


def _first_lines(output: Folder, name: str) -> list[bytes]:
    compression = _COMPRESSION.get(name.rpartition(".")[2])
    with output.storage.open_input(f"{output.path}/{name}") as file:
        stream = pa.CompressedInputStream(file, compression) if compression else file
        return bytes(stream.read(_BLOCK)).split(b"\n")[:-1]
