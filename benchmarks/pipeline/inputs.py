"""Generated inputs of any size: DuckDB writes them, so that ten million users take minutes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from personalize_connectors import layout
from personalize_connectors.job_run import Job, JobRun

JOB = Job("user_personalization", "daily")
DAYS = {
    "first": JobRun(JOB, datetime(2026, 11, 1, 3, tzinfo=UTC)),
    "quiet": JobRun(JOB, datetime(2026, 11, 2, 3, tzinfo=UTC)),
    "normal": JobRun(JOB, datetime(2026, 11, 3, 3, tzinfo=UTC)),
}
CHANGED = 20  # on the normal day one user in so many has another list
_FILES = 4


@dataclass(frozen=True)
class Size:
    """How large the inputs are: users, items, and items in a list."""

    users: int
    items: int
    length: int


def write_inputs(root: Path, size: Size) -> None:
    """Write the job, its item metadata, and the batch outputs of the three days below a folder."""
    config = {"batchInferencePath": "outputs", "settleSeconds": 0, "itemsPerUser": size.length}
    config["connectors"] = {
        "braze": {"itemMetadataFields": ["name", "price", "brand", "category", "url", "image"]}
    }
    _write(root / layout.config_file(JOB), json.dumps(config))
    with duckdb.connect() as session:
        _write_metadata(session, root / layout.metadata_folder(JOB), size)
        for day in DAYS:
            _write_output(session, output_folder(root, day), size, day)


def output_folder(root: Path, day: str) -> Path:
    """The batch output of a day."""
    return root / "outputs" / f"batch_daily_{DAYS[day].run_at:%Y_%m_%d_%H_%M_%S}"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _write_metadata(session: duckdb.DuckDBPyConnection, folder: Path, size: Size) -> None:
    """Six fields of about 200 bytes an item."""
    folder.mkdir(parents=True, exist_ok=True)
    session.execute(
        f"""
        COPY (
          SELECT 'item-' || i AS id, 'Product ' || i || ' in ' || ['red', 'blue', 'green', 'oak'][1 + i % 4] AS name,
            round(5 + (hash(i) % 50000) / 100, 2) AS price, 'Brand ' || (i % 500) AS brand,
            ['shoes', 'lamps', 'chairs', 'tents', 'books'][1 + i % 5] AS category,
            'https://shop.example.com/products/item-' || i AS url,
            'https://images.example.com/products/' || (i % 1000) || '/item-' || i || '-large.jpg' AS image
          FROM range({size.items}) AS items(i)
        ) TO '{folder / "items.json"}' (FORMAT json)
        """
    )


def _write_output(session: duckdb.DuckDBPyConnection, folder: Path, size: Size, day: str) -> None:
    """As Amazon Personalize writes it: 25 ids and scores are about 650 bytes a line."""
    folder.mkdir(parents=True)
    seed = f"CASE WHEN u % {CHANGED} = 0 THEN u + 7 ELSE u END" if day == "normal" else "u"
    per_file = -(-size.users // _FILES)
    for number in range(_FILES):
        first, last = number * per_file, min((number + 1) * per_file, size.users)
        session.execute(
            f"""
            COPY (
              SELECT '{{"input":{{"userId":"user-' || u || '"}},"output":{{"recommendedItems":["' ||
                array_to_string(list_transform(range({size.length}),
                  lambda k: 'item-' || (hash({seed}, k) % {size.items})), '","') ||
                '"],"scores":[' || array_to_string(list_transform(range({size.length}),
                  lambda k: printf('%.7f', 0.9 / (1.0 + k) / (1 + hash(u, k, 1) % 100))), ',') ||
                ']}},"error":null}}' AS line
              FROM range({first}, {last}) AS users(u)
            ) TO '{folder / f"users-{number}.json.out"}' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x1f')
            """
        )
