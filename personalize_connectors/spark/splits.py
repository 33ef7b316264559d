"""Large text files in splits, whose lines are numbered as if one machine had read them.

A line belongs to the split in which it begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from personalize_connectors.engine.lines import without_bom
from personalize_connectors.storage import Object, Storage

_BLOCK, _BEYOND = 4 << 20, 64 << 10


class Split(NamedTuple):
    """Some bytes of a file, and the number of the first line that begins there."""

    file_no: int
    start: int
    end: int
    line: int = 1


def splits_of(files: Sequence[Object], size: int) -> list[Split]:
    """The files in splits of at most so many bytes, in order."""
    return [
        Split(file_no, start, min(start + size, file.size))
        for file_no, file in enumerate(files)
        for start in range(0, file.size, size)
    ]


def numbered(splits: Sequence[Split], lines: Sequence[int]) -> list[Split]:
    """The splits with their first lines, given how many lines begin in each."""
    found: list[Split] = []
    line = 1
    for split, count in zip(splits, lines, strict=True):
        line = 1 if split.start == 0 else line
        found.append(split._replace(line=line))
        line += count
    return found


def blocks_of(storage: Storage, file: Object, split: Split) -> Iterator[bytes]:
    """The lines that begin in a split, in blocks."""

    def read(start: int, end: int) -> bytes:
        return storage.piece(file.path, start, min(end, file.size), file.version)

    found = _lines(read, split, file.size)
    return without_bom(found) if split.start == 0 else found


def _lines(read: Callable[[int, int], bytes], split: Split, size: int) -> Iterator[bytes]:
    at = split.start
    if at:  # the line that begins before the split is the split's before
        at = _behind_newline(read, at - 1, split.end)
    if at >= split.end:
        return
    step = _BEYOND
    while at < size:
        end = min(at + _BLOCK, split.end) if at < split.end else at + step
        block = read(at, end)
        newline = block.find(b"\n", max(split.end - 1 - at, 0))
        if newline >= 0:
            yield block[: newline + 1]
            return
        yield block
        step, at = min(step * 2, _BLOCK), at + len(block)


def _behind_newline(read: Callable[[int, int], bytes], at: int, end: int) -> int:
    """The place behind the first newline from a place on; any place from `end` on where there is none before it."""
    step = _BEYOND
    while at < end:
        block = read(at, min(at + step, end))
        newline = block.find(b"\n")
        if newline >= 0:
            return at + newline + 1
        step, at = min(step * 2, _BLOCK), at + len(block)
    return at


def count_lines(blocks: Iterator[bytes]) -> int:
    """How many lines there are."""
    count, last = 0, b"\n"
    for block in blocks:
        count += block.count(b"\n")
        last = block or last
    return count + (not last.endswith(b"\n"))
