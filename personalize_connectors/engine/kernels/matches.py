"""Rows of pieces as sequences of literals and matches (`engine.known_matches` says what those are)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from personalize_connectors.engine.kernels.compiled import inner, kernel

Bytes = np.ndarray

_COMMA = ord(",")


class Rows(NamedTuple):
    """Rows `head document,document,... tail`. Texts are one after the other, with the places where they begin, and the last one ends.

    Attributes:
        head_places: Where the heads begin in `heads`.
        heads: The head of each row.
        codes: The documents of all rows, one row after the other, as places among `documents`.
        counts: How many documents each row has.
        document_places: Where the documents begin in `documents`.
        documents: What stands in many rows.
        tail: What each row ends with.
    """

    head_places: np.ndarray
    heads: Bytes
    codes: np.ndarray
    counts: np.ndarray
    document_places: np.ndarray
    documents: Bytes
    tail: Bytes


class Limits(NamedTuple):
    """How far back a match may lie, and how many bytes a block may hold."""

    window: int
    block: int


@kernel
def find_matches(rows: Rows, last: np.ndarray, place: int, limits: Limits) -> tuple[np.ndarray, Bytes, int]:
    """The sequences of some rows (`Sequences.table`), their literals, and the place in the text behind them.

    Args:
        rows: The rows.
        last: Where each document was written last, or rather its comma, and at the end the tail; it is brought up to date.
        place: The bytes of the text before the rows.
        limits: What holds of matches and blocks.
    """
    size, tail = _size(rows), len(rows.tail)
    pieces = len(rows.codes) + len(rows.counts)
    table = np.zeros((pieces + 2 * size // limits.block + 2, 4), np.uint32)
    literals = np.empty(size, np.uint8)
    sequences, taken, told, begun = 0, 0, 0, place
    at = 0
    for row in range(len(rows.counts)):
        start, end = rows.head_places[row], rows.head_places[row + 1]
        if place + end - start - begun > limits.block:
            sequences, told, begun = _end_block(table, sequences, taken, told), taken, place
        taken = _copy(rows.heads, start, end, literals, taken)
        place += end - start
        for nth in range(rows.counts[row]):
            code, comma = rows.codes[at], min(nth, 1)
            at += 1
            start, end = rows.document_places[code], rows.document_places[code + 1]
            length = comma + end - start
            if place + length - begun > limits.block:
                sequences, told, begun = _end_block(table, sequences, taken, told), taken, place
            # Of a first document, which has no comma, it is where the comma would be.
            back = place - 1 + comma - last[code]
            if back < limits.window:
                sequences, told = _match(table, sequences, taken, told, back, length), taken
            else:
                if comma:
                    literals[taken] = _COMMA
                taken = _copy(rows.documents, start, end, literals, taken + comma)
            if comma:
                last[code] = place
            place += length
        if place + tail - begun > limits.block:
            sequences, told, begun = _end_block(table, sequences, taken, told), taken, place
        back = place - last[-1]
        if back < limits.window:
            sequences, told = _match(table, sequences, taken, told, back, tail), taken
        else:
            taken = _copy(rows.tail, 0, tail, literals, taken)
        last[-1] = place
        place += tail
    sequences = _end_block(table, sequences, taken, told)
    return table[:sequences], literals[:taken], place


@inner
def _size(rows: Rows) -> int:
    """The bytes of the text of some rows, or a few more."""
    size: int = (
        rows.head_places[-1] - rows.head_places[0] + len(rows.tail) * len(rows.counts) + len(rows.codes)
    )
    for code in rows.codes:
        size += rows.document_places[code + 1] - rows.document_places[code]
    return size


@inner
def _match(table: np.ndarray, sequences: int, taken: int, told: int, back: int, length: int) -> int:
    table[sequences, 0], table[sequences, 1], table[sequences, 2] = back, taken - told, length
    return sequences + 1


@inner
def _end_block(table: np.ndarray, sequences: int, taken: int, told: int) -> int:
    table[sequences, 1] = taken - told
    return sequences + 1


@inner
def _copy(text: Bytes, start: int, end: int, target: Bytes, place: int) -> int:
    for each in range(start, end):
        target[place + each - start] = text[each]
    return place + end - start
