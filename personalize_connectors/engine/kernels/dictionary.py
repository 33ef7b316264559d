"""Ids as places in a dictionary of them, in the order in which they are met.

A hash table with open addressing. What a lookup waits for is memory, of which each step needs other places; so each step is made
for many ids before the next one, and the waiting overlaps. That an id stands behind the slot that its hash tells, a step of its own finds.

Of what compiled functions do at each byte or id, two things would take as long as all else: to ask whether a place counts from the
end, which is why places are unsigned; and to count who holds an array, which is done whenever one is taken out of a tuple.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from personalize_connectors.engine.kernels.compiled import compiled, inner, kernel

# The most ids that are looked up together.
AT_ONCE = 1024
_FEWEST_IDS, _FEWEST_LETTERS = 1 << 11, 1 << 16
# FNV-1a, and the multiplier of Fibonacci hashing, which brings what differs into the upper bits.
BASIS, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_GOLDEN, _HALF = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)
_ONE = np.uint64(1)
# A slot that no id has; there are never so many ids that their last one could have it with a hash of ones.
_FREE = np.uint64((1 << 64) - 1)
_CODE = np.uint64((1 << 32) - 1)


class Known(NamedTuple):
    """Ids, and room for more.

    Attributes:
        slots: At a place that its hash tells, or behind it, an id's hash (32 bits) and code (32 bits).
        ends: Where each id ends in `letters`, and 0 before the first one.
        letters: The ids, one after the other.
    """

    slots: np.ndarray
    ends: np.ndarray
    letters: np.ndarray


class Wanted(NamedTuple):
    """Ids to look up: where each begins and ends among the letters of all, and its hash."""

    starts: np.ndarray
    ends: np.ndarray
    tags: np.ndarray


class Steps(NamedTuple):
    """What a step found for each of the ids that are looked up at once."""

    found: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray
    first_letters: np.ndarray


@kernel
def encoded(offsets: np.ndarray, letters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The code of each id, and the dictionary, like the ids as offsets and letters."""
    codes = np.empty(len(offsets) - 1, np.int32)
    known, ids, steps, wanted = nothing_known(), 0, room_for_steps(), room_for_wanted(AT_ONCE)
    starts, ends, tags = wanted
    for start in range(0, len(codes), AT_ONCE):
        end = min(start + AT_ONCE, len(codes))
        for each in range(start, end):
            hashed, place, behind = BASIS, np.uint64(offsets[each]), np.uint64(offsets[each + 1])
            starts[each - start], ends[each - start] = place, behind
            while place < behind:
                hashed = mixed(hashed, letters[place])
                place += _ONE
            tags[each - start] = tag_of(hashed)
        found = codes[start:end]
        if lacks_room(known, ids, wanted, 0, len(found)):
            known = with_room(known, ids, wanted, 0, len(found))
        ids = look_up(letters, wanted, 0, known, ids, found, steps)
    return codes, known.ends[: ids + 1].copy(), known.letters[: known.ends[ids]].copy()


@compiled
def nothing_known() -> Known:
    """A dictionary without an id."""
    return _room(_FEWEST_IDS, _FEWEST_LETTERS)


@compiled
def room_for_steps() -> Steps:
    """What `look_up` puts its steps into."""
    return Steps(
        np.empty(AT_ONCE, np.uint64),
        np.empty(AT_ONCE, np.uint64),
        np.empty(AT_ONCE, np.uint64),
        np.empty(AT_ONCE, np.uint8),
    )


@compiled
def room_for_wanted(ids: int) -> Wanted:
    """Room for so many ids; memory that is not needed is never touched."""
    return Wanted(np.empty(ids, np.uint64), np.empty(ids, np.uint64), np.empty(ids, np.uint64))


@inner
def mixed(hashed: np.uint64, letter: int) -> np.uint64:
    """The hash of an id's beginning, from `BASIS` on, with its next letter."""
    return (hashed ^ np.uint64(letter)) * _PRIME


@inner
def tag_of(hashed: np.uint64) -> np.uint64:
    """What `Wanted.tags` holds of the hash of an id."""
    return ((hashed ^ (hashed >> _HALF)) * _GOLDEN) >> _HALF


@compiled
def _room(ids: int, letters: int) -> Known:
    return Known(np.full(2 * ids, _FREE), np.zeros(ids + 1, np.int32), np.empty(letters, np.uint8))


@inner
def lacks_room(known: Known, ids: int, wanted: Wanted, first: int, count: int) -> bool:
    """Whether `with_room` is needed before so many ids are looked up, beginning with one of the wanted ones."""
    letters = known.ends[ids] + _size(wanted, first, count)
    return ids + count >= len(known.ends) or letters >= len(known.letters)


@inner
def _size(wanted: Wanted, first: int, count: int) -> np.int64:
    """The bytes of so many ids, or more."""
    return np.int64(wanted.ends[first + count - 1] - wanted.starts[first])


@compiled
def with_room(known: Known, ids: int, wanted: Wanted, first: int, count: int) -> Known:
    """The same ids, with room for so many of those, and for a byte that an id of none can be said to begin at."""
    slots, ends, text, size = known.slots, known.ends, known.letters, _size(wanted, first, count)
    while ids + count >= len(ends):
        larger = _room(len(slots), 0)
        larger.ends[: ids + 1] = ends[: ids + 1]
        for slot in slots:
            if slot != _FREE:
                larger.slots[_free(larger.slots, slot >> _HALF)] = slot
        slots, ends = larger.slots, larger.ends
    while ends[ids] + size >= len(text):
        longer = np.empty(2 * len(text), np.uint8)
        longer[: ends[ids]] = text[: ends[ids]]
        text = longer
    return Known(slots, ends, text)


@inner
def _free(slots: np.ndarray, tag: np.uint64) -> np.uint64:
    """The first free slot for a hash."""
    last = np.uint64(len(slots) - 1)
    place = tag & last
    while slots[place] != _FREE:
        place = (place + _ONE) & last
    return place


@inner
def look_up(
    letters: np.ndarray, wanted: Wanted, first: int, known: Known, ids: int, codes: np.ndarray, steps: Steps
) -> int:
    """Find or add ids for which there is room, as many as there are codes, beginning with one of the wanted ones; how many are known then."""
    slots, known_ends, known_letters = known
    starts, ends, tags = wanted
    found, known_starts, sizes, first_letters = steps
    last = np.uint64(len(slots) - 1)
    for each in range(len(codes)):
        found[each] = slots[tags[first + each] & last]
    for each in range(len(codes)):
        tag = tags[first + each]
        place = tag & last
        while found[each] != _FREE and found[each] >> _HALF != tag:
            place = (place + _ONE) & last
            found[each] = slots[place]
    for each in range(len(codes)):
        code = found[each] & _CODE if found[each] != _FREE else np.uint64(0)
        begun = np.uint64(known_ends[code])
        known_starts[each], sizes[each] = begun, np.uint64(known_ends[code + _ONE]) - begun
    for each in range(len(codes)):
        first_letters[each] = known_letters[known_starts[each]]
    for each in range(len(codes)):
        start, end, tag, slot = starts[first + each], ends[first + each], tags[first + each], found[each]
        same = slot != _FREE and sizes[each] == end - start
        if same and _are_same(letters, start, end, known_letters, known_starts[each]):
            codes[each] = slot & _CODE
        else:
            codes[each] = _code_of(letters, start, end, known, ids, tag)
            ids = max(ids, codes[each] + 1)
    return ids


@inner
def _code_of(
    letters: np.ndarray, start: np.uint64, end: np.uint64, known: Known, ids: int, tag: np.uint64
) -> np.int64:
    """The code of an id, by all slots where it can be; it is added if it is in none of them."""
    slots, ends, known_letters = known
    last = np.uint64(len(slots) - 1)
    slot = tag & last
    while slots[slot] != _FREE:
        if slots[slot] >> _HALF == tag:
            code = slots[slot] & _CODE
            begun = np.uint64(ends[code])
            same = np.uint64(ends[code + _ONE]) - begun == end - start
            if same and _are_same(letters, start, end, known_letters, begun):
                return np.int64(code)
        slot = (slot + _ONE) & last
    begun = np.uint64(ends[ids])
    for place in range(start, end):
        known_letters[begun + place - start] = letters[place]
    slots[slot], ends[ids + 1] = tag << _HALF | np.uint64(ids), begun + end - start
    return np.int64(ids)


@inner
def _are_same(
    letters: np.ndarray, start: np.uint64, end: np.uint64, others: np.ndarray, other: np.uint64
) -> bool:
    while start < end:
        if letters[start] != others[other]:
            return False
        start += _ONE
        other += _ONE
    return True
