"""Lines of text files as Arrow columns: the bytes are sliced at the newlines, never copied into Python strings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, pairwise, starmap
from typing import NamedTuple

import numpy as np
import pyarrow as pa

SCHEMA = pa.schema(
    [("file_no", pa.int32()), ("line", pa.int64()), ("utf8", pa.bool_()), ("text", pa.large_string())]
)

NEWLINE = 10
_BOM = b"\xef\xbb\xbf"
_LONGEST = 1 << 30
_KEPT_OF_A_LONGER_LINE = 1 << 16


class Stretch(NamedTuple):
    """A file, or a piece of one.

    Attributes:
        file_no: Which file.
        blocks: Its bytes, in blocks of any size.
        line: The number of its first line.
    """

    file_no: int
    blocks: Iterable[bytes]
    line: int = 1


def stretches(files: Iterable[Iterable[bytes]]) -> Iterator[Stretch]:
    """Whole files, numbered from 0, of which each gives its bytes in blocks of any size."""
    return (Stretch(file_no, without_bom(blocks)) for file_no, blocks in enumerate(files))


def line_batches(files: Iterable[Iterable[bytes]]) -> Iterator[pa.RecordBatch]:
    """All lines of some files, in order, as `lines_of` gives them."""
    return chain.from_iterable(starmap(lines_of, stretches(files)))


def lines_of(file_no: int, blocks: Iterable[bytes], line: int = 1) -> Iterator[pa.RecordBatch]:
    r"""The lines of a stretch of a file, in the columns of `SCHEMA`.

    A line keeps its newline. Bytes that are not UTF-8 come escaped (`\\xNN`) with `utf8` false. A line over 1 GiB comes as its
    beginning, so that it is reported and not read.
    """
    for text in whole_lines(blocks):
        batch = all_lines(file_no, line, text)
        line += batch.num_rows
        yield batch


def whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Blocks that end at a newline, each non-empty; only the last may lack one."""
    pieces: list[bytes] = []
    held = 0
    for block in blocks:
        cut = block.rfind(b"\n") + 1
        if cut:
            yield b"".join([*pieces, memoryview(block)[:cut]])
            pieces, held = [], 0
        if held < _LONGEST:
            pieces.append(block[cut:])
            held += len(block) - cut
        else:
            pieces = [b"".join(pieces)[:_KEPT_OF_A_LONGER_LINE]]
    if rest := b"".join(pieces):
        yield rest


def without_bom(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The blocks without the byte order mark that a file can begin with, wherever the blocks are cut."""
    beginning: bytes | None = b""
    for block in blocks:
        if beginning is None:
            yield block
        elif len(beginning := beginning + block) >= len(_BOM):
            yield beginning.removeprefix(_BOM)
            beginning = None
    if beginning:
        yield beginning.removeprefix(_BOM)


def all_lines(file_no: int, line: int, text: bytes) -> pa.RecordBatch:
    """The lines of a text, of which the first one has this number."""
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == NEWLINE) + 1
    if not text.endswith(b"\n"):
        ends = np.append(ends, len(text))
    return _lines(file_no, np.arange(line, line + len(ends)), text, ends)


def some_lines(file_no: int, text: bytes, places: np.ndarray) -> pa.RecordBatch:
    """Some lines of a text; of each its number, where it begins and where the next one does."""
    numbers, starts, ends = places.T
    found = b"".join(text[start:end] for start, end in zip(starts, ends, strict=True))
    return _lines(file_no, numbers, found, np.cumsum(ends - starts))


def _lines(file_no: int, numbers: np.ndarray, text: bytes, ends: np.ndarray) -> pa.RecordBatch:
    count = len(ends)
    offsets = np.zeros(count + 1, np.int64)
    offsets[1:] = ends
    texts = pa.LargeStringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))
    valid = np.ones(count, bool)
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:  # not UTF-8
        texts, valid = _escaped(text, offsets)
    return pa.record_batch(
        [np.full(count, file_no, np.int32), pa.array(numbers, pa.int64()), pa.array(valid), texts],
        schema=SCHEMA,
    )


def _escaped(text: bytes, offsets: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    lines = [text[start:end] for start, end in pairwise(offsets)]
    texts = [line.decode("utf-8", "backslashreplace") for line in lines]
    valid = np.array([_is_utf8(line) for line in lines], bool)
    return pa.array(texts, pa.large_string()), valid


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
