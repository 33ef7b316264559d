"""A production installation out of deploy/, with the commands of the compose file started natively."""

import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
import requests
import yaml

import personalize_connectors
from personalize_connectors.emulators.braze import RunningEmulator, running
from personalize_connectors.storage import Storage, open_storage
from personalize_connectors_tests.ports import free_ports
from personalize_connectors_tests.production import postgres
from personalize_connectors_tests.production.supervised import Supervised, supervising, wait_for

DEPLOY = Path(personalize_connectors.__file__).parents[1] / "deploy"
PROCESSES = ("code", "daemon", "webserver")


@dataclass(frozen=True)
class Installed:
    """What runs: the processes, the bucket, Braze, Dagster's history, where the webserver answers, and what asks who is well."""

    processes: Supervised
    bucket: Storage
    emulator: RunningEmulator
    instance: dg.DagsterInstance
    url: str
    health: dict[str, list[str]]

    def ask(self, query: str) -> dict:
        """What the webserver answers to a GraphQL query."""
        answer = requests.post(f"{self.url}/graphql", json={"query": query}, timeout=20)
        answer.raise_for_status()
        return answer.json()["data"]


def compose() -> dict:
    """The compose file."""
    return yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())


def natively(words: list[str], home: Path, ports: dict[str, int]) -> list[str]:
    """A command of the compose file, on loopback, with free ports and this home."""
    here = {
        "0.0.0.0": "127.0.0.1",
        "4000": str(ports["code"]),
        "3000": str(ports["webserver"]),
        "/opt/dagster": str(home),
    }
    for there, instead in here.items():
        words = [word.replace(there, instead) for word in words]
    return words


def home_in(folder: Path) -> Path:
    """DAGSTER_HOME out of deploy/, as the image has it; it looks more often, so that a test does not wait."""
    home = folder / "home"
    home.mkdir()
    shutil.copy(DEPLOY / "workspace.yaml", home)
    settings = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    settings["run_monitoring"] |= {"poll_interval_seconds": 3, "start_timeout_seconds": 20}
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings))
    return home


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A running installation with an empty bucket; nothing of it is left afterwards."""
    ports = dict(zip(("postgres", *PROCESSES), free_ports(4), strict=True))
    home, bucket = home_in(tmp_path), open_storage(str(tmp_path / "bucket"), create=True)
    with (
        tempfile.TemporaryDirectory(prefix="cluster-") as cluster,
        running() as emulator,
        contextlib.ExitStack() as stack,
    ):
        for name, value in _environment(home, bucket, emulator, ports).items():
            monkeypatch.setenv(name, value)
        postgres.make_cluster(Path(cluster))
        path = f"{Path(os.sys.executable).parent}:{os.environ['PATH']}"
        processes = stack.enter_context(supervising({"PATH": path}, tmp_path))
        processes.start("postgres", postgres.server(Path(cluster), ports["postgres"]))
        wait_for("PostgreSQL", lambda: postgres.answers(ports["postgres"]))
        postgres.make_database(ports["postgres"])
        instance = stack.enter_context(dg.DagsterInstance.from_config(str(home)))
        services = compose()["services"]
        for name in PROCESSES:
            processes.start(name, natively(services[name]["command"], home, ports))
        health = {
            name: natively(services[name]["healthcheck"]["test"][1:], home, ports) for name in PROCESSES
        }
        url = f"http://127.0.0.1:{ports['webserver']}"
        yield Installed(processes, bucket, emulator, instance, url, health)


def _environment(
    home: Path, bucket: Storage, emulator: RunningEmulator, ports: dict[str, int]
) -> dict[str, str]:
    """What the compose file and its .env set."""
    fixed = compose()["x-connectors"]["environment"]
    return {
        **{name: str(value) for name, value in fixed.items()},
        "DAGSTER_HOME": str(home),
        "DAGSTER_POSTGRES_HOST": "127.0.0.1",
        "DAGSTER_POSTGRES_PORT": str(ports["postgres"]),
        "DAGSTER_POSTGRES_PASSWORD": postgres.PASSWORD,
        "CONNECTORS_CODE_SERVER_HOST": "127.0.0.1",
        "CONNECTORS_CODE_SERVER_PORT": str(ports["code"]),
        "CONNECTORS_RUNS_AT_ONCE": "2",
        "CONNECTORS_ROOT": bucket.url,
        "CONNECTORS_SENSOR_SECONDS": "2",
        "BRAZE_REST_ENDPOINT_URL": emulator.url,
        "BRAZE_API_KEY": emulator.api_key,
    }
