"""Rows of a batch output out of its plain lines, a row group at a time, and the lines that are not plain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from personalize_connectors.engine.frame import ROWS_PER_GROUP
from personalize_connectors.engine.gather import Ints
from personalize_connectors.engine.kernels.plain_lines import Bytes, Grammar, Rows, read_lines, room_for
from personalize_connectors.engine.lines import Stretch, all_lines, some_lines, whole_lines

# What a plain line tells.
SCHEMA = pa.schema(
    [
        ("file_no", pa.int32()),
        ("line", pa.int64()),
        ("query", pa.string()),
        ("recommended", pa.list_(pa.string())),
        ("scores", pa.list_(pa.float64())),
    ]
)

# Bytes of a row group. A longer text is one line or two, and room for it would be several times as large.
_LARGEST_GROUP, _LONGEST_TEXT = 64 << 20, 128 << 20


def grammar(id_key: str, list_key: str) -> Grammar:
    """What a plain line looks like: as Amazon Personalize writes it, without spaces or escapes."""
    texts = (
        f'{{"input":{{"{id_key}":"',
        ',"itemList":[',
        f'}},"output":{{"{list_key}":[',
        ',"scores":[',
        ',"error":null',
    )
    return Grammar(*(np.frombuffer(text.encode(), np.uint8) for text in texts))


def plain_rows(
    stretches: Iterable[Stretch], plain: Grammar
) -> Iterator[tuple[pa.RecordBatch, list[pa.RecordBatch]]]:
    """Row groups in the columns of `SCHEMA`, each with the lines among them that are not plain (the columns of `engine.lines`)."""
    read: list[tuple[int, Rows]] = []
    others: list[pa.RecordBatch] = []
    lines = size = 0
    for file_no, blocks, first in stretches:
        line = first
        for text in whole_lines(blocks):
            rows, odd = _read(file_no, line, text, plain)
            read.append((file_no, rows))
            others.append(odd)
            line += len(rows.lines) + len(odd)
            lines += len(rows.lines) + len(odd)
            size += sum(part.nbytes for part in rows) + odd.nbytes
            if lines >= ROWS_PER_GROUP or size >= _LARGEST_GROUP:
                yield _group(read), others
                read, others, lines, size = [], [], 0, 0
    if read:
        yield _group(read), others


def _read(file_no: int, line: int, text: bytes, plain: Grammar) -> tuple[Rows, pa.RecordBatch]:
    if len(text) > _LONGEST_TEXT or not _is_utf8(text):
        return _kept(room_for(0, 0), 0, line), all_lines(file_no, line, text)
    text = text if text.endswith(b"\n") else text + b"\n"
    lines = text.count(b"\n")
    room, others = room_for(len(text), lines), np.empty((lines, 3), np.int64)
    found = read_lines(np.frombuffer(text, np.uint8), plain, room, others)
    others = others[: lines - found] + [line, 0, 0]
    return _kept(room, found, line), some_lines(file_no, text, others)


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _kept(room: Rows, rows: int, line: int) -> Rows:
    """The rows without what is left of their room."""
    ids = room.counts[:rows].sum()
    return Rows(
        room.lines[:rows] + line,
        room.query_sizes[:rows].copy(),
        room.queries[: room.query_sizes[:rows].sum()].copy(),
        room.counts[:rows].copy(),
        room.id_sizes[:ids].copy(),
        room.ids[: room.id_sizes[:ids].sum()].copy(),
        room.score_counts[:rows].copy(),
        room.scores[: room.score_counts[:rows].clip(0).sum()].copy(),
    )


def _group(read: list[tuple[int, Rows]]) -> pa.RecordBatch:
    files, parts = zip(*read, strict=True)
    rows = Rows(*map(np.concatenate, zip(*parts, strict=True)))
    columns = [
        np.repeat(np.array(files, np.int32), [len(part.lines) for part in parts]),
        rows.lines,
        _texts(rows.query_sizes, rows.queries),
        pa.ListArray.from_arrays(_offsets(rows.counts), _texts(rows.id_sizes, rows.ids)),
        pa.ListArray.from_arrays(
            _offsets(rows.score_counts.clip(0)), pa.array(rows.scores), mask=pa.array(rows.score_counts < 0)
        ),
    ]
    return pa.record_batch(columns, schema=SCHEMA)


def _texts(sizes: Ints, letters: Bytes) -> pa.StringArray:
    return pa.StringArray.from_buffers(len(sizes), _offsets(sizes).buffers()[1], pa.py_buffer(letters))


def _offsets(sizes: Ints) -> pa.Int32Array:
    ends = np.zeros(len(sizes) + 1, np.int32)
    np.cumsum(sizes, out=ends[1:])
    return pa.array(ends)
