"""A synthetic shop for demonstrations and tests: two jobs, and their batch outputs of two days.

The second day is the first one a night later: 5 % of the lists are others, a few users came or went, a few
slow sellers are cheaper, and every score has moved a little, as it does at each retraining.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from personalize_connectors.demo.batch_output import Answers, scores, write_output
from personalize_connectors.demo.products import Catalogue, catalogue, products_json
from personalize_connectors.demo.size import ShopSize
from personalize_connectors.demo.tastes import Rows, neighbours, personas, picks, renewed
from personalize_connectors.demo.turnover import Fault, changed, faults, users_on
from personalize_connectors.demo.views import views, write_views
from personalize_connectors.errors import BadSettings

__all__ = ["DAYS", "PERSONAL_JOB", "SIMILAR_JOB", "ShopSize", "write_day"]

DAYS: tuple[datetime, datetime] = (
    datetime(2026, 11, 21, 3, tzinfo=UTC),
    datetime(2026, 11, 22, 3, tzinfo=UTC),
)
PERSONAL_JOB = "user_personalization/demo_picks_for_you"
SIMILAR_JOB = "related_items/demo_similar_items"

_FIELDS = ["name", "price", "category", "image_url"]
_CONFIGS: dict[str, dict[str, object]] = {
    PERSONAL_JOB: {
        "batchInferencePath": "personalize/batch_inference/picks_for_you",
        "saveBatchInferenceErrors": True,
        "connectors": {
            "braze": {
                "itemMetadataFields": _FIELDS,
                "attributePrefix": "picks_",
                "otherAttributes": {"picks_source": "demo"},
            }
        },
    },
    SIMILAR_JOB: {
        "batchInferencePath": "personalize/batch_inference/similar_items",
        "saveBatchInferenceErrors": True,
        "userItemPolicy": "merge",
        "connectors": {"braze": {"itemMetadataFields": _FIELDS, "attributePrefix": "similar_"}},
    },
}
_AWKWARD_USERS = {4: "zoë.nuñez", 9: 'user "ten"', 13: "garcia, ana", 16: "o'brien|17", 18: "ユーザー 19"}


def write_day(root: Path, day: int, size: ShopSize = ShopSize()) -> None:  # noqa: B008 (frozen)
    """Write both jobs and one day's batch outputs into a local folder; day 0 is the first, 1 the second.

    The same size writes the same bytes. The jobs' inputs come first: where an output is, its inputs are.
    """
    if day not in range(len(DAYS)):
        raise BadSettings(f"`day` is {day}; this shop has day 0 and day 1.")
    shelf = catalogue(size, day)
    tastes = personas(size)
    users = [_AWKWARD_USERS.get(row, f"user-{row + 1:06d}") for row in range(len(tastes))]
    for job, config in _CONFIGS.items():
        folder = root / "etl_jobs" / job
        (folder / "input/item_metadata").mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        (folder / "input/item_metadata/products.json").write_bytes(products_json(shelf.products))
    mapping = root / "etl_jobs" / SIMILAR_JOB / "input/user_item_mapping"
    write_views(mapping, views(tastes, size, day), users, shelf.ids)
    _write_picks(
        root, day, size, Answers("userId", users, _picks(tastes, size), scores(size, day), shelf.ids)
    )
    _write_similar(root, day, size, shelf)


def _picks(tastes: Rows, size: ShopSize) -> Rows:
    return picks(tastes, size.recommendations, size, size.rng("picks"))


def _write_picks(root: Path, day: int, size: ShopSize, first: Answers) -> None:
    present = users_on(size, 0), users_on(size, 1)
    failed = _faults(present, size, "picks")
    answers = first
    if day == 1:
        rows = changed(present, failed, size.rng("changed picks"))
        redrawn = picks(personas(size)[rows], size.recommendations, size, size.rng("redrawn picks"))
        answers = _with_news(first, rows, redrawn, size)
    order = size.rng("picks order", day).permutation(present[day])
    files = ["users_1.json.out", "users_2.json.out"]
    write_output(_output_folder(root, PERSONAL_JOB, day), files, answers, order, failed[day])


def _write_similar(root: Path, day: int, size: ShopSize, shelf: Catalogue) -> None:
    present = np.arange(size.items), np.arange(size.items)
    failed = _faults(present, size, "similar")
    lists = neighbours(shelf.styles, size, size.rng("similar"))
    answers = Answers("itemId", shelf.ids, lists, None, shelf.ids)
    if day == 1:
        rows = changed(present, failed, size.rng("changed similar"))
        redrawn = neighbours(shelf.styles, size, size.rng("redrawn similar"))[rows]
        answers = _with_news(answers, rows, redrawn, size)
    order = size.rng("similar order", day).permutation(present[day])
    folder = _output_folder(root, SIMILAR_JOB, day)
    write_output(folder, ["items.json.out"], answers, order, failed[day])


def _faults(present: tuple[Rows, Rows], size: ShopSize, job: str) -> tuple[dict[int, Fault], ...]:
    return tuple(faults(rows, size.rng("faults", job, day)) for day, rows in enumerate(present))


def _with_news(answers: Answers, rows: Rows, redrawn: Rows, size: ShopSize) -> Answers:
    lists = answers.lists.copy()
    lists[rows] = renewed(lists[rows], redrawn, size.rng("news", answers.key))
    return replace(answers, lists=lists)


def _output_folder(root: Path, job: str, day: int) -> Path:
    """Return the run's folder, named as a batch inference job that puts its start time into its name."""
    path = str(_CONFIGS[job]["batchInferencePath"])
    return root / path / f"batch_{path.rsplit('/', 1)[1]}_{DAYS[day]:%Y_%m_%d_%H_%M_%S}"
