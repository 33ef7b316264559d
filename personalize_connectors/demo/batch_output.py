"""Batch inference output as Amazon Personalize writes it: JSON Lines, and a marker that means nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from personalize_connectors.demo.size import ShopSize
from personalize_connectors.demo.tastes import Rows
from personalize_connectors.demo.turnover import Fault

# The service publishes no error texts: these are ours and say so.
_ERROR_TEXTS = (
    "Made-up demo error: the service could not compute recommendations for this line.",
    "Made-up demo error: internal failure, please retry the batch inference job.",
    "Made-up demo error: no interactions are known for this identifier.",
)


@dataclass(frozen=True)
class Answers:
    """What one job answers: row by row who asked, the item rows in order, and the scores, if it has any."""

    key: str
    ids: list[str]
    lists: Rows
    scores: NDArray[np.float64] | None
    item_ids: list[str]


def write_output(
    folder: Path, files: list[str], answers: Answers, order: Rows, failed: dict[int, Fault]
) -> None:
    """Write the rows in that order, split over the files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "_CHECK").write_bytes(b"")
    for name, rows in zip(files, np.array_split(order, len(files)), strict=True):
        with (folder / name).open("wb") as out:
            out.writelines(_lines(answers, rows, failed))


def scores(size: ShopSize, day: int) -> NDArray[np.float64]:
    """Return falling scores for both days' users; a day's retraining moves them a little."""
    shape = (size.users + size.newcomers, size.recommendations)
    steady = size.rng("scores")
    best = steady.uniform(0.2, 0.4, (shape[0], 1)) / size.recommendations
    falls = steady.exponential(1.2 / size.recommendations, shape)
    falls *= size.rng("retraining", day).uniform(0.97, 1.03, shape)
    return np.round(best * np.exp(-np.cumsum(falls, axis=1)), 7)


def _lines(answers: Answers, rows: Rows, failed: dict[int, Fault]) -> Iterator[bytes]:
    for row in rows.tolist():
        record = _record(answers, row)
        if row in failed:
            yield _spoiled(record, failed[row], row)
        else:
            yield orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def _record(answers: Answers, row: int) -> dict[str, object]:
    """Return a good line; only the recipes with scores show the key `error`."""
    items = [answers.item_ids[item] for item in answers.lists[row].tolist()]
    asked = {answers.key: answers.ids[row]}
    if answers.scores is None:
        return {"input": asked, "output": {"recommendedItems": items}}
    output = {"recommendedItems": items, "scores": answers.scores[row].tolist()}
    return {"input": asked, "output": output, "error": None}


def _spoiled(record: dict[str, object], fault: Fault, row: int) -> bytes:
    if fault is Fault.SERVICE_ERROR:
        record |= {"output": None, "error": _ERROR_TEXTS[row % len(_ERROR_TEXTS)]}
    elif fault is Fault.EMPTY_LIST:
        record["output"] = {"recommendedItems": []} | ({"scores": []} if "error" in record else {})
    elif fault is Fault.NO_ID:
        record["input"] = {}
    line = orjson.dumps(record)
    if fault is Fault.CUT_OFF:
        # Between characters: what is wrong with this line is its end, not its encoding.
        line = line[: len(line) * 3 // 5].decode(errors="ignore").encode()
    return line + b"\n"
