"""Lines of text files as Arrow columns: the bytes are sliced at the newlines, never copied into Python strings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa

SCHEMA = pa.schema(
    [("file_no", pa.int32()), ("line", pa.int64()), ("utf8", pa.bool_()), ("text", pa.large_string())]
)

_NEWLINE = 10
_BOM = b"\xef\xbb\xbf"
_LONGEST = 1 << 30
_KEPT_OF_A_LONGER_LINE = 1 << 16


def line_batches(files: Iterable[Iterable[bytes]]) -> Iterator[pa.RecordBatch]:
    r"""All lines of some files, in order, in the columns of `SCHEMA`.

    Args:
        files: For each file its bytes in blocks of any size.

    `file_no` counts the files from 0 and `line` the lines of each from 1. A line keeps its newline. Bytes that are not
    UTF-8 come escaped (`\\xNN`) with `utf8` false. A line over 1 GiB comes as its beginning, so that it is reported and
    not read.
    """
    for file_no, blocks in enumerate(files):
        yield from lines_of(file_no, without_bom(blocks))


def lines_of(file_no: int, blocks: Iterable[bytes], line: int = 1) -> Iterator[pa.RecordBatch]:
    """The lines of a piece of a file that begins with this line, without a look for a byte order mark."""
    for text in _whole_lines(blocks):
        batch = _batch(file_no, line, text)
        line += batch.num_rows
        yield batch


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
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


def _batch(file_no: int, line: int, text: bytes) -> pa.RecordBatch:
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == _NEWLINE) + 1
    if not text.endswith(b"\n"):
        ends = np.append(ends, len(text))
    offsets = np.zeros(len(ends) + 1, np.int64)
    offsets[1:] = ends
    count = len(ends)
    texts = pa.LargeStringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))
    valid = np.ones(count, bool)
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:  # not UTF-8
        texts, valid = _escaped(text, offsets)
    numbers = np.arange(line, line + count, dtype=np.int64)
    return pa.record_batch(
        [np.full(count, file_no, np.int32), numbers, pa.array(valid), texts], schema=SCHEMA
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
