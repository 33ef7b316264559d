"""The Dagster resource that gives assets their bucket, settings and engine session."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import duckdb

from personalize_connectors.engine.session import open_session
from personalize_connectors.errors import Terminal
from personalize_connectors.settings import Settings, read_settings
from personalize_connectors.storage import Storage, open_storage


class Installation(dg.ConfigurableResource[None]):
    """One installation, from the environment at the time of the run."""

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return read_settings()

    @property
    def bucket(self) -> Storage:
        """The root of the layout."""
        return open_storage(self.settings.root, create=True)

    @contextmanager
    def session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection within the memory limit."""
        with open_session(self.settings.memory_limit) as session:
            yield session


@contextmanager
def clear_failures() -> Iterator[None]:
    """Turn what will never work as it is into a failure that Dagster does not retry, with our text and no traceback."""
    try:
        yield
    except Terminal as error:
        raise dg.Failure(str(error), allow_retries=False) from None
