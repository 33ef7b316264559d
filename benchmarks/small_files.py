"""Many small item metadata files on an S3 that answers late: some at once, as a run reads them, against one by one.

python -m benchmarks.small_files [--files 10000] [--delay 0.02]
"""

from __future__ import annotations

import argparse
import json
import os
import time

import requests

from benchmarks.command import arguments, count, duration, run, say
from benchmarks.sensor import late_s3
from personalize_connectors import layout
from personalize_connectors.inputs import item_metadata
from personalize_connectors.job_run import Job
from personalize_connectors.storage import open_storage

BUCKET, JOB = "connectors", Job("user_personalization", "daily")
_ONE_BY_ONE = 500  # so many are enough to tell the time of one


def main() -> None:
    """The command."""
    parser = arguments("benchmarks.small_files", __doc__)
    parser.add_argument("--files", type=count, default=10_000)
    parser.add_argument("--delay", type=duration, default=0.02)
    run(parser, measure)


def measure(given: argparse.Namespace) -> None:
    """Fill the stand-in for S3, read all files as a run does, and some of them one by one."""
    with late_s3("slow_s3", given.delay) as url:
        os.environ |= {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "AWS_REGION": "eu-west-1",
        }
        folder = layout.metadata_folder(JOB)
        lines = (
            f"{BUCKET}\t{folder}/{number:05}.json\t{json.dumps({'id': f'item-{number}'})}\n"
            for number in range(given.files)
        )
        requests.post(f"{url}/-/load", data="".join(lines), timeout=60).raise_for_status()
        bucket = open_storage(f"s3://{BUCKET}")
        say(f"{given.files:,} files as a run reads them")
        started = time.perf_counter()
        items = len(item_metadata(bucket, JOB).lines)
        at_once = time.perf_counter() - started
        say("some of them one by one")
        some = bucket.objects(folder)[:_ONE_BY_ONE]
        started = time.perf_counter()
        for entry in some:
            bucket.read(entry.path)
        one_by_one = (time.perf_counter() - started) * given.files / len(some)
    print(f"{items:,} items in {given.files:,} files, {given.delay * 1000:.0f} ms a request")
    print(
        f"as a run reads them {at_once:6.1f} s; one by one {one_by_one:6.1f} s: {one_by_one / at_once:.1f} times"
    )


if __name__ == "__main__":
    main()
