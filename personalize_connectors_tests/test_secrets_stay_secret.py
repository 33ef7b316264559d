"""The key is nowhere but in the requests: not in Dagster's storage, not in the bucket, not in what is printed."""

import json
import os
import subprocess
import sys

import pytest

from personalize_connectors.emulators.braze import BrazeEmulatorSettings, running

KEY = "very-secret-key-5f0c1b9a7d"
JOB = "user_personalization/daily"


@pytest.fixture
def emulator():
    """A Braze whose only key is the secret one."""
    with running(BrazeEmulatorSettings(api_key=KEY)) as started:
        yield started


@pytest.fixture
def command(tmp_path, emulator):
    """Run the command line in a process of its own; gives its exit code and all that it printed."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(tmp_path / "home"),
        "CONNECTORS_ROOT": str(tmp_path / "bucket"),
        "BRAZE_REST_ENDPOINT_URL": emulator.url,
        "BRAZE_API_KEY": KEY,
    }

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "personalize_connectors.cli", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return done.returncode, done.stdout

    return run


def land(folder, day, **connectors):
    """A config and the batch output of a day."""
    job = folder / "etl_jobs" / JOB
    job.mkdir(parents=True, exist_ok=True)
    config = {"batchInferencePath": "out", "connectors": connectors}
    (job / "config.json").write_text(json.dumps(config))
    output = folder / "out" / f"2026_11_0{day}_00_00_00"
    output.mkdir(parents=True)
    line = {"input": {"userId": "ana"}, "output": {"recommendedItems": [f"item-{day}"]}}
    (output / "users.json.out").write_text(json.dumps(line) + "\n")


@pytest.mark.parametrize("connectors", [{"braze": {}}, {"braze": {}, "braze_catalog": {"catalog": "shop"}}])
def test_the_key_is_nowhere(tmp_path, command, emulator, connectors):
    """After runs that went well, that were refused by a destination that repeats the key, and with tracebacks on."""
    land(tmp_path / "bucket", 1, **connectors)
    code, said = command("--debug", "run", JOB)
    assert code == 0, said.decode()
    land(tmp_path / "bucket", 2, **connectors)
    emulator.faults(revoked_keys=[KEY], echo_keys=True)
    code, refused = command("--debug", "run", JOB)
    assert (code, b"401" in refused) == (1, True), refused.decode()
    asked = [command(*words)[1] for words in (["plan", JOB], ["validate"], ["explain", JOB, "--user", "ana"])]
    assert [text.decode() for text in (said, refused, *asked) if KEY.encode() in text] == []
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    assert [str(path) for path in files if KEY.encode() in path.read_bytes()] == []
