"""What the tests of runs share: one emulator and one Dagster instance, emptied for each test."""

import dagster as dg
import pytest

from personalize_connectors.emulators.braze import running
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.assets.runs import World


@pytest.fixture(scope="session")
def emulator():
    """One emulator for all tests of runs."""
    with running() as started:
        yield started


@pytest.fixture(scope="session")
def instance():
    """One Dagster instance in memory for all tests of runs."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def world(tmp_path, emulator, instance, monkeypatch):
    """An empty bucket in a folder, an empty Braze, and the environment that leads to both."""
    return installed(open_storage(str(tmp_path)), emulator, instance, monkeypatch)


@pytest.fixture
def s3_world(s3_bucket, emulator, instance, monkeypatch):
    """The same with a prefix of an S3 bucket."""
    return installed(open_storage(f"s3://{s3_bucket}/some/where"), emulator, instance, monkeypatch)


def installed(bucket, emulator, instance, monkeypatch):
    """Empty Braze and set the environment."""
    emulator.reset()
    monkeypatch.setenv("CONNECTORS_ROOT", bucket.url)
    monkeypatch.setenv("BRAZE_REST_ENDPOINT_URL", emulator.url)
    monkeypatch.setenv("BRAZE_API_KEY", emulator.api_key)
    return World(bucket, emulator, instance)
