"""Reads the synthetic shop back as a stranger would: only through its files."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from personalize_connectors.demo.shop import PERSONAL_JOB, SIMILAR_JOB

PICKS = "personalize/batch_inference/picks_for_you/batch_picks_for_you_2026_11_{}_03_00_00"
SIMILAR = "personalize/batch_inference/similar_items/batch_similar_items_2026_11_{}_03_00_00"
MAPPING = f"etl_jobs/{SIMILAR_JOB}/input/user_item_mapping"


def read_files(root: Path) -> dict[str, bytes]:
    """Return every file of a bucket by its path."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def read_lines(folder: Path) -> list[str]:
    """Return the lines of a batch output, file after file."""
    return [
        line
        for path in sorted(folder.glob("*.out"))
        for line in path.read_text("utf-8").rstrip("\n").split("\n")
    ]


def read_records(folder: Path) -> Iterator[dict[str, Any] | None]:
    """Read a batch output; a line that is not JSON gives None."""
    for line in read_lines(folder):
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            yield None


def fault_of(record: dict[str, Any] | None) -> str:
    """Name what is wrong with a line, or say that it is good."""
    if record is None:
        return "not JSON"
    if record["output"] is None:
        return "service error" if record["error"].startswith("Made-up demo error: ") else "unmarked"
    if not record["input"]:
        return "no id"
    return "good" if record["output"]["recommendedItems"] else "empty list"


def read_lists(folder: Path) -> dict[str, list[str]]:
    """Return the good lines of a batch output: the items, in order, by who asked."""
    good = [record for record in read_records(folder) if record and fault_of(record) == "good"]
    return {next(iter(record["input"].values())): record["output"]["recommendedItems"] for record in good}


def read_products(root: Path, job: str = PERSONAL_JOB) -> dict[str, dict[str, Any]]:
    """Return a job's item metadata by id."""
    text = (root / "etl_jobs" / job / "input/item_metadata/products.json").read_text("utf-8")
    return {item["id"]: item for item in map(json.loads, text.splitlines())}


def read_views(root: Path) -> list[tuple[str, str]]:
    """Return the pairs of user and item of the mapping, whatever the file's habits."""
    pairs = []
    for path in sorted((root / MAPPING).iterdir()):
        with path.open(encoding="utf-8", newline="") as rows:
            for row in csv.DictReader(rows, strict=True):
                fields = {name.upper(): value for name, value in row.items()}
                pairs.append((fields["USER_ID"], fields["ITEM_ID"]))
    return pairs
