"""What the engine's tests share: one DuckDB session."""

import pytest

from personalize_connectors.engine.session import open_session


@pytest.fixture(scope="session")
def session():
    """One session for all tests of the engine; every test brings its own data."""
    with open_session(1 << 30) as opened:
        yield opened
