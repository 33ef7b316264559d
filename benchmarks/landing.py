"""From a batch output that lands in S3 to the last record that Braze accepts, with nobody doing anything.

    python -m benchmarks.landing [--users 100000] [--most 30]

Real processes: a moto server as S3, the Braze emulator, and Dagster's daemon with the settings of `dagster.yaml`, the sensor at 5 s and
`settleSeconds: 0`. Exits with 1 where it took more than `--most` seconds. All of them share this machine's processors.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import psutil
import requests

from benchmarks.command import arguments, count, duration, run, say
from personalize_connectors import layout
from personalize_connectors.demo.run import emulator
from personalize_connectors.demo.s3 import OUTPUTS, ROOT, s3_server
from personalize_connectors.job_run import Job
from personalize_connectors.storage import open_storage

JOB = Job("user_personalization", "landing")
ITEMS, LENGTH, FILES = 1_000, 25, 4
_CHECKOUT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Measured:
    """When what happened, in seconds after the batch output was there."""

    steps: dict[str, float]

    @property
    def seconds(self) -> float:
        """Until the last record was accepted."""
        return self.steps["last record accepted"]


def measure(users: int) -> Measured:
    """Land one batch output in an installation that runs, and wait for its delivery."""
    with tempfile.TemporaryDirectory() as folder, s3_server(), emulator():
        home = Path(folder)
        settings = (_CHECKOUT / "dagster.yaml").read_text()
        (home / "dagster.yaml").write_text(
            settings.replace("base_dir: .dagster", f"base_dir: {home}/.dagster")
        )
        os.environ |= {"DAGSTER_HOME": folder, "CONNECTORS_SENSOR_SECONDS": "5"}
        configure()
        # The instance first: two processes at once cannot make its databases.
        with dg.DagsterInstance.get() as instance, daemon(home) as check:
            wait_for("a first tick of the sensor", lambda: has_ticked(instance), check)
            landed = land(users)
            wait_for("all records", lambda: accepted() >= users, check)
            done = time.time()
            wait_for("the end of the run", lambda: only_run(instance).end_time, check)
            return Measured({**steps(instance, landed), "last record accepted": done - landed})


def configure() -> None:
    """The job and its item metadata."""
    root = open_storage(f"s3://{ROOT}")
    config = {
        "batchInferencePath": f"s3://{OUTPUTS}/landing",
        "settleSeconds": 0,
        "connectors": {"braze": {}},
    }
    items = (
        {"id": f"item-{number}", "name": f"Product {number}", "price": number / 10, "brand": "Acme"}
        for number in range(ITEMS)
    )
    root.write(f"{layout.metadata_folder(JOB)}/items.json", "\n".join(map(json.dumps, items)).encode())
    root.write(layout.config_file(JOB), json.dumps(config).encode())


def land(users: int) -> float:
    """Put the batch output; gives the moment at which all of it is there."""
    outputs, draw = open_storage(f"s3://{OUTPUTS}"), random.Random(1)
    files = []
    for number in range(FILES):
        lines = [
            json.dumps(
                {
                    "input": {"userId": f"user-{user}"},
                    "output": {
                        "recommendedItems": [f"item-{item}" for item in draw.sample(range(ITEMS), LENGTH)]
                    },
                    "error": None,
                },
                separators=(",", ":"),
            )
            for user in range(number, users, FILES)
        ]
        files.append("\n".join(lines).encode())
    for number, content in enumerate(files):
        outputs.write(f"landing/batch_landing_2026_11_22_03_00_00/users-{number}.json.out", content)
    return time.time()


@contextmanager
def daemon(home: Path) -> Iterator[Callable[[], None]]:
    """Dagster's daemon on the checkout's definitions; gives what raises with its last words once it has ended."""

    def check() -> None:
        if process.poll() is not None:
            raise SystemExit(f"the daemon has ended: {(home / 'daemon.log').read_text()[-2000:]}")

    command = [
        str(Path(sys.executable).parent / "dagster-daemon"),
        "run",
        "-m",
        "personalize_connectors.definitions",
    ]
    with (
        (home / "daemon.log").open("w") as log,
        subprocess.Popen(command, cwd=home, stdout=log, stderr=log, start_new_session=True) as process,
    ):
        try:
            yield check
        finally:  # the runs are processes of its own, in sessions of their own
            with suppress(psutil.NoSuchProcess):
                for each in psutil.Process(process.pid).children(recursive=True):
                    with suppress(psutil.NoSuchProcess):
                        each.kill()
            process.kill()


def has_ticked(instance: dg.DagsterInstance) -> bool:
    """Whether the sensor has looked once."""
    states = instance.all_instigator_state()
    return any(
        instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        for state in states
        if state.name.startswith("new_batch")
    )


def only_run(instance: dg.DagsterInstance) -> dg.RunRecord:
    """The run that the sensor requested."""
    (record,) = instance.get_run_records()
    return record


def accepted() -> int:
    """The records that Braze has taken."""
    answer = requests.get(f"{os.environ['BRAZE_REST_ENDPOINT_URL']}/emulator/stats", timeout=10)
    return int(answer.json()["objects_accepted"])


def steps(instance: dg.DagsterInstance, landed: float) -> dict[str, float]:
    """When the run was requested and started, and when each of its assets was done."""
    record = only_run(instance)
    found = {
        "the sensor requested the run": record.create_timestamp.timestamp() - landed,
        "its process began": (record.start_time or landed) - landed,
    }
    for step in instance.get_run_step_stats(record.dagster_run.run_id):
        found[f"{step.step_key} was done"] = (step.end_time or landed) - landed
    return dict(sorted(found.items(), key=lambda entry: entry[1]))


def wait_for(what: str, ready: Callable[[], object], check: Callable[[], None], seconds: float = 180) -> None:
    """Wait until something is so; `check` raises where it can be no more."""
    say(f"waiting for {what}")
    until = time.monotonic() + seconds
    while not ready():
        check()
        if time.monotonic() > until:
            raise SystemExit(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)  # other processes make it so, and tell nobody


def main() -> None:
    """The command."""
    parser = arguments("benchmarks.landing", __doc__)
    parser.add_argument("--users", type=count, default=100_000)
    parser.add_argument("--most", type=duration, default=30.0)
    run(parser, judge)


def judge(given: argparse.Namespace) -> None:
    """Measure, print, and judge."""
    measured = measure(given.users)
    print(f"{given.users:,} users x {LENGTH} items; seconds after the batch output was in S3:")
    for what, seconds in measured.steps.items():
        print(f"{seconds:7.1f}  {what}")
    if measured.seconds > given.most:
        raise SystemExit(f"that is more than {given.most:.0f} s")


if __name__ == "__main__":
    main()
