"""What the tests of delivery share: a bucket in a folder, and a session."""

import pytest

from personalize_connectors.emulators.braze import running
from personalize_connectors.engine.session import open_session
from personalize_connectors.storage import open_storage


@pytest.fixture
def bucket(tmp_path):
    """An empty bucket."""
    return open_storage(str(tmp_path))


@pytest.fixture(scope="session")
def session():
    """One session for all tests; every test brings its own data."""
    with open_session(1 << 30) as opened:
        yield opened


@pytest.fixture(scope="module")
def listening():
    """One emulator with Braze's limits."""
    with running() as emulator:
        yield emulator


@pytest.fixture
def emulator(listening):
    """The emulator with nothing in it."""
    listening.reset()
    return listening
