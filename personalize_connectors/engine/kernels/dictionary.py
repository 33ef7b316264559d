"""Ids as places in a dictionary of them, in the order in which they are met.

A hash table with open addressing. What a lookup waits for is memory, of which each step needs other places; so each step is made
for many ids before the next one, and the waiting overlaps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from personalize_connectors.engine.kernels.compiled import compiled, kernel

_AT_ONCE = 128
_FEWEST_IDS, _FEWEST_LETTERS = 1 << 11, 1 << 16
# FNV-1a, and the multiplier of Fibonacci hashing, which brings what differs into the upper bits.
_BASIS, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_GOLDEN, _HALF, _TAG = np.uint64(0x9E3779B97F4A7C15), np.uint64(32), np.uint64(33)
_CODE = (1 << 32) - 1


class Known(NamedTuple):
    """Ids, and room for more.

    Attributes:
        slots: At a place that its hash tells, or behind it, an id's hash (31 bits) and code (32 bits); -1 where there is none.
        ends: Where each id ends in `letters`, and 0 before the first one.
        letters: The ids, one after the other.
    """

    slots: np.ndarray
    ends: np.ndarray
    letters: np.ndarray


class Steps(NamedTuple):
    """What a step found for each of the ids that are looked up at once."""

    tags: np.ndarray
    found: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray
    first_letters: np.ndarray


@kernel
def encoded(offsets: np.ndarray, letters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The code of each id, and the dictionary, like the ids as offsets and letters."""
    codes = np.empty(len(offsets) - 1, np.int32)
    known, ids = _room(_FEWEST_IDS, _FEWEST_LETTERS), 0
    steps = Steps(
        np.empty(_AT_ONCE, np.int64),
        np.empty(_AT_ONCE, np.int64),
        np.empty(_AT_ONCE, np.int64),
        np.empty(_AT_ONCE, np.int64),
        np.empty(_AT_ONCE, np.uint8),
    )
    for start in range(0, len(codes), _AT_ONCE):
        end = min(start + _AT_ONCE, len(codes))
        known = _with_room(known, ids, end - start, offsets[end] - offsets[start])
        ids = _look_up(offsets[start : end + 1], letters, known, ids, codes[start:end], steps)
    return codes, known.ends[: ids + 1].copy(), known.letters[: known.ends[ids]].copy()


@compiled
def _room(ids: int, letters: int) -> Known:
    return Known(np.full(2 * ids, -1, np.int64), np.zeros(ids + 1, np.int32), np.empty(letters, np.uint8))


@compiled
def _with_room(known: Known, ids: int, more: int, letters: int) -> Known:
    """The same ids, with room for so many more of so many bytes, and a byte that an id of none can be said to begin at."""
    slots, ends, text = known.slots, known.ends, known.letters
    while ids + more >= len(ends):
        larger = _room(len(slots), 0)
        larger.ends[: ids + 1] = ends[: ids + 1]
        for slot in slots:
            if slot >= 0:
                larger.slots[_free(larger.slots, slot >> 32)] = slot
        slots, ends = larger.slots, larger.ends
    while ends[ids] + letters >= len(text):
        longer = np.empty(2 * len(text), np.uint8)
        longer[: ends[ids]] = text[: ends[ids]]
        text = longer
    return Known(slots, ends, text)


@compiled
def _free(slots: np.ndarray, tag: int) -> int:
    """The first free slot for a hash."""
    place = tag & (len(slots) - 1)
    while slots[place] >= 0:
        place = (place + 1) & (len(slots) - 1)
    return place


@compiled
def _look_up(
    offsets: np.ndarray, letters: np.ndarray, known: Known, ids: int, codes: np.ndarray, steps: Steps
) -> int:
    """Find or add some ids; how many are known then."""
    last = len(known.slots) - 1
    for each in range(len(codes)):
        hashed = _BASIS
        for place in range(offsets[each], offsets[each + 1]):
            hashed = (hashed ^ np.uint64(letters[place])) * _PRIME
        steps.tags[each] = np.int64(((hashed ^ (hashed >> _HALF)) * _GOLDEN) >> _TAG)
    for each in range(len(codes)):
        steps.found[each] = known.slots[steps.tags[each] & last]
    for each in range(len(codes)):
        code = steps.found[each] & _CODE if steps.found[each] >= 0 else 0
        steps.starts[each], steps.sizes[each] = known.ends[code], known.ends[code + 1] - known.ends[code]
    for each in range(len(codes)):
        steps.first_letters[each] = known.letters[steps.starts[each]]
    for each in range(len(codes)):
        start, end, found, tag = offsets[each], offsets[each + 1], steps.found[each], steps.tags[each]
        same = found >= 0 and found >> 32 == tag and steps.sizes[each] == end - start
        if same:
            away = steps.starts[each] - start
            for place in range(start, end):
                if letters[place] != known.letters[place + away]:
                    same = False
                    break
        codes[each] = found & _CODE if same else _code_of(letters, start, end, known, ids, tag)
        ids = max(ids, codes[each] + 1)
    return ids


@compiled
def _code_of(letters: np.ndarray, start: int, end: int, known: Known, ids: int, tag: int) -> int:
    """The code of an id, by all slots where it can be; it is added if it is in none of them."""
    last = len(known.slots) - 1
    slot = tag & last
    while known.slots[slot] >= 0:
        code: int = known.slots[slot] & _CODE
        if known.slots[slot] >> 32 == tag and _is_same(letters, start, end, known, code):
            return code
        slot = (slot + 1) & last
    begun = known.ends[ids]
    for place in range(start, end):
        known.letters[begun + place - start] = letters[place]
    known.slots[slot], known.ends[ids + 1] = tag << 32 | ids, begun + end - start
    return ids


@compiled
def _is_same(letters: np.ndarray, start: int, end: int, known: Known, code: int) -> bool:
    begun = known.ends[code]
    if known.ends[code + 1] - begun != end - start:
        return False
    for place in range(start, end):
        if letters[place] != known.letters[begun + place - start]:
            return False
    return True
