"""The example as its users have it: installed beside ours, and a job that delivers with it over a socket."""

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pyarrow.dataset as ds
import pytest
from webhook_receiver import TOKEN, Receiver

ROOT = Path(__file__).parents[2]
JOB = "user_personalization/daily"
BATCH = "personalize/daily/batch_2026_11_22_03_00_00/users.json.out"
CONFIG = {
    "batchInferencePath": "personalize/daily",
    "connectors": {"webhook": {"attributePrefix": "daily_", "path": "/users"}},
}
LISTS = {"ana": ["lamp", "tea"], "ben": ["tea"], "eve": ["lamp"]}
LAMP, TEA = {"name": "Desk lamp", "itemId": "lamp"}, {"itemId": "tea"}


@dataclass(frozen=True)
class World:
    """A folder with a bucket, and Python with ours and the example."""

    folder: Path
    site: Path

    def python(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the folder."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        environment["PYTHONPATH"] = f"{ROOT}{os.pathsep}{self.site}"
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, **variables: str) -> tuple[int, str]:
        """Run the job by the command line; gives the exit code and what it says, a blank between words."""
        done = self.python("-m", "personalize_connectors.cli", "run", JOB, **variables)
        return done.returncode, " ".join(f"{done.stdout}{done.stderr}".split())

    def receipts(self) -> list[tuple[str, str, str, int]]:
        """User, status, words and attempt of each receipt."""
        folder = self.folder / f"bucket/etl_jobs/{JOB}/output/webhook/receipts"
        columns = ["user_id", "status", "text", "attempt"]
        rows = ds.dataset(folder, exclude_invalid_files=True).to_table(columns).sort_by("user_id")
        return [tuple(row.values()) for row in rows.to_pylist()]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder into which pip installed the example, from the checkout alone."""
    folder = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    install = [sys.executable, "-m", "pip", "install", *options, "--target", folder]
    subprocess.run([*install, ROOT / "examples/webhook_connector"], check=True)
    return folder


@pytest.fixture
def world(tmp_path, site):
    """A bucket with a job of three users that delivers to the webhook."""
    job = tmp_path / "bucket/etl_jobs" / JOB
    lines = [
        {"input": {"userId": user}, "output": {"recommendedItems": items}} for user, items in LISTS.items()
    ]
    files = {
        tmp_path / "bucket" / BATCH: "".join(f"{json.dumps(line)}\n" for line in lines),
        job / "config.json": json.dumps(CONFIG),
        job / "input/item_metadata/items.json": json.dumps({"id": "lamp", "name": "Desk lamp"}),
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return World(tmp_path, site)


@pytest.fixture
def receiver():
    """The webhook's other side, which refuses eve."""
    with Receiver(0, ["eve"]) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_is_in_the_graph(world):
    """Once it is installed, its asset stands behind the decorated records, with nothing else to register."""
    script = (
        "from personalize_connectors.definitions import defs\n"
        "specs = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}\n"
        "print(*sorted(dep.asset_key.to_user_string() for dep in specs['webhook_sync'].deps))"
    )
    found = world.python("-c", script)
    assert found.stdout.split() == ["braze_catalog_sync", "decorated_recommendations"], found.stderr


def test_delivers(world, receiver):
    """Who is taken and who is refused is in the receipts, a throttled request is sent again, and a second run sends nothing."""
    where = {"WEBHOOK_URL": receiver.url, "WEBHOOK_TOKEN": TOKEN}
    code, said = world.run(**where)
    assert (code, receiver.statuses) == (0, [429, 200]), said
    assert "webhook: 2 accepted, 1 rejected in 2 requests (1 retries)" in said
    assert receiver.users == {
        "ana": {"user_id": "ana", "daily_items": [LAMP, TEA]},
        "ben": {"user_id": "ben", "daily_items": [TEA]},
    }
    receipts = [
        ("ana", "accepted", "", 2),
        ("ben", "accepted", "", 2),
        ("eve", "rejected", "no such user", 2),
    ]
    assert world.receipts() == receipts

    code, said = world.run(**where)
    assert (code, receiver.statuses, world.receipts()) == (0, [429, 200], receipts), said
    assert "0 added, 0 changed, 2 unchanged, 1 dead letters not sent again" in said


def test_says_what_is_missing(world):
    """Without an address the run fails before it reads anything, and says what to set."""
    code, said = world.run(WEBHOOK_TOKEN=TOKEN)
    assert code == 1
    assert "set WEBHOOK_URL (https://...) and WEBHOOK_TOKEN, the webhook's address and key" in said
    assert not (world.folder / f"bucket/etl_jobs/{JOB}/stages").exists()
