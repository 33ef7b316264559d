"""The demo: two days of a synthetic shop through the real assets, against the Braze emulator in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

import requests
from rich.markup import escape

from personalize_connectors import layout
from personalize_connectors.console import show_outcome
from personalize_connectors.demo.s3 import clear, s3_server, upload
from personalize_connectors.demo.shop import DAYS, PERSONAL_JOB, SIMILAR_JOB, ShopSize, write_day
from personalize_connectors.errors import BadSettings
from personalize_connectors.instance import open_instance
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.runs import execute
from personalize_connectors.settings import read_settings
from personalize_connectors.terminal import out, showing_progress

# All that a demo leaves in a bucket.
_FOLDERS = (
    *(layout.job_folder(Job.parse(job)) for job in (PERSONAL_JOB, SIMILAR_JOB)),
    *(f"personalize/batch_inference/{name}" for name in ("picks_for_you", "similar_items")),
)


def run_demo(users: int, root: str | None) -> bool:
    """Run the whole demo in a local folder; whether every run went well."""
    if root:
        os.environ["CONNECTORS_ROOT"] = root
    settings = read_settings()
    if "://" in settings.root:
        raise BadSettings(
            f"the demo works in a local folder, not in {settings.root}; give one with --root, or --s3 for an S3"
        )
    folder = Path(settings.root).resolve()
    _clear(folder)
    went_well = _run_days(users, lambda day, size: write_day(folder, day, size))
    _show_next(folder)
    return went_well


def run_demo_on_s3(users: int) -> bool:
    """Run the whole demo on an S3; whether every run went well."""

    def make(day: int, size: ShopSize) -> None:
        with tempfile.TemporaryDirectory() as folder:
            write_day(Path(folder), day, size)
            upload(Path(folder))

    with s3_server():
        clear(_FOLDERS)
        out.print(f"The bucket is {os.environ['CONNECTORS_ROOT']} at {os.environ['AWS_ENDPOINT_URL']}")
        return _run_days(users, make)


def _run_days(users: int, make: Callable[[int, ShopSize], None]) -> bool:
    started, went_well = time.monotonic(), True
    with open_instance() as instance, emulator():
        for day, run_at in enumerate(DAYS):
            with showing_progress(f"making day {day + 1} of a shop with {users:,} users"):
                make(day, ShopSize(users=users))
            for job in (PERSONAL_JOB, SIMILAR_JOB):
                run = JobRun(Job.parse(job), run_at)
                with showing_progress(run.key):
                    outcome = execute(instance, read_settings(), run)
                out.print(f"\n[bold]Day {day + 1}[/]")
                show_outcome(outcome)
                went_well = went_well and not outcome.failures
        _show_profile()
    out.print(f"\nAll in {time.monotonic() - started:.0f} s.")
    return went_well


def _clear(folder: Path) -> None:
    """Remove what an earlier demo left, and nothing else."""
    for left in _FOLDERS:
        shutil.rmtree(folder / left, ignore_errors=True)


@contextmanager
def emulator(*options: str) -> Iterator[None]:
    """The emulator beside us, and the environment that leads there; whatever led to a real Braze is put aside."""
    command = [
        sys.executable,
        "-m",
        "personalize_connectors.cli",
        "emulate",
        "braze",
        "--port",
        "0",
        *options,
    ]
    names = ("BRAZE_REST_ENDPOINT_URL", "BRAZE_API_KEY")
    before = {name: os.environ.get(name) for name in names}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            announced = process.stdout.readline() if process.stdout else ""
            if not announced.startswith("export "):
                raise BadSettings(
                    "the Braze emulator did not start; see: personalize-connectors emulate braze --port 0"
                )
            for word in announced.split()[1:]:
                name, _, value = word.partition("=")
                os.environ[name] = value
            yield
        finally:
            process.terminate()
            for name, earlier in before.items():
                os.environ.pop(name, None)
                if earlier is not None:
                    os.environ[name] = earlier


def _show_profile() -> None:
    """One user's profile, read back."""
    url, key = os.environ["BRAZE_REST_ENDPOINT_URL"], os.environ["BRAZE_API_KEY"]
    answer = requests.post(
        f"{url}/users/export/ids",
        json={"external_ids": ["user-000001"]},
        headers={"Authorization": f"Bearer {key}"},
        timeout=10,
    )
    for user in answer.json().get("users", []):
        out.print(f"\nThe profile of {user['external_id']} in the emulator now:")
        for name, value in user["custom_attributes"].items():
            text = (
                ", ".join(str(item.get("name", item["itemId"])) for item in value[:4]) + ", ..."
                if isinstance(value, list)
                else value
            )
            out.print(f"  {escape(name)}: {escape(str(text))}")


def _show_next(folder: Path) -> None:
    in_checkout = Path("Makefile").is_file() and Path("workspace.yaml").is_file()
    shown = {
        str(folder): "the bucket: etl_jobs/, with each job's stages, errors and output",
        f"{_here('personalize-connectors')} jobs": "the jobs and their last runs",
    }
    if in_checkout:
        shown["make dev"] = "the Dagster UI on this bucket: the asset graph, the runs, their plots"
    width = max(map(len, shown))
    out.print("\nWhat to look at next:")
    for what, text in shown.items():
        out.print(f"  {escape(what.ljust(width))}   {text}")
    if not in_checkout:
        settings = f"DAGSTER_HOME={quote(os.environ['DAGSTER_HOME'])} CONNECTORS_ROOT={quote(str(folder))}"
        out.print(
            f"  {escape(settings)} {escape(_here('dagster'))} dev -m personalize_connectors.definitions"
        )


def _here(command: str) -> str:
    """A command of our environment as it can be typed here, whether that is active or not."""
    beside = Path(sys.executable).with_name(command)
    if shutil.which(command) or not beside.is_file():
        return command
    return quote(str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside))
