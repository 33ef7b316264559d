"""The system's Chromium, and an installation in its own processes."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import urllib3
from playwright.sync_api import sync_playwright

from personalize_connectors.demo.shop import PERSONAL_JOB, SIMILAR_JOB, ShopSize, write_day
from personalize_connectors.emulators.braze import RunningEmulator, running
from personalize_connectors.storage import Storage, open_storage
from personalize_connectors_tests.until import until

SIZE = ShopSize(users=2000)


def _chromium() -> str:
    names = ("chromium", "chromium-browser", "google-chrome")
    if not any(map(shutil.which, names)):
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=True, capture_output=True)
    return next(filter(None, map(shutil.which, names)))


@pytest.fixture(scope="session")
def chromium():
    """The system's Chromium; installed where there is none."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory):
    """Where screenshots go: the folder named by SCREENSHOTS, or one that is thrown away."""
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(exist_ok=True, parents=True)
    return folder


@dataclass(frozen=True)
class Shop:
    """A shop whose first day was delivered, the UI that shows it, and the Braze that it delivers to."""

    bucket: Storage
    emulator: RunningEmulator
    url: str

    def next_day(self) -> None:
        """Write the batch outputs of the second day."""
        assert self.bucket.local
        _write(self.bucket.local, 1)


@pytest.fixture
def shop(tmp_path):
    """A small demo with its UI, its sensor and its Braze; job run 2026-11-21T05-00-00Z is registered, and was not run."""
    home, root = tmp_path / "home", tmp_path / "bucket"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n")
    _write(root, 0)
    with running() as emulator:
        environment = {
            **os.environ,
            "DAGSTER_HOME": str(home),
            "CONNECTORS_ROOT": str(root),
            "CONNECTORS_SENSOR_SECONDS": "2",
            "BRAZE_REST_ENDPOINT_URL": emulator.url,
            "BRAZE_API_KEY": emulator.api_key,
        }
        cli = [sys.executable, "-m", "personalize_connectors.cli"]
        for command in (["run", PERSONAL_JOB], ["add-run", PERSONAL_JOB, "--at", "2026-11-21T05-00-00Z"]):
            subprocess.run([*cli, *command], env=environment, cwd=tmp_path, check=True, capture_output=True)
        with _serving(tmp_path, environment) as url:
            yield Shop(open_storage(str(root)), emulator, url)


def _write(root: Path, day: int) -> None:
    """A day of the shop's first job; the sensor takes its outputs at once, and the category of tea is spelled anew."""
    write_day(root, day, SIZE)
    shutil.rmtree(root / "etl_jobs" / SIMILAR_JOB)
    config = root / "etl_jobs" / PERSONAL_JOB / "config.json"
    config.write_text(config.read_text().replace("{", '{"settleSeconds": 0,', 1))


@contextmanager
def _serving(folder: Path, environment: dict[str, str]):
    """`dagster dev` until the block ends; none of its processes outlives it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dagster", "dev", "-m", "personalize_connectors.definitions"]
    address = ["--host", "127.0.0.1", "--port", str(port)]
    log = folder / "dagster.log"
    with log.open("wb") as out:
        started = subprocess.Popen(
            [*command, *address],
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    process = psutil.Process(started.pid)
    try:
        until(lambda: _serves(f"http://127.0.0.1:{port}/server_info"))
        yield f"http://127.0.0.1:{port}"
    finally:
        family = [process, *process.children(recursive=True)]
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGTERM)
        _, left = psutil.wait_procs(family, timeout=5)
        for one in left:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        started.wait()


def _serves(url: str) -> bool:
    try:
        return urllib3.request("GET", url, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False
