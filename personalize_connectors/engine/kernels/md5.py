"""MD5 (RFC 1321) of many texts at once: each is worked out in a lane of its own, and the processor takes steps of many lanes together."""

from __future__ import annotations

import math

import numpy as np

from personalize_connectors.engine.kernels.compiled import inner, kernel

Bytes = np.ndarray
Word = np.uint32

# Texts that are worked out together.
_LANES = 64
# Bytes and words of a block, and the bytes behind a text that say how long it is.
_BLOCK, _WORDS, _LENGTH = np.uint64(64), 16, np.uint64(8)
_ONE, _TWO, _THREE, _FOUR, _EIGHT, _HALF = (np.uint64(each) for each in (1, 2, 3, 4, 8, 32))
_BITS, _END = np.uint32(32), np.uint32(0x80)
# The four rounds by their functions (RFC 1321, 3.4), and of each: by how many bits its steps turn, and which words they take, step by step.
_F, _G, _H, _I = range(4)
_TURNS = np.array([[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]], np.uint32)
_FACTORS, _FIRST = np.array([1, 5, 3, 7]), np.array([0, 1, 5, 0])
_TABLE = np.array([int(abs(math.sin(step + 1)) * 2**32) for step in range(64)], np.uint32)
_BEGINNING = np.array([0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476], np.uint32)
# From a word of a lane to its next one, and from its word A to the words B, C and D.
_NEXT = np.uint64(_LANES)
_B, _C, _D = _NEXT, _TWO * _NEXT, _THREE * _NEXT


@kernel
def md5_of_each(letters: Bytes, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The digest of each text, four words of 32 bits, the lowest byte first.

    Args:
        letters: What the texts stand in.
        starts: Where each of them begins. Neighbours are worked out together, and take as long as the longest of them.
        ends: Where each of them ends.
    """
    digests = np.empty((len(starts), 4), np.uint32)
    words, state = np.zeros(_WORDS * _LANES, np.uint32), np.empty(4 * _LANES, np.uint32)
    before = np.empty(4 * _LANES, np.uint32)
    for first in range(0, len(starts), _LANES):
        begun, behind = starts[first : first + _LANES], ends[first : first + _LANES]
        for each in range(4 * _LANES):
            state[each] = _BEGINNING[each // _LANES]
        for block in range(_most_blocks(begun, behind)):
            _take_block(letters, begun, behind, np.uint64(block), words)
            before[:] = state
            _rounds(state, words, np.uint64(_LANES))
            _add(state, before, begun, behind, np.uint64(block))
        for lane in range(len(begun)):
            for nth in range(4):
                digests[first + lane, nth] = state[nth * _LANES + lane]
    return digests


@inner
def _most_blocks(starts: np.ndarray, ends: np.ndarray) -> np.int64:
    """The blocks of the text that has most of them."""
    most = np.int64(0)
    for lane in range(len(starts)):
        most = max(most, np.int64(_last_block(np.uint64(starts[lane]), np.uint64(ends[lane]))) + 1)
    return most


@inner
def _last_block(start: np.uint64, end: np.uint64) -> np.uint64:
    """Which of its blocks ends with the length of a text (RFC 1321, 3.2)."""
    return (end - start + _LENGTH) // _BLOCK


@inner
def _take_block(
    letters: Bytes, starts: np.ndarray, ends: np.ndarray, block: np.uint64, words: np.ndarray
) -> None:
    """The words of a block of each text."""
    for lane in range(len(starts)):
        start, end = np.uint64(starts[lane]), np.uint64(ends[lane])
        place, at = start + _BLOCK * block, np.uint64(lane)
        while at < len(words):
            words[at] = _word(letters, place, end)
            place += _FOUR
            at += _NEXT
        if block == _last_block(start, end):
            bits = _EIGHT * (end - start)
            words[(_WORDS - 2) * _LANES + lane] = np.uint32(bits)
            words[(_WORDS - 1) * _LANES + lane] = np.uint32(bits >> _HALF)


@inner
def _word(letters: Bytes, place: np.uint64, end: np.uint64) -> Word:
    """Four bytes of a text; behind it stands a bit, and nothing more."""
    if place + _FOUR <= end:
        low = np.uint32(letters[place]) | np.uint32(letters[place + _ONE]) << 8
        high = np.uint32(letters[place + _TWO]) | np.uint32(letters[place + _THREE]) << 8
        return np.uint32(low | high << 16)
    word = np.uint32(0)
    for nth in range(_FOUR):
        if place + nth < end:
            word |= np.uint32(np.uint32(letters[place + nth]) << np.uint32(_EIGHT * nth))
        elif place + nth == end:
            word |= np.uint32(_END << np.uint32(_EIGHT * nth))
    return word


@inner
def _rounds(state: np.ndarray, words: np.ndarray, lanes: np.uint64) -> None:
    """The 64 steps of a block; that lanes are counted when it runs, and rounds are not, lets the compiler take lanes together."""
    for step in range(0, _WORDS, 4):
        _four_steps(state, words, lanes, _F, step)
    for step in range(0, _WORDS, 4):
        _four_steps(state, words, lanes, _G, step)
    for step in range(0, _WORDS, 4):
        _four_steps(state, words, lanes, _H, step)
    for step in range(0, _WORDS, 4):
        _four_steps(state, words, lanes, _I, step)


@inner
def _four_steps(state: np.ndarray, words: np.ndarray, lanes: np.uint64, nth: int, step: int) -> None:
    """Four steps of a round, after which each word of a lane has been changed once."""
    first, second = _taken(nth, step), _taken(nth, step + 1)
    third, fourth = _taken(nth, step + 2), _taken(nth, step + 3)
    at = 16 * nth + step
    for lane in range(lanes):
        a, b, c, d = state[lane], state[lane + _B], state[lane + _C], state[lane + _D]
        a = _turned(b, a + _mixed(nth, b, c, d) + words[first + lane] + _TABLE[at], _TURNS[nth, 0])
        d = _turned(a, d + _mixed(nth, a, b, c) + words[second + lane] + _TABLE[at + 1], _TURNS[nth, 1])
        c = _turned(d, c + _mixed(nth, d, a, b) + words[third + lane] + _TABLE[at + 2], _TURNS[nth, 2])
        b = _turned(c, b + _mixed(nth, c, d, a) + words[fourth + lane] + _TABLE[at + 3], _TURNS[nth, 3])
        state[lane], state[lane + _B], state[lane + _C], state[lane + _D] = a, b, c, d


@inner
def _taken(nth: int, step: int) -> np.uint64:
    """Where the words stand that a step takes."""
    return np.uint64((_FACTORS[nth] * step + _FIRST[nth]) % _WORDS * _LANES)


@inner
def _turned(word: Word, total: np.uint64, by: Word) -> Word:
    """A word, and the lower half of a total, turned by some bits."""
    low = np.uint32(total)
    return np.uint32(word + np.uint32(np.uint32(low << by) | np.uint32(low >> (_BITS - by))))


@inner
def _mixed(nth: int, b: Word, c: Word, d: Word) -> Word:
    """What the round is named for."""
    if nth == _F:
        return np.uint32(d ^ (b & (c ^ d)))
    if nth == _G:
        return np.uint32(c ^ (d & (b ^ c)))
    if nth == _H:
        return np.uint32(b ^ c ^ d)
    return np.uint32(c ^ (b | ~d))


@inner
def _add(
    state: np.ndarray, before: np.ndarray, starts: np.ndarray, ends: np.ndarray, block: np.uint64
) -> None:
    """What a block adds to each text that has it; the others stay as they were."""
    for lane in range(_LANES):
        has_it = lane < len(starts) and block <= _last_block(np.uint64(starts[lane]), np.uint64(ends[lane]))
        for at in range(lane, 4 * _LANES, _LANES):
            state[at] = np.uint32(state[at] + before[at]) if has_it else before[at]
