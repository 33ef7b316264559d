"""Lines as Amazon Personalize writes them, without spaces or escapes, read byte by byte by compiled code.

Every text ends with a newline, and nothing that is looked for holds one, so no loop runs beyond the text.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from personalize_connectors.engine.kernels.compiled import inner, kernel
from personalize_connectors.engine.kernels.dictionary import (
    AT_ONCE,
    BASIS,
    Known,
    Wanted,
    lacks_room,
    look_up,
    mixed,
    nothing_known,
    room_for_steps,
    room_for_wanted,
    tag_of,
    with_room,
)
from personalize_connectors.engine.kernels.numbers import NOWHERE, Bytes, Place, read_numbers

_NEWLINE, _QUOTE, _COMMA, _BACKSLASH, _CLOSED_LIST, _CLOSED = (ord(each) for each in '\n",\\]}')
_SPACE, _TAB, _RETURN = (ord(each) for each in " \t\r")
# Whether a byte can stand in an id that is written without an escape.
_IN_IDS = np.array([each >= _SPACE and each not in (_QUOTE, _BACKSLASH) for each in range(256)])
_ONE, _TWO = np.uint64(1), np.uint64(2)
# Ids of several lines are looked up at once, so many and those of the last line, which waits less for memory.
_WORTH_LOOKING_UP = AT_ONCE // 2
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
        list_ends: Where its list ends among the codes.
        codes: The ids, as places in a dictionary.
        score_ends: Where its scores end in `scores`.
        without_scores: Whether it has no list of them.
        scores: The scores.
    """

    lines: np.ndarray
    query_ends: np.ndarray
    queries: Bytes
    list_ends: np.ndarray
    codes: np.ndarray
    score_ends: np.ndarray
    without_scores: np.ndarray
    scores: np.ndarray


def room_for(text: int) -> Room:
    """Room for the rows of so many bytes of text; memory that is not needed is never touched."""
    rows = text // _SHORTEST_LINE + 1
    room = Room(
        lines=np.empty(rows, np.int64),
        query_ends=np.empty(rows + 1, np.int32),
        queries=np.empty(text, np.uint8),
        list_ends=np.empty(rows + 1, np.int32),
        codes=np.empty(text // _SHORTEST_ID + 1, np.int32),
        score_ends=np.empty(rows + 1, np.int32),
        without_scores=np.empty(rows, np.bool_),
        scores=np.empty(text // _SHORTEST_NUMBER + 1),
    )
    for ends in (room.query_ends, room.list_ends, room.score_ends):
        ends[0] = 0
    return room


@kernel
def no_ids() -> Known:
    """The dictionary for the ids of a new room."""
    return nothing_known()


@kernel
def read_lines(
    text: Bytes,
    line: int,
    grammar: Grammar,
    room: Room,
    rows: int,
    known: Known,
    ids: int,
    others: np.ndarray,
) -> tuple[int, Known, int, int]:
    """Read lines: how many rows there are then, the dictionary, how many ids it holds, and how many lines are not plain.

    Args:
        text: Whole lines; the last one has its newline too.
        line: The number of the first one.
        grammar: What a plain line looks like.
        room: Where the plain ones go.
        rows: How many are there already.
        known: The dictionary of their ids.
        ids: How many it holds.
        others: Where the lines go that are not plain: their number, where they begin, and where the next one does.
    """
    place, odd, before = np.uint64(0), 0, rows
    steps, wanted = room_for_steps(), room_for_wanted(len(text) // _SHORTEST_ID + 1)
    while place < np.uint64(len(text)):
        number = line + rows - before + odd
        place, rows, odd, listed = _read_some(text, place, number, grammar, room, rows, wanted, others, odd)
        codes = room.codes[room.list_ends[rows] - listed : room.list_ends[rows]]
        for first in range(0, listed, AT_ONCE):
            found = codes[first : first + AT_ONCE]
            if lacks_room(known, ids, wanted, first, len(found)):
                known = with_room(known, ids, wanted, first, len(found))
            ids = look_up(text, wanted, first, known, ids, found, steps)
    return rows, known, ids, odd


@inner
def _read_some(
    text: Bytes,
    place: Place,
    line: int,
    grammar: Grammar,
    room: Room,
    rows: int,
    wanted: Wanted,
    others: np.ndarray,
    odd: int,
) -> tuple[Place, int, int, np.int64]:
    """Read lines until there are ids to look up: where the next one begins, rows and other lines there are then, and ids."""
    starts, ends, tags = wanted
    lines, query_ends, queries, list_ends, _, score_ends, without_scores, scores = room
    before_query, before_given, before_list, before_scores, before_end = grammar
    waiting = np.int64(0)
    while place < np.uint64(len(text)) and waiting < _WORTH_LOOKING_UP:
        query = _after(text, place, before_query)
        end = _end_of_id(text, query)
        behind = _after(text, _after_given(text, end, before_given), before_list)
        behind, listed = _read_ids(text, behind, starts, ends, tags, waiting)
        scored = behind != NOWHERE and text[behind] == _COMMA
        score_end = score_ends[rows]
        if scored:
            behind, score_end = read_numbers(text, _after(text, behind, before_scores), scores, score_end)
        behind = _after_rest(text, behind, before_end)
        if behind != NOWHERE:
            lines[rows], without_scores[rows], score_ends[rows + 1] = line, not scored, score_end
            query_ends[rows + 1] = query_ends[rows] + np.int64(end - query)
            _copy(text, query, end, queries, np.uint64(query_ends[rows]))
            list_ends[rows + 1] = list_ends[rows] + listed - waiting
            rows, waiting = rows + 1, listed
        else:
            behind = _next_line(text, place)
            others[odd, 0], others[odd, 1], others[odd, 2] = line, place, behind
            odd += 1
        place = behind
        line += 1
    return place, rows, odd, waiting


@inner
def _copy(text: Bytes, place: Place, end: Place, others: Bytes, other: Place) -> None:
    while place < end:
        others[other] = text[place]
        place += _ONE
        other += _ONE


@inner
def _after(text: Bytes, place: Place, wanted: Bytes) -> Place:
    """The place behind what is wanted; NOWHERE if something else stands there."""
    if place == NOWHERE:
        return NOWHERE
    for letter in wanted:
        if text[place] != letter:
            return NOWHERE
        place += _ONE
    return place


@inner
def _end_of_id(text: Bytes, place: Place) -> Place:
    """Where the quote stands that ends an id."""
    if place == NOWHERE:
        return NOWHERE
    end = place
    while _IN_IDS[text[end]]:
        end += _ONE
    return end if end > place and text[end] == _QUOTE else NOWHERE


@inner
def _after_given(text: Bytes, quote: Place, wanted: Bytes) -> Place:
    """Behind the quote, and behind the ids that the query gave itself, if it did."""
    if quote == NOWHERE or text[quote + _ONE] != _COMMA:
        return NOWHERE if quote == NOWHERE else quote + _ONE
    place = _after(text, quote + _ONE, wanted)
    while place != NOWHERE and text[place] == _QUOTE:
        quote = _end_of_id(text, place + _ONE)
        if quote == NOWHERE:
            return NOWHERE
        if text[quote + _ONE] == _CLOSED_LIST:
            return quote + _TWO
        place = quote + _TWO if text[quote + _ONE] == _COMMA else NOWHERE
    return NOWHERE


@inner
def _read_ids(
    text: Bytes, place: Place, starts: np.ndarray, ends: np.ndarray, tags: np.ndarray, waiting: np.int64
) -> tuple[Place, np.int64]:
    """The place behind a list, and how many ids are wanted then."""
    ids = np.uint64(waiting)
    while place != NOWHERE and text[place] == _QUOTE:
        place += _ONE
        hashed, start = BASIS, place
        while _IN_IDS[text[place]]:
            hashed = mixed(hashed, text[place])
            place += _ONE
        if text[place] != _QUOTE or place == start:
            break
        starts[ids], ends[ids], tags[ids] = start, place, tag_of(hashed)
        ids += _ONE
        place += _TWO
        if text[place - _ONE] == _CLOSED_LIST:
            return place, np.int64(ids)
        if text[place - _ONE] != _COMMA:
            break
    return NOWHERE, waiting


@inner
def _after_rest(text: Bytes, place: Place, wanted: Bytes) -> Place:
    """The next line, if nothing follows but the end of the object, perhaps with an `error` that is null."""
    if place == NOWHERE or text[place] != _CLOSED:
        return NOWHERE
    place += _ONE
    if text[place] == _COMMA:
        place = _after(text, place, wanted)
        if place == NOWHERE:
            return NOWHERE
    if text[place] != _CLOSED:
        return NOWHERE
    place += _ONE
    while text[place] == _SPACE or text[place] == _TAB or text[place] == _RETURN:
        place += _ONE
    return place + _ONE if text[place] == _NEWLINE else NOWHERE


@inner
def _next_line(text: Bytes, place: Place) -> Place:
    while text[place] != _NEWLINE:
        place += _ONE
    return place + _ONE
