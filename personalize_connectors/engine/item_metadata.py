"""Item metadata: JSON Lines with the key `id` and any other fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
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


@dataclass(frozen=True)
class ItemMetadata:
    """The last good line of each item id, and what was left out.

    Attributes:
        ids: The item ids, each once.
        lines: The metadata line (JSON) of each.
        repeated: Earlier lines of an id that came again.
        bad: Lines that cannot be used.
    """

    ids: pa.StringArray = field(default_factory=lambda: pa.array([], pa.string()))
    lines: pa.LargeStringArray = field(default_factory=lambda: pa.array([], pa.large_string()))
    repeated: int = 0
    bad: list[BadLine] = field(default_factory=list)


def read_metadata(lines: Iterable[pa.RecordBatch], files: list[str]) -> ItemMetadata:
    """Read lines (the columns of `engine.lines`) of metadata files; the last line of an id wins."""
    ids, texts = [pa.array([], pa.string())], [pa.array([], pa.large_string())]
    bad: list[BadLine] = []
    for batch in lines:
        judged = [_judge(text) for text in batch["text"].to_pylist()]
        bad += _bad_lines(batch, [reason for _, reason in judged], files)
        found = pa.array([item_id for item_id, _ in judged], pa.string())
        ids.append(found.drop_null())
        texts.append(batch["text"].filter(found.is_valid()) if found.null_count else batch["text"])
    return _last_of_each(pa.concat_arrays(ids), pa.concat_arrays(texts), bad)


def _bad_lines(batch: pa.RecordBatch, reasons: list[str | None], files: list[str]) -> Iterator[BadLine]:
    for row, reason in enumerate(reasons):
        if reason:
            file_no, line, text = (batch[name][row].as_py() for name in ("file_no", "line", "text"))
            yield BadLine(files[file_no], line, reason, text.rstrip("\r\n"))


def _last_of_each(ids: pa.StringArray, lines: pa.LargeStringArray, bad: list[BadLine]) -> ItemMetadata:
    coded = ids.dictionary_encode()
    repeated = len(ids) - len(coded.dictionary)
    if repeated:
        last = np.zeros(len(coded.dictionary), np.int64)
        last[coded.indices.to_numpy()] = np.arange(
            len(ids)
        )  # of a place that comes again the last value stays
        lines = lines.take(pa.array(last))
    return ItemMetadata(coded.dictionary, lines, repeated, bad)


def _judge(text: str) -> tuple[str | None, str | None]:
    """The item id, or why the line cannot be used; neither of a blank line."""
    try:
        parsed: Any = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if not text.strip():
            return None, None
        return None, "too_deep" if "depth" in error.msg else "not_json"
    if len(text) > _DEEPEST and text.count("[") + text.count("{") > _DEEPEST and is_deeper(parsed, _DEEPEST):
        return None, "too_deep"
    if not isinstance(parsed, dict):
        return None, "not_object"
    item_id = parsed.get("id")
    if isinstance(item_id, int) and not isinstance(item_id, bool):
        item_id = str(item_id)
    return (item_id, None) if isinstance(item_id, str) and item_id else (None, "no_id")
