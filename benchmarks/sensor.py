"""Times ticks of the sensor over many jobs with many past batch outputs, on an S3 that answers late.

    python -m benchmarks.sensor [--jobs 200] [--runs 1000] [--delay 0.05] [--server slow_s3]

The S3 is moto behind a delay, or with `--server slow_s3` a stand-in that answers at once after the delay. Each job's batch outputs
are in a bucket of their own.

Partitions are a list, in which all past runs are registered. What is timed is what Dagster's daemon waits for: the evaluation
of a tick, with its queries of Dagster's own storage.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
import requests

from benchmarks.command import arguments, count, duration, run, say
from benchmarks.ticks import ticking
from personalize_connectors.job_run import Job, JobRun

ROOT = "connectors"
START = datetime(2024, 2, 1, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Installation:
    """What is made up.

    Attributes:
        jobs: How many jobs there are.
        runs: How many past batch outputs each has.
    """

    jobs: int
    runs: int

    def names(self) -> list[str]:
        """The jobs' names."""
        return [f"job-{number:03}" for number in range(self.jobs)]

    def times(self) -> list[datetime]:
        """When each job's batch outputs were made."""
        return [START + timedelta(days=day) for day in range(self.runs)]


def output(name: str, at: datetime, content: str = "{}") -> str:
    """The objects of one batch output, as lines for the stand-in."""
    folder = f"personalize-{name}\tbatch/batch_{name}_{at:%Y_%m_%d_%H_%M_%S}"
    return f"{folder}/_CHECK\t\n{folder}/users.json.out\t{content}\n"


@contextmanager
def late_s3(server: str, delay: float) -> Iterator[str]:
    """The S3 in a process of its own; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", f"benchmarks.{server}", "--port", str(port), "--delay", str(delay)]
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            while not _answers(url):
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/requests", timeout=1).ok
    except requests.ConnectionError:
        return False


def fill(url: str, made_up: Installation) -> None:
    """Put the configs and the past batch outputs."""
    for name in made_up.names():
        config = {
            "batchInferencePath": f"s3://personalize-{name}/batch",
            "settleSeconds": 0,
            "connectors": {"braze": {}},
        }
        lines = f"{ROOT}\tetl_jobs/user_personalization/{name}/config.json\t{json.dumps(config)}\n"
        lines += "".join(output(name, at) for at in made_up.times())
        requests.post(f"{url}/-/load", data=lines, timeout=600).raise_for_status()


def register_all(instance: dg.DagsterInstance, made_up: Installation) -> None:
    """Make all past runs known to Dagster."""
    for name in made_up.names():
        job = Job("user_personalization", name)
        instance.add_dynamic_partitions("job_run", [JobRun(job, at).key for at in made_up.times()])


def main() -> None:
    """The command."""
    parser = arguments("benchmarks.sensor", __doc__)
    parser.add_argument("--jobs", type=count, default=200)
    parser.add_argument("--runs", type=count, default=1000)
    parser.add_argument("--delay", type=duration, default=0.05)
    parser.add_argument("--server", choices=("delayed_moto", "slow_s3"), default="delayed_moto")
    run(parser, measure)


def measure(given: argparse.Namespace) -> None:
    """Fill the stand-in, and time ticks: the first ones, one that finds nothing new, one that finds a new output of each job."""
    made_up = Installation(given.jobs, given.runs)
    with tempfile.TemporaryDirectory() as home, late_s3(given.server, given.delay) as url:
        os.environ |= {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "AWS_REGION": "eu-west-1",
            "CONNECTORS_ROOT": f"s3://{ROOT}",
            "CONNECTORS_PARTITIONS": "list",
        }
        say(f"{made_up.jobs * made_up.runs:,} batch outputs of {made_up.jobs} jobs are made")
        fill(url, made_up)
        say("Dagster hears of them")
        with dg.instance_for_test(temp_dir=home) as instance:
            register_all(instance, made_up)
            _time_ticks(instance, url, made_up)


def _time_ticks(instance: dg.DagsterInstance, url: str, made_up: Installation) -> None:
    evaluate, cursor = ticking(), None

    def told(what: str) -> float:
        return float(requests.get(f"{url}/-/{what}", timeout=5).text or 0)

    def tick(what: str) -> None:
        nonlocal cursor
        before, own = told("requests"), told("seconds")
        data, seconds = evaluate(instance, cursor)
        sent, own = told("requests") - before, told("seconds") - own
        cursor = data.cursor
        print(
            f"{what:<46}{seconds:6.2f} s, {sent:,.0f} requests to S3 ({own:.2f} s of its own processor), {len(data.run_requests or [])} runs requested, "
            f"cursor {len(cursor or ''):,} bytes"
        )
        if not data.run_requests:
            print(f"    {data.skip_message}")

    print(f"{made_up.jobs} jobs with {made_up.runs:,} batch outputs each")
    for number in range(1, made_up.jobs // 50 + 2):
        tick(f"tick {number} of a new installation")
    tick("nothing new")
    new = made_up.times()[-1] + timedelta(days=1)
    lines = "".join(output(name, new) for name in made_up.names()[:20])
    requests.post(f"{url}/-/load", data=lines, timeout=60).raise_for_status()
    tick("a new batch output of 20 jobs")
    tick("nothing new")


if __name__ == "__main__":
    main()
