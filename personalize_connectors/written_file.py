"""A file that is being written, counted and digested on its way to the storage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from personalize_connectors.storage import Sink, Storage


@dataclass
class WrittenFile:
    """Where Arrow writes to, and the file's entry in the manifest."""

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
def written_file(storage: Storage, path: str) -> Iterator[WrittenFile]:
    """Write a file, which is there when the block ends."""
    entry = {"name": path.rpartition("/")[2], "rows": 0, "bytes": 0}
    with storage.writer(path) as file, pa.PythonFile(_Tee(file, entry), mode="w") as sink:
        yield WrittenFile(sink, entry)
