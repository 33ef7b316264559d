"""Zstandard of text whose matches are known, by libzstd's own entropy coders.

A frame is made of what `begun` gives, any blocks behind each other, and `END` (RFC 8878, 3.1.1). The blocks of a stretch of text are
taken out of a frame that `ZSTD_compressSequencesAndLiterals` makes of it. That can be done, because such blocks refer to no state
of a decoder but the text before them: the first block of a frame brings its own tables, and all offsets are written out, none as a
repeated one (ZSTD_c_repcodeResolution).

That function is of zstd.h's experimental part, which promises nothing for other versions: only the one that was tested is taken.
`backports.zstd` holds it, as one of the symbols of its extension module.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from functools import cache
from importlib import import_module

import numpy as np

from personalize_connectors.engine.known_matches import BLOCK, Sequences

# The last block: of no bytes.
END = b"\x01\x00\x00"
_MAGIC = b"\x28\xb5\x2f\xfd"
_TESTED_VERSION = 10507
# The magic number, the descriptor and the window: a frame that does not tell its size has no more in front of its blocks.
_HEADER = 6
_BLOCK_HEADER = 3
# What a block's tables take at most, and what a sequence does: 27 bits of offset, 32 of lengths, and three states.
_TABLES, _SEQUENCE = 1024, 12
# libzstd reads so far behind the literals.
_BEHIND = 8
_LEVEL, _WINDOW, _HASHES, _CHAINS, _SIZE_IN_FRAME = 100, 101, 102, 103, 200
_STABLE_INPUT, _STABLE_OUTPUT, _BLOCK_ENDS, _REPEATED_OFFSETS = 1006, 1007, 1008, 1016
# The fastest level; the text is not searched, so no window or tables are needed for that, but blocks are no longer than the window.
_PARAMETERS = (
    (_LEVEL, 1),
    (_WINDOW, 17),
    (_HASHES, 6),
    (_CHAINS, 6),
    (_SIZE_IN_FRAME, 0),
    (_STABLE_INPUT, 1),
    (_STABLE_OUTPUT, 1),
    (_BLOCK_ENDS, 1),
    # None: a block must not refer to the offsets of the frame that it is taken out of.
    (_REPEATED_OFFSETS, 2),
)


@cache
def libzstd() -> ctypes.CDLL | None:
    """libzstd, or None where it is not there, or is another than the one that was tested."""
    try:
        found = ctypes.CDLL(import_module("backports.zstd._zstd").__file__)
        return _declared(found) if found.ZSTD_versionNumber() == _TESTED_VERSION else None
    except (ImportError, OSError, AttributeError, TypeError):
        return None


def _declared(found: ctypes.CDLL) -> ctypes.CDLL:
    """With the types of what is called, as zstd.h declares it; an AttributeError where a name is missing."""
    number, address = ctypes.c_size_t, ctypes.c_void_p
    found.ZSTD_createCCtx.argtypes, found.ZSTD_createCCtx.restype = [], address
    found.ZSTD_freeCCtx.argtypes, found.ZSTD_freeCCtx.restype = [address], number
    found.ZSTD_isError.argtypes, found.ZSTD_isError.restype = [number], ctypes.c_uint
    found.ZSTD_CCtx_setParameter.argtypes = [address, ctypes.c_int, ctypes.c_int]
    found.ZSTD_CCtx_setParameter.restype = number
    called = found.ZSTD_compressSequencesAndLiterals
    called.argtypes = [address, address, number, address, number, address, number, number, number]
    called.restype = number
    return found


def begun(window: int) -> bytes:
    """The beginning of a frame whose matches lie less than 2 to the power of `window` bytes back (RFC 8878, 3.1.1.1)."""
    return _MAGIC + bytes([0, (window - 10) << 3])


def plain_blocks(texts: Iterable[memoryview]) -> bytes:
    """Text as it is (RFC 8878, 3.1.1.2)."""
    pieces = (text[start : start + BLOCK] for text in texts for start in range(0, len(text), BLOCK))
    return b"".join((len(piece) << 3).to_bytes(3, "little") + bytes(piece) for piece in pieces)


def coded_blocks(lib: ctypes.CDLL, sequences: Sequences) -> bytes | None:
    """Compressed blocks, or None where libzstd makes none: a block that gets no smaller is beyond it."""
    table = np.ascontiguousarray(sequences.table, np.uint32)
    size = len(sequences.literals)
    literals = np.empty(size + _BEHIND, np.uint8)
    literals[:size] = sequences.literals
    blocks = int(np.count_nonzero(table[:, 2] == 0))
    room = np.empty(_HEADER + size + _SEQUENCE * len(table) + _TABLES * blocks, np.uint8)
    context = lib.ZSTD_createCCtx()
    try:
        if any(lib.ZSTD_isError(lib.ZSTD_CCtx_setParameter(context, *each)) for each in _PARAMETERS):
            return None
        length = lib.ZSTD_compressSequencesAndLiterals(
            context,
            room.ctypes.data,
            len(room),
            table.ctypes.data,
            len(table),
            literals.ctypes.data,
            size,
            len(literals),
            sequences.size,
        )
        return None if lib.ZSTD_isError(length) else _without_frame(room.data[:length], blocks)
    finally:
        lib.ZSTD_freeCCtx(context)


def _without_frame(frame: memoryview, blocks: int) -> bytes:
    """The blocks of a frame, none of which is marked as the last one."""
    place = _HEADER
    for _ in range(blocks - 1):
        place += _BLOCK_HEADER + (int.from_bytes(frame[place : place + _BLOCK_HEADER], "little") >> 3)
    return b"".join((frame[_HEADER:place], bytes([frame[place] & 0xFE]), frame[place + 1 :]))
