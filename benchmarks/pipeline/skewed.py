"""A mapping that is anything but even: one item mapped to all users, one user to thousands of items."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from benchmarks.pipeline.inputs import FIELDS, write_line_file, write_metadata, write_text
from personalize_connectors import layout
from personalize_connectors.job_run import Job, JobRun

JOB = Job("related_items", "skewed")
RUN = JobRun(JOB, datetime(2026, 11, 1, 3, tzinfo=UTC))
ITEMS, MOST_ITEMS, LENGTH = 100_000, 5_000, 25


def write_skewed(root: Path, users: int) -> None:
    """Write a job of related items below a folder: `item-0` is mapped to so many users, and one user more to 5,000 items."""
    config = {
        "batchInferencePath": "related",
        "settleSeconds": 0,
        "itemsPerUser": LENGTH,
        "recordCompression": "zstd",
        "connectors": {"braze": {"itemMetadataFields": FIELDS}},
    }
    write_text(root / layout.config_file(JOB), json.dumps(config))
    mapping = root / layout.mapping_folder(JOB)
    mapping.mkdir(parents=True)
    with duckdb.connect() as session:
        write_metadata(session, root / layout.metadata_folder(JOB), ITEMS)
        session.execute(
            f"""
            COPY (
              SELECT 'user-' || u AS USER_ID, 'item-0' AS ITEM_ID FROM range({users}) AS users(u)
              UNION ALL SELECT 'collector', 'item-' || i FROM range({MOST_ITEMS}) AS items(i)
            ) TO '{mapping / "mapping.csv"}' (FORMAT csv)
            """
        )
        lines = f"""
            SELECT '{{"input":{{"itemId":"item-' || q || '"}},"output":{{"recommendedItems":["' ||
              array_to_string(list_transform(range({LENGTH}), lambda k: 'item-' || (hash(q, k) % {ITEMS})), '","') ||
              '"]}},"error":null}}' AS line
            FROM range({ITEMS}) AS queries(q)
            """
        folder = root / "related" / f"batch_skewed_{RUN.run_at:%Y_%m_%d_%H_%M_%S}"
        folder.mkdir(parents=True)
        write_line_file(session, folder / "items-0.json.out", lines)
