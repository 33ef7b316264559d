"""Generated inputs of any size: DuckDB writes them, so that ten million users take minutes."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from benchmarks.command import say
from personalize_connectors import layout
from personalize_connectors.job_run import Job, JobRun

JOB = Job("user_personalization", "daily")
DAYS = {
    "first": JobRun(JOB, datetime(2026, 11, 1, 3, tzinfo=UTC)),
    "quiet": JobRun(JOB, datetime(2026, 11, 2, 3, tzinfo=UTC)),
    "normal": JobRun(JOB, datetime(2026, 11, 3, 3, tzinfo=UTC)),
}
AGAIN = JobRun(
    JOB, datetime(2026, 11, 4, 3, tzinfo=UTC)
)  # the normal day's batch output once more: another quiet day
CHANGED = 20  # on the normal day one user in so many has another list
FIELDS = ("name", "price", "brand", "category", "url", "image")
_FILES = 4


@dataclass(frozen=True)
class Size:
    """How large the inputs are, and how the records are stored.

    Attributes:
        users: How many users there are.
        items: How many items have metadata.
        length: How many of them are in each list.
        compression: `recordCompression`.
    """

    users: int
    items: int
    length: int
    compression: str = "zstd"

    def __str__(self) -> str:
        return f"{self.users:,} users x {self.length} of {self.items:,} items x {len(FIELDS)} fields"


def write_inputs(root: Path, size: Size) -> None:
    """Write the job, its item metadata, and the batch outputs of the three days below a folder."""
    config = {
        "batchInferencePath": "outputs",
        "settleSeconds": 0,
        "itemsPerUser": size.length,
        "recordCompression": size.compression,
        "connectors": {"braze": {"itemMetadataFields": FIELDS}},
    }
    write_text(root / layout.config_file(JOB), json.dumps(config))
    with duckdb.connect() as session:
        write_metadata(session, root / layout.metadata_folder(JOB), size.items)
        for day, run in DAYS.items():
            _write_output(session, output_folder(root, run), size, day)


@contextmanager
def inputs_of(keep: Path | None, size: Size) -> Iterator[Path]:
    """The inputs of a size until the block ends; in a folder that keeps them, those that are there are used again."""
    with tempfile.TemporaryDirectory() as folder:
        inputs = (keep or Path(folder)) / "-".join(str(value) for value in asdict(size).values())
        if not inputs.exists():
            say(f"{size}: inputs")
            whole = Path(folder) / "whole"
            write_inputs(whole, size)
            whole.rename(inputs)
        yield inputs


def fresh_bucket(inputs: Path, root: Path) -> None:
    """Give a folder the same inputs, by links, and nothing that a run left."""
    shutil.copytree(inputs, root, copy_function=os.link)
    shutil.copytree(output_folder(root, DAYS["normal"]), output_folder(root, AGAIN), copy_function=os.link)


def output_folder(root: Path, run: JobRun) -> Path:
    """The batch output of a run."""
    return root / "outputs" / f"batch_daily_{run.run_at:%Y_%m_%d_%H_%M_%S}"


def write_text(path: Path, text: str) -> None:
    """Write a file, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_metadata(session: duckdb.DuckDBPyConnection, folder: Path, items: int) -> None:
    """Write so many items with six fields of about 200 bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    session.execute(
        f"""
        COPY (
          SELECT 'item-' || i AS id, 'Product ' || i || ' in ' || ['red', 'blue', 'green', 'oak'][1 + i % 4] AS name,
            round(5 + (hash(i) % 50000) / 100, 2) AS price, 'Brand ' || (i % 500) AS brand,
            ['shoes', 'lamps', 'chairs', 'tents', 'books'][1 + i % 5] AS category,
            'https://shop.example.com/products/item-' || i AS url,
            'https://images.example.com/products/' || (i % 1000) || '/item-' || i || '-large.jpg' AS image
          FROM range({items}) AS items(i)
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
        lines = f"""
              SELECT '{{"input":{{"userId":"user-' || u || '"}},"output":{{"recommendedItems":["' ||
                array_to_string(list_transform(range({size.length}),
                  lambda k: 'item-' || (hash({seed}, k) % {size.items})), '","') ||
                '"],"scores":[' || array_to_string(list_transform(range({size.length}),
                  lambda k: printf('%.7f', 0.9 / (1.0 + k) / (1 + hash(u, k, 1) % 100))), ',') ||
                ']}},"error":null}}' AS line
              FROM range({first}, {last}) AS users(u)
            """
        write_line_file(session, folder / f"users-{number}.json.out", lines)


def write_line_file(session: duckdb.DuckDBPyConnection, path: Path, lines: str) -> None:
    """Write the one column that a query gives, a line for each row."""
    session.execute(
        f"COPY ({lines}) TO '{path}' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x1f')"
    )
