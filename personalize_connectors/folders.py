"""Partition folders: frames in, lazy scans out, `_SUCCESS` last."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from personalize_connectors import layout
from personalize_connectors.engine.frame import Beside, Frame, Written
from personalize_connectors.errors import NotFound
from personalize_connectors.job_run import Job
from personalize_connectors.line_file import line_ending, line_file
from personalize_connectors.storage import Storage
from personalize_connectors.table_file import TableFile, dictionaries, row_groups, table_file

_ROWS_PER_FILE = 1_000_000
_FILES_AT_ONCE = 16
# A dictionary of a hundred thousand ids is as large.
_HEAD_BUFFER = 1 << 20
# The manifest's key for files in the folder of a later stage.
_BESIDE = "beside"


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
        return sum(entry["rows"] for entry in self._entries(name))

    def files(self, name: str) -> list[Folder]:
        """Each Parquet file of one frame as a folder of nothing else, in their order."""
        return [replace(self, manifest={**self.manifest, "files": [entry]}) for entry in self._entries(name)]

    def values_of(self, column: str, name: str = "part") -> int:
        """How many values that are not null a column of a frame holds, as the files tell by themselves.

        Of lists (`<column>.list.element`) it is their entries, where no list is empty.
        """
        fragments = list(self.scan(name).get_fragments())
        with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
            return sum(pool.map(partial(_values, column=column), fragments))

    @property
    def beside(self) -> list[Written]:
        """The files that were written in the same pass for a later stage, where all of them are there still."""
        entries: list[dict[str, Any]] = self.manifest.get(_BESIDE, [])
        found = [(entry["folder"], entry["file"]) for entry in entries]
        there = all(self.storage.exists(f"{folder}/{file['name']}") for folder, file in found)
        return found if there else []

    def is_intact(self, name: str) -> bool:
        """Whether the files of one frame hold to the byte what was written; they are read for it."""
        return all(
            _digest(self.storage.blocks(f"{self.path}/{entry['name']}")) == entry["sha256"]
            for folder in self.files(name)
            for entry in folder.manifest["files"]
        )

    def scan(self, name: str = "part") -> ds.Dataset:
        """A lazy scan of one frame's Parquet files."""
        return self.storage.dataset(self._tables(name))

    def head(self, rows: int, columns: Sequence[str] | None = None, name: str = "part") -> pa.Table:
        """The first rows of one frame; little more than those is read."""
        found: list[pa.Table] = []
        for path in self._tables(name):
            left = rows - sum(map(len, found))
            if left or not found:
                found.append(_first_rows(self.storage, path, left, columns))
        return pa.concat_tables(found)

    def coded(self, columns: Sequence[str], name: str = "part") -> Iterator[pa.RecordBatch]:
        """Columns of one frame, in which lists of ids are places in a dictionary, as the files keep them (`engine.ids`)."""
        return row_groups(self.storage, self._tables(name), list(columns))

    def ids(self, column: str, name: str = "part") -> Iterator[pa.Array]:
        """The ids in the lists of a column of one frame, some of them several times; most files tell them by their dictionaries."""
        for path, entry in zip(self._tables(name), self._entries(name), strict=True):
            told = dictionaries(self.storage, path, entry, column)
            yield from told or (
                batch[column].flatten() for batch in row_groups(self.storage, [path], [column])
            )

    def _tables(self, name: str) -> list[str]:
        return [f"{self.path}/{entry['name']}" for entry in self._entries(name)]

    def _entries(self, name: str) -> list[dict[str, Any]]:
        return [entry for entry in self.manifest["files"] if entry["frame"] == name and _is_table(entry)]


def _first_rows(storage: Storage, path: str, rows: int, columns: Sequence[str] | None) -> pa.Table:
    with storage.open_input(path) as file, pq.ParquetFile(file, buffer_size=_HEAD_BUFFER) as table:
        wanted = list(columns or table.schema_arrow.names)
        first = next(table.iter_batches(rows, columns=wanted, use_threads=False), None)
        return table.schema_arrow.empty_table().select(wanted) if first is None else pa.table(first)


def _values(file: ds.ParquetFileFragment, column: str) -> int:
    groups = (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups))
    chunks = [group.column(place) for group in groups for place in range(group.num_columns)]
    of_column = [chunk for chunk in chunks if chunk.path_in_schema == column]
    nulls = sum(chunk.statistics.null_count for chunk in of_column if chunk.statistics)
    return int(sum(chunk.num_values for chunk in of_column) - nulls)


def _digest(blocks: Iterable[bytes]) -> str:
    content = hashlib.sha256()
    for block in blocks:
        content.update(block)
    return content.hexdigest()


def _is_table(entry: dict[str, Any]) -> bool:
    return str(entry["name"]).endswith(".parquet")


@dataclass
class _Content:
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
            f"{storage.uri(path)} is not there or not complete (no {layout.SUCCESS}); materialize the asset that writes it"
        )
    return Folder(storage, path, manifest)


def complete(storage: Storage, job: Job, asset: str) -> list[tuple[datetime, str]]:
    """The runs of which an asset's folder is complete, oldest first, each with the folder."""
    found = [
        entry.path for entry in storage.objects(layout.stages(job, asset)) if entry.name == layout.SUCCESS
    ]
    folders = [path.rpartition("/")[0] for path in found]
    return sorted((run_at, folder) for folder in folders if (run_at := layout.run_at_of(folder)))


def write_frames(storage: Storage, frames: Sequence[Frame]) -> dict[str, Folder]:
    """Write frames, each in one pass, and finish every folder with its `_SUCCESS`; gives the folders by path."""
    folders = {frame.folder: frame for frame in frames}
    folders |= {frame.lines.folder: frame for frame in frames if frame.lines}
    for path, frame in folders.items():
        if not frame.replaces_last:
            storage.clear(path)
    contents = {path: _Content() for path in folders}
    for frame in frames:
        contents[frame.folder].extra |= frame.manifest
        for path, entry in _written(storage, frame):
            if path in contents:
                contents[path].files.append(entry)
            else:
                contents[frame.folder].extra.setdefault(_BESIDE, []).append({"folder": path, "file": entry})
    for path, content in contents.items():
        _finish(storage, path, content)
    return {path: open_folder(storage, path) for path in folders}


def _written(storage: Storage, frame: Frame) -> list[Written]:
    token = secrets.token_hex(4)
    elsewhere = frame.spread(token) if frame.spread else ()
    files = [*elsewhere, *write_parts(storage, frame, token)]
    return files or list(_write_part(storage, frame, iter(()), f"{frame.name}-00000-{token}"))


def write_parts(storage: Storage, frame: Frame, token: str, piece: str = "") -> Iterator[Written]:
    """Write the rows of a frame, or of a piece of it; no file where there are none. Names hold the piece and the token."""
    rows = (batch for batch in frame.batches if len(batch))
    for number, part in enumerate(_parts(rows)):
        yield from _write_part(storage, frame, part, f"{frame.name}-{piece}{number:05d}-{token}")


def _parts(batches: Iterable[pa.RecordBatch]) -> Iterator[Iterator[pa.RecordBatch]]:
    rows = 0

    def file_number(batch: pa.RecordBatch) -> int:
        nonlocal rows
        rows += len(batch)
        return (rows - len(batch)) // _ROWS_PER_FILE

    for _, part in groupby(batches, file_number):
        yield part


def _write_part(
    storage: Storage, frame: Frame, part: Iterable[pa.RecordBatch], name: str
) -> Iterator[Written]:
    """One Parquet file and, where the frame has lines, the file of lines to it; and what is written in the same pass."""
    lines_of, beside = frame.lines, frame.beside
    with ExitStack() as stack:
        then, other, lines = _nothing, None, None
        if beside:
            path = f"{beside.folder}/{beside.name}{name.removeprefix(frame.name)}.parquet"
            other = stack.enter_context(table_file(storage, path, beside.schema))
            then = partial(_write_group, other, beside)
        path = f"{frame.folder}/{name}.parquet"
        table = stack.enter_context(table_file(storage, path, frame.schema_of_table, then))
        if lines_of:
            path = f"{lines_of.folder}/{name}{line_ending(lines_of.compression)}"
            lines = stack.enter_context(line_file(storage, path, lines_of.compression))
        for batch in part:
            if lines and lines_of:
                lines.write(batch[lines_of.column])
            table.write(batch.select(frame.schema_of_table.names))
    yield frame.folder, {**table.entry, "frame": frame.name}
    if lines and lines_of:
        yield lines_of.folder, {**lines.entry, "frame": frame.name}
    if other and beside:
        yield beside.folder, {**other.entry, "frame": beside.name}


def _write_group(file: TableFile, beside: Beside, group: pa.RecordBatch) -> None:
    file.write(beside.rows(group))
    file.end_group()


def _nothing(_group: pa.RecordBatch) -> None:
    """There is nothing beside the frame."""


def _finish(storage: Storage, path: str, content: _Content) -> None:
    names = {entry["name"] for entry in content.files}
    manifest = {
        "written_at": datetime.now(UTC).isoformat(),
        "rows": sum(entry["rows"] for entry in content.files),
        "bytes": sum(entry["bytes"] for entry in content.files),
        "files": sorted(content.files, key=lambda entry: str(entry["name"])),
        **content.extra,
    }
    storage.write(f"{path}/{layout.SUCCESS}", orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    for found in storage.objects(path):
        if found.name not in names and found.name != layout.SUCCESS:
            storage.remove(found.path)
    storage.remove_unfinished(path)
