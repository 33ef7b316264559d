"""A file of lines, compressed in pieces on all processors.

Each piece of text is a frame (zstd) or member (gzip) of its own; one behind the other they are a file of that format
(RFC 8878, 3; RFC 1952, 2.2). Of lines that are not put together yet, a frame may be made of several pieces (`zstd_sequences`).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa

from personalize_connectors.joined_lines import JoinedLines, joined_lines, text_of
from personalize_connectors.storage import Storage
from personalize_connectors.written_file import WrittenFile, written_file

_ENDINGS = {"none": ".json", "gzip": ".json.gz", "zstd": ".json.zst"}
_MOST_THREADS, _PIECES_PER_THREAD = 4, 4
# Of pieces that are no text yet, which are made and compressed within a millisecond or two: what is worked out for the next ones
# takes as long as some of them.
_SMALL_PIECES_PER_THREAD = 16


def line_ending(compression: str) -> str:
    """How the name of such a file ends."""
    return _ENDINGS[compression]


@dataclass
class LineFile:
    """Takes lines; those of some batches are being compressed while the next ones are made."""

    file: WrittenFile
    compressed: Callable[[pa.Buffer], pa.Buffer | bytes]
    joined: JoinedLines
    compressing: ThreadPoolExecutor
    writing: ThreadPoolExecutor
    width: int
    pending: deque[Future[None]] = field(default_factory=deque)

    @property
    def entry(self) -> dict[str, Any]:
        """Its entry in the manifest."""
        return self.file.entry

    def write(self, column: pa.Array) -> None:
        """Take the lines of one batch: text that stands one after the other in the column's buffer, or rows of `engine.pieces`."""
        self.entry["rows"] += len(column)
        if not pa.types.is_struct(column.type):
            self.put(text_of(column))
        elif len(column):
            for part in self.joined.take(column):
                self._put(part, _SMALL_PIECES_PER_THREAD if self.joined.known else _PIECES_PER_THREAD)

    def put(self, text: pa.Buffer) -> None:
        """Take a piece of text."""
        self._put(partial(self.compressed, text))

    def end(self) -> None:
        """Wait until all is written."""
        for part in self.joined.end():
            self._put(part)
        if not self.entry["rows"]:  # an empty file would be none of its format
            self.put(pa.py_buffer(b""))
        self.settle(0)

    def _put(self, part: Callable[[], pa.Buffer | bytes], each: int = _PIECES_PER_THREAD) -> None:
        piece = self.compressing.submit(part)
        self.pending.append(self.writing.submit(self._write, piece))
        self.settle(each * self.width)

    def settle(self, left: int) -> None:
        """Wait until at most so many pieces are on their way; an error of one is raised here."""
        while len(self.pending) > left:
            self.pending.popleft().result()

    def _write(self, piece: Future[pa.Buffer | bytes]) -> None:
        self.file.sink.write(piece.result())


def compressed(text: pa.Buffer, compression: str) -> pa.Buffer | bytes:
    """A piece as it stands in the file; its memory is as large as it, for the storage holds many small ones before it sends them."""
    return text if compression == "none" else pa.Codec(compression).compress(text, asbytes=True)


@contextmanager
def line_file(storage: Storage, path: str, compression: str) -> Iterator[LineFile]:
    """Write a file of lines, which is there when the block ends."""
    width = min(_MOST_THREADS, os.cpu_count() or 1)
    each = partial(compressed, compression=compression)
    with (
        written_file(storage, path) as file,
        joined_lines(each, known_matches=compression == "zstd") as joined,
        ThreadPoolExecutor(width, thread_name_prefix="compress") as compressing,
        ThreadPoolExecutor(1, thread_name_prefix="write") as writing,
    ):
        lines = LineFile(file, each, joined, compressing, writing, width)
        yield lines
        lines.end()
