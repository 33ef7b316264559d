"""Rows of a batch output out of its plain lines, a row group at a time, and the lines that are not plain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa

from personalize_connectors.engine.frame import ROWS_PER_GROUP
from personalize_connectors.engine.gather import Ints
from personalize_connectors.engine.ids import coded
from personalize_connectors.engine.kernels.dictionary import Known
from personalize_connectors.engine.kernels.numbers import Bytes
from personalize_connectors.engine.kernels.plain_lines import Grammar, Room, no_ids, read_lines, room_for
from personalize_connectors.engine.lines import Stretch, all_lines, some_lines, whole_lines

# What a plain line tells; ids are places in a dictionary (`engine.ids`).
SCHEMA = pa.schema(
    [
        ("file_no", pa.int32()),
        ("line", pa.int64()),
        ("query", pa.string()),
        ("recommended", pa.list_(pa.field("element", pa.dictionary(pa.int32(), pa.string())))),
        ("scores", pa.list_(pa.float64())),
    ]
)

# Bytes of text of a row group; longer texts are one line or two, and are not worth the room.
_TEXT_PER_GROUP = 96 << 20
# A dictionary is kept for the next row group where so much of it was used, and its ids are no more bytes.
_MOST_OF_IT, _MOST_LETTERS = 0.75, 64 << 20


@dataclass
class _Held:
    """Lines until they are a row group.

    Attributes:
        room: The rows of those that are plain.
        rows: How many rows there are.
        known: The dictionary of their ids.
        ids: How many ids it holds.
        files: For each text the number of its file, and how many rows it has.
        others: The lines that are not plain.
        lines: How many lines there are.
        text: How many bytes of text they were.
    """

    room: Room = field(default_factory=partial(room_for, _TEXT_PER_GROUP))
    rows: int = 0
    known: Known = field(default_factory=no_ids)
    ids: int = 0
    files: list[tuple[int, int]] = field(default_factory=list)
    others: list[pa.RecordBatch] = field(default_factory=list)
    lines: int = 0
    text: int = 0


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
    held = _Held()
    for file_no, blocks, first in stretches:
        line = first
        for text in whole_lines(blocks):
            if held.lines >= ROWS_PER_GROUP or held.text + len(text) > _TEXT_PER_GROUP:
                yield _group(held), held.others
                held = _after(held)
            line += _read(held, file_no, line, text, plain)
    yield _group(held), held.others


def _after(held: _Held) -> _Held:
    """Of the next row group: with the same dictionary, if that can be expected to be its own; who looks ids up has done so then."""
    used = np.zeros(held.ids, bool)
    used[held.room.codes[: held.room.list_ends[held.rows]]] = True
    if np.count_nonzero(used) < _MOST_OF_IT * held.ids or held.known.ends[held.ids] > _MOST_LETTERS:
        return _Held()
    return _Held(known=held.known, ids=held.ids)


def _read(held: _Held, file_no: int, line: int, text: bytes, plain: Grammar) -> int:
    """Take lines of a file, of which the first one has this number; how many they are."""
    if len(text) > _TEXT_PER_GROUP or not _is_utf8(text):
        held.others.append(all_lines(file_no, line, text))
        lines = len(held.others[-1])
    else:
        text = text if text.endswith(b"\n") else text + b"\n"
        letters = np.frombuffer(text, np.uint8)
        others = np.empty((len(text), 3), np.int64)  # no line is shorter than a byte
        rows, held.known, held.ids, odd = read_lines(
            letters, line, plain, held.room, held.rows, held.known, held.ids, others
        )
        lines = rows - held.rows + odd
        held.files.append((file_no, rows - held.rows))
        held.rows = rows
        if odd:
            held.others.append(some_lines(file_no, text, others[:odd]))
    held.lines += lines
    held.text += len(text)
    return lines


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _group(held: _Held) -> pa.RecordBatch:
    """The rows, in the memory where they were put."""
    room, rows, known = held.room, held.rows, held.known
    ids = coded(
        pa.array(room.codes[: room.list_ends[rows]]), _texts(known.ends[: held.ids + 1], known.letters)
    )
    files, counts = np.array(held.files, np.int32).reshape(-1, 2).T
    columns = [
        pa.array(np.repeat(files, counts)),
        pa.array(room.lines[:rows]),
        _texts(room.query_ends[: rows + 1], room.queries),
        pa.ListArray.from_arrays(pa.array(room.list_ends[: rows + 1]), ids).cast(
            SCHEMA.field("recommended").type
        ),
        pa.ListArray.from_arrays(
            pa.array(room.score_ends[: rows + 1]),
            pa.array(room.scores[: room.score_ends[rows]]),
            mask=pa.array(room.without_scores[:rows]),
        ),
    ]
    return pa.record_batch(columns, schema=SCHEMA)


def _texts(ends: Ints, letters: Bytes) -> pa.StringArray:
    return pa.StringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), pa.py_buffer(letters[: ends[-1]]))
