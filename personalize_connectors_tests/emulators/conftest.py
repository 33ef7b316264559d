"""What several modules test on."""

import pytest

from personalize_connectors.emulators.braze import running
from personalize_connectors_tests.emulators.calls import Clock
from personalize_connectors_tests.emulators.catalog_calls import create


@pytest.fixture(scope="module")
def catalogs():
    """One emulator for the catalog tests of a module."""
    with running(clock=Clock()) as emulator:
        yield emulator


@pytest.fixture
def shop(catalogs):
    """The emulator with one catalog in it."""
    catalogs.reset()
    assert create(catalogs)[0] == 201
    return catalogs
