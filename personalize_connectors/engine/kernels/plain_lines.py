"""Lines as Amazon Personalize writes them, without spaces or escapes, read byte by byte by compiled code.

Every text ends with a newline, and nothing that is looked for holds one, so no loop runs beyond the text.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from personalize_connectors.engine.kernels.compiled import compiled, kernel

Bytes = np.ndarray

_NEWLINE, _QUOTE, _COMMA, _BACKSLASH, _CLOSED_LIST, _CLOSED = (ord(each) for each in '\n",\\]}')
_SPACE, _TAB, _RETURN = (ord(each) for each in " \t\r")
_MINUS, _PLUS, _POINT, _ZERO, _NINE, _E, _LARGE_E = (ord(each) for each in "-+.09eE")
_NO_LETTERS = (_QUOTE, _BACKSLASH)
# What is no part of a plain line.
_OTHER = -1
# A whole number below this one, and powers of ten up to this one, are exact as floats; so is one division or product of them.
_INEXACT, _LARGEST_POWER = 1 << 53, 22
_POWERS = 10.0 ** np.arange(_LARGEST_POWER + 1)
# At least so many bytes are a line, an id and a number, with what stands around them.
_SHORTEST_LINE, _SHORTEST_ID, _SHORTEST_NUMBER = 32, 4, 2


class Grammar(NamedTuple):
    """What stands between the parts of a plain line: before the query, and before the lists that follow."""

    query: Bytes
    given: Bytes
    recommended: Bytes
    scores: Bytes
    error: Bytes


class Room(NamedTuple):
    """Room for rows: what each line has, and the parts of all of them one after the other.

    Attributes:
        lines: The number of each line.
        query_ends: Where its query ends in `queries`; like all ends, behind a 0.
        queries: The queries.
        list_ends: Where its list ends among the ids.
        id_ends: Where each id ends in `ids`.
        ids: The ids.
        score_ends: Where its scores end in `scores`.
        without_scores: Whether it has no list of them.
        scores: The scores.
    """

    lines: np.ndarray
    query_ends: np.ndarray
    queries: Bytes
    list_ends: np.ndarray
    id_ends: np.ndarray
    ids: Bytes
    score_ends: np.ndarray
    without_scores: np.ndarray
    scores: np.ndarray


def room_for(text: int) -> Room:
    """Room for the rows of so many bytes of text; memory that is not needed is never touched."""
    rows, ids = text // _SHORTEST_LINE + 1, text // _SHORTEST_ID + 1
    room = Room(
        lines=np.empty(rows, np.int64),
        query_ends=np.empty(rows + 1, np.int32),
        queries=np.empty(text, np.uint8),
        list_ends=np.empty(rows + 1, np.int32),
        id_ends=np.empty(ids + 1, np.int32),
        ids=np.empty(text, np.uint8),
        score_ends=np.empty(rows + 1, np.int32),
        without_scores=np.empty(rows, np.bool_),
        scores=np.empty(text // _SHORTEST_NUMBER + 1),
    )
    for ends in (room.query_ends, room.list_ends, room.id_ends, room.score_ends):
        ends[0] = 0
    return room


@kernel
def read_lines(
    text: Bytes, line: int, grammar: Grammar, room: Room, rows: int, others: np.ndarray
) -> tuple[int, int]:
    """Read lines: how many rows there are then, and how many lines of the text are not plain.

    Args:
        text: Whole lines; the last one has its newline too.
        line: The number of the first one.
        grammar: What a plain line looks like.
        room: Where the plain ones go.
        rows: How many are there already.
        others: Where the lines go that are not plain: their number, where they begin, and where the next one does.
    """
    place, odd = 0, 0
    while place < len(text):
        query = _after(text, place, grammar.query)
        end = _end_of_id(text, query)
        behind = _after(text, _after_given(text, end, grammar.given), grammar.recommended)
        behind, ids = _read_ids(text, behind, room, room.list_ends[rows])
        scores = room.score_ends[rows]
        scored = behind >= 0 and text[behind] == _COMMA
        if scored:
            behind, scores = _read_numbers(text, _after(text, behind, grammar.scores), room.scores, scores)
        behind = _after_rest(text, behind, grammar.error)
        if behind >= 0:
            queried = room.query_ends[rows]
            for letter in range(query, end):
                room.queries[queried + letter - query] = text[letter]
            room.lines[rows], room.query_ends[rows + 1] = line, queried + end - query
            room.list_ends[rows + 1], room.score_ends[rows + 1] = ids, scores
            room.without_scores[rows] = not scored
            rows += 1
        else:
            behind = _next_line(text, place)
            others[odd, 0], others[odd, 1], others[odd, 2] = line, place, behind
            odd += 1
        place = behind
        line += 1
    return rows, odd


@compiled
def _after(text: Bytes, place: int, wanted: Bytes) -> int:
    """The place behind what is wanted; OTHER if something else stands there."""
    if place < 0:
        return _OTHER
    for letter in wanted:
        if text[place] != letter:
            return _OTHER
        place += 1
    return place


@compiled
def _end_of_id(text: Bytes, place: int) -> int:
    """Where the quote stands that ends an id."""
    if place < 0:
        return _OTHER
    end = place
    while text[end] >= _SPACE and text[end] not in _NO_LETTERS:
        end += 1
    return end if end > place and text[end] == _QUOTE else _OTHER


@compiled
def _after_given(text: Bytes, quote: int, wanted: Bytes) -> int:
    """Behind the quote, and behind the ids that the query gave itself, if it did."""
    if quote < 0 or text[quote + 1] != _COMMA:
        return quote + 1 if quote >= 0 else _OTHER
    place = _after(text, quote + 1, wanted)
    while place >= 0 and text[place] == _QUOTE:
        place = _end_of_id(text, place + 1) + 1
        if place > 0 and text[place] == _CLOSED_LIST:
            return place + 1
        place = place + 1 if place > 0 and text[place] == _COMMA else _OTHER
    return _OTHER


@compiled
def _read_ids(text: Bytes, place: int, room: Room, ids: int) -> tuple[int, int]:
    """The place behind a list, and how many ids there are then."""
    letters = room.id_ends[ids]
    while place >= 0 and text[place] == _QUOTE:
        place += 1
        begun, letter = letters, text[place]
        while letter >= _SPACE and letter not in _NO_LETTERS:
            room.ids[letters] = letter
            letters, place = letters + 1, place + 1
            letter = text[place]
        if letter != _QUOTE or letters == begun:
            break
        room.id_ends[ids + 1] = letters
        ids, letter, place = ids + 1, text[place + 1], place + 2
        if letter == _CLOSED_LIST:
            return place, ids
        if letter != _COMMA:
            break
    return _OTHER, ids


@compiled
def _read_numbers(text: Bytes, place: int, numbers: np.ndarray, count: int) -> tuple[int, int]:
    """The place behind a list, which may be empty, and how many numbers there are then."""
    if place >= 0 and text[place] == _CLOSED_LIST:
        return place + 1, count
    while place >= 0:
        place, numbers[count] = _number(text, place)
        if place < 0:
            break
        count += 1
        place += 1
        if text[place - 1] == _CLOSED_LIST:
            return place, count
        if text[place - 1] != _COMMA:
            break
    return _OTHER, count


@compiled
def _number(text: Bytes, place: int) -> tuple[int, float]:
    """A JSON number (RFC 8259, 6) that takes no more than one exact operation to read, and the place behind it."""
    negative = text[place] == _MINUS
    whole = place + 1 if negative else place
    value, place = _digits(text, whole, 0)
    if place == whole or (text[whole] == _ZERO and place > whole + 1):
        return _OTHER, 0.0
    power = 0
    if text[place] == _POINT:
        fraction = place + 1
        value, place = _digits(text, fraction, value)
        power = fraction - place
        if not power:
            return _OTHER, 0.0
    if text[place] == _E or text[place] == _LARGE_E:
        exponent = place + 2 if text[place + 1] == _MINUS or text[place + 1] == _PLUS else place + 1
        size, end = _digits(text, exponent, 0)
        if end == exponent or size > _LARGEST_POWER:
            return _OTHER, 0.0
        power += -size if text[place + 1] == _MINUS else size
        place = end
    if value >= _INEXACT or abs(power) > _LARGEST_POWER:
        return _OTHER, 0.0
    if negative and not value:  # a zero that others read without its sign
        return _OTHER, 0.0
    found = value / _POWERS[-power] if power < 0 else value * _POWERS[power]
    return place, -found if negative else found


@compiled
def _digits(text: Bytes, place: int, value: int) -> tuple[int, int]:
    """A number with further digits behind it, and the place behind them; from `_INEXACT` on it only tells that it is as large."""
    while _ZERO <= text[place] <= _NINE:
        if value < _INEXACT:
            value = 10 * value + text[place] - _ZERO
        place += 1
    return value, place


@compiled
def _after_rest(text: Bytes, place: int, wanted: Bytes) -> int:
    """The next line, if nothing follows but the end of the object, perhaps with an `error` that is null."""
    if place < 0 or text[place] != _CLOSED:
        return _OTHER
    place += 1
    if text[place] == _COMMA:
        place = _after(text, place, wanted)
        if place < 0:
            return _OTHER
    if text[place] != _CLOSED:
        return _OTHER
    place += 1
    while text[place] == _SPACE or text[place] == _TAB or text[place] == _RETURN:
        place += 1
    return place + 1 if text[place] == _NEWLINE else _OTHER


@compiled
def _next_line(text: Bytes, place: int) -> int:
    while text[place] != _NEWLINE:
        place += 1
    return place + 1
