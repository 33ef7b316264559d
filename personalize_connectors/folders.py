"""Partition folders: frames in, lazy scans out, `_SUCCESS` last."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from personalize_connectors.engine.frame import Frame
from personalize_connectors.errors import NotFound
from personalize_connectors.layout import SUCCESS
from personalize_connectors.storage import Sink, Storage

_ROWS_PER_FILE = 1_000_000
_ENDINGS = {"none": ".json", "gzip": ".json.gz", "zstd": ".json.zst"}


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
        files = [
            entry["name"] for entry in self.manifest["files"] if entry["frame"] == name and _is_table(entry)
        ]
        return self.storage.dataset([f"{self.path}/{file}" for file in files])


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
    columns = [column for column in frame.schema.names if not frame.lines or column != frame.lines.column]
    schema = pa.schema([frame.schema.field(column) for column in columns])
    with ExitStack() as stack:
        table = stack.enter_context(_file(storage, frame, frame.folder, f"{name}.parquet", written))
        writer = stack.enter_context(
            pq.ParquetWriter(
                table.sink, schema, compression="zstd", compression_level=1, use_dictionary=False
            )
        )
        lines = stack.enter_context(_LineWriter.open(storage, frame, name, written)) if frame.lines else None
        for batch in part:
            if not len(batch):
                continue
            table.entry["rows"] += len(batch)
            if lines and frame.lines:
                lines.write(batch[frame.lines.column])
            writer.write_batch(batch.select(columns))


@dataclass
class _OpenFile:
    """A file being written and its entry in the manifest."""

    sink: pa.NativeFile
    entry: dict[str, Any]


class _Tee:
    """A file for Arrow that counts and digests what goes through."""

    closed = False

    def __init__(self, sink: Sink, entry: dict[str, Any]) -> None:
        self._sink, self._entry, self._digest = sink, entry, hashlib.sha256()

    def write(self, data: bytes) -> int:
        view = memoryview(data).cast("B")
        self._digest.update(view)
        self._entry["bytes"] += len(view)
        self._sink.write(view)
        return len(view)

    def flush(self) -> None:
        """Nothing is held here."""

    def close(self) -> None:
        self._entry["sha256"] = self._digest.hexdigest()
        self.closed = True


@contextmanager
def _file(
    storage: Storage, frame: Frame, folder: str, name: str, written: dict[str, _Written]
) -> Iterator[_OpenFile]:
    entry = {"name": name, "frame": frame.name, "rows": 0, "bytes": 0}
    with storage.writer(f"{folder}/{name}") as file:
        tee = _Tee(file, entry)
        with pa.PythonFile(tee, mode="w") as sink:
            yield _OpenFile(sink, entry)
    written[folder].files.append(entry)


@dataclass
class _LineWriter:
    """Writes and compresses lines on a thread of its own, one batch behind the one that is being made."""

    file: _OpenFile
    sink: pa.NativeFile
    thread: ThreadPoolExecutor
    pending: Future[None] | None = None

    @classmethod
    @contextmanager
    def open(
        cls, storage: Storage, frame: Frame, name: str, written: dict[str, _Written]
    ) -> Iterator[_LineWriter]:
        assert frame.lines  # noqa: S101 - only called for frames with lines
        form = frame.lines.compression
        with ExitStack() as stack:
            file = stack.enter_context(
                _file(storage, frame, frame.lines.folder, f"{name}{_ENDINGS[form]}", written)
            )
            sink = (
                file.sink
                if form == "none"
                else stack.enter_context(pa.CompressedOutputStream(file.sink, form))
            )
            thread = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="lines"))
            writer = cls(file, sink, thread)
            yield writer
            writer.settle()

    def write(self, column: pa.Array) -> None:
        """Take the lines of one batch; they stand one after the other in the column's buffer."""
        self.settle()
        self.file.entry["rows"] += len(column)
        self.pending = self.thread.submit(self._write, column)

    def settle(self) -> None:
        """Wait for the batch before; its error is raised here."""
        if self.pending:
            self.pending.result()

    def _write(self, column: pa.Array) -> None:
        column = column.cast(pa.large_binary())
        _, offsets, data = column.buffers()
        places = np.frombuffer(offsets, np.int64)
        first = places[column.offset]
        self.sink.write(data.slice(first, places[column.offset + len(column)] - first))


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
