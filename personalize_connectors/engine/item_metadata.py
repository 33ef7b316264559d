"""Item metadata: JSON Lines with the key `id` and any other fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from personalize_connectors.engine.nesting import is_deeper

REASONS = {
    "not_json": "the line is not JSON in UTF-8",
    "too_deep": "the line is nested in over 500 levels",
    "not_object": "the line is JSON, but not an object",
    "no_id": "the line has no id that is a string or a whole number",
}

# What reads and writes JSON here ends not far above.
_DEEPEST = 500


@dataclass(frozen=True)
class BadLine:
    """A line of an input file that cannot be used, kept for people."""

    file: str
    line: int
    reason: str
    text: str


@dataclass
class ItemMetadata:
    """The last good line of each item id, and what was left out.

    Attributes:
        lines: Item id to metadata line (JSON).
        repeated: Earlier lines of an id that came again.
        bad: Lines that cannot be used.
    """

    lines: dict[str, str] = field(default_factory=dict)
    repeated: int = 0
    bad: list[BadLine] = field(default_factory=list)


def read_metadata(lines: Iterable[pa.RecordBatch], files: list[str]) -> ItemMetadata:
    """Read lines (the columns of `engine.lines`) of metadata files; the last line of an id wins."""
    metadata = ItemMetadata()
    for file_no, line, text in _rows(lines):
        if not text.strip():
            continue
        item_id, reason = _judge(text)
        if reason:
            metadata.bad.append(BadLine(files[file_no], line, reason, text.rstrip("\r\n")))
            continue
        metadata.repeated += item_id in metadata.lines
        metadata.lines[item_id] = text
    return metadata


def _rows(lines: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, int, str]]:
    for batch in lines:
        columns = (batch[name].to_pylist() for name in ("file_no", "line", "text"))
        yield from zip(*columns, strict=True)


def _judge(text: str) -> tuple[str, str | None]:
    """The item id, and why the line cannot be used."""
    try:
        parsed: Any = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return "", "too_deep" if "depth" in error.msg else "not_json"
    if text.count("[") + text.count("{") > _DEEPEST and is_deeper(parsed, _DEEPEST):
        return "", "too_deep"
    if not isinstance(parsed, dict):
        return "", "not_object"
    item_id = parsed.get("id")
    if isinstance(item_id, bool) or not isinstance(item_id, str | int) or item_id == "":
        return "", "no_id"
    return str(item_id), None
