"""Batch outputs and configs for tests of what the sensor sees."""

import json
import os
from datetime import UTC, datetime

from personalize_connectors import layout
from personalize_connectors.job_run import Job
from personalize_connectors.storage import Storage

DAILY = Job("user_personalization", "daily")
NOVEMBER = [datetime(2020, 11, day, 3, tzinfo=UTC) for day in range(1, 31)]


def folder(at: datetime, name: str = "daily") -> str:
    """The folder of one batch output, below the bucket."""
    return f"batch/{name}/batch_{name}_{at:%Y_%m_%d_%H_%M_%S}"


def put_output(
    bucket: Storage,
    folder: str,
    content: str = "{}",
    *,
    file: str = "users.json.out",
    at: datetime | None = None,
) -> None:
    """Write a file of a batch output; at a time, where the bucket is a folder."""
    path = f"{folder}/{file}"
    bucket.write(path, content.encode())
    if at and bucket.local:
        os.utime(bucket.local / path, (at.timestamp(),) * 2)


def configure(bucket: Storage, job: Job = DAILY, **top: object) -> None:
    """Write the job's config.json; a batch output is complete at once unless `settleSeconds` says otherwise."""
    content = {
        "batchInferencePath": f"batch/{job.name}",
        "settleSeconds": 0,
        "connectors": {"braze": {}},
        **top,
    }
    bucket.write(layout.config_file(job), json.dumps(content).encode())
