"""Partition folders: frames in, lazy scans out, `_SUCCESS` last."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.dataset as ds

from personalize_connectors.engine.frame import Frame
from personalize_connectors.errors import NotFound
from personalize_connectors.layout import SUCCESS
from personalize_connectors.line_file import line_ending, line_file
from personalize_connectors.storage import Storage
from personalize_connectors.table_file import ROWS_PER_GROUP, table_file

_ROWS_PER_FILE = 1_000_000


@dataclass(frozen=True)
class Folder:
    """A complete folder."""

    storage: Storage
    path: str
    manifest: dict[str, Any]

    @property
    def uri(self) -> str:
        """Its address, for people."""
        return self.storage.uri(self.path)

    @property
    def rows(self) -> int:
        """Rows of all its frames."""
        return int(self.manifest["rows"])

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return int(self.manifest["bytes"])

    def rows_of(self, name: str) -> int:
        """Rows of one frame."""
        return sum(
            entry["rows"] for entry in self.manifest["files"] if entry["frame"] == name and _is_table(entry)
        )

    def scan(self, name: str = "part") -> ds.Dataset:
        """A lazy scan of one frame's Parquet files."""
        return self.storage.dataset(self._tables(name))

    def head(self, rows: int, columns: Sequence[str] | None = None, name: str = "part") -> pa.Table:
        """The first rows of one frame; little more than those is decoded."""
        scan = self.scan(name)
        names = list(columns or scan.schema.names)
        return scan.head(rows, columns=names, batch_size=rows, batch_readahead=1, fragment_readahead=1)

    def coded(self, columns: Sequence[str], name: str = "part") -> Iterator[pa.RecordBatch]:
        """Columns of one frame, in which lists of ids are places in a dictionary, as the files keep them (`engine.ids`)."""
        lists = [f"{column}.list.element" for column in columns]
        scan = self.storage.dataset(self._tables(name), coded=lists)
        yield from scan.to_batches(
            columns=list(columns), batch_size=ROWS_PER_GROUP, batch_readahead=2, fragment_readahead=1
        )

    def _tables(self, name: str) -> list[str]:
        entries = (entry for entry in self.manifest["files"] if entry["frame"] == name and _is_table(entry))
        return [f"{self.path}/{entry['name']}" for entry in entries]


def _is_table(entry: dict[str, Any]) -> bool:
    return str(entry["name"]).endswith(".parquet")


@dataclass
class _Written:
    """The files that were written below one folder, for its manifest."""

    files: list[dict[str, Any]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


def open_folder(storage: Storage, path: str) -> Folder:
    """Open a folder for reading.

    Raises:
        NotFound: the folder is not there, or a run died while it wrote it.
    """
    manifest = storage.manifest(path)
    if manifest is None:
        raise NotFound(
            f"{storage.uri(path)} is not there or not complete (no {SUCCESS}); materialize the asset that writes it"
        )
    return Folder(storage, path, manifest)


def write_frames(storage: Storage, frames: Sequence[Frame]) -> dict[str, Folder]:
    """Write frames, each in one pass, and finish every folder with its `_SUCCESS`; gives the folders by path."""
    folders = {frame.folder: frame for frame in frames}
    folders |= {frame.lines.folder: frame for frame in frames if frame.lines}
    for path, frame in folders.items():
        if not frame.replaces_last:
            storage.clear(path)
    written = {path: _Written() for path in folders}
    token = secrets.token_hex(4)
    for frame in frames:
        _write_frame(storage, frame, written, token)
    for path, content in written.items():
        _finish(storage, path, content)
    return {path: open_folder(storage, path) for path in folders}


def _write_frame(storage: Storage, frame: Frame, written: dict[str, _Written], token: str) -> None:
    written[frame.folder].extra |= frame.manifest
    number = -1
    for number, part in enumerate(_parts(frame.batches)):
        _write_part(storage, frame, part, f"{frame.name}-{number:05d}-{token}", written)
    if number < 0:
        _write_part(storage, frame, iter(()), f"{frame.name}-00000-{token}", written)


def _parts(batches: Iterable[pa.RecordBatch]) -> Iterator[Iterator[pa.RecordBatch]]:
    rows = 0

    def file_number(batch: pa.RecordBatch) -> int:
        nonlocal rows
        rows += len(batch)
        return (rows - len(batch)) // _ROWS_PER_FILE

    for _, part in groupby(batches, file_number):
        yield part


def _write_part(
    storage: Storage, frame: Frame, part: Iterable[pa.RecordBatch], name: str, written: dict[str, _Written]
) -> None:
    """One Parquet file and, where the frame has lines, the file of lines beside it."""
    lines_of = frame.lines
    with ExitStack() as stack:
        path = f"{frame.folder}/{name}.parquet"
        table = stack.enter_context(table_file(storage, path, frame.schema_of_table))
        lines = None
        if lines_of:
            path = f"{lines_of.folder}/{name}{line_ending(lines_of.compression)}"
            lines = stack.enter_context(line_file(storage, path, lines_of.compression))
        for batch in part:
            if not len(batch):
                continue
            if lines and lines_of:
                lines.write(batch[lines_of.column])
            table.write(batch.select(frame.schema_of_table.names))
    written[frame.folder].files.append({**table.entry, "frame": frame.name})
    if lines and lines_of:
        written[lines_of.folder].files.append({**lines.entry, "frame": frame.name})


def _finish(storage: Storage, path: str, content: _Written) -> None:
    names = {entry["name"] for entry in content.files}
    manifest = {
        "written_at": datetime.now(UTC).isoformat(),
        "rows": sum(entry["rows"] for entry in content.files),
        "bytes": sum(entry["bytes"] for entry in content.files),
        "files": sorted(content.files, key=lambda entry: str(entry["name"])),
        **content.extra,
    }
    storage.write(f"{path}/{SUCCESS}", orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    for found in storage.objects(path):
        if found.name not in names and found.name != SUCCESS:
            storage.remove(found.path)
