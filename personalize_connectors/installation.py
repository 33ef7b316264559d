"""The Dagster resource that gives assets their bucket, settings and engine session."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import duckdb
from dagster._core.errors import DagsterExecutionInterruptedError

from personalize_connectors.engine.session import open_session
from personalize_connectors.engines import Engine, let_go, open_engine
from personalize_connectors.errors import ConnectorsError, Transient
from personalize_connectors.job_run import JobRun
from personalize_connectors.partitions import run_tags
from personalize_connectors.settings import Settings, read_settings
from personalize_connectors.storage import Storage, open_storage
from personalize_connectors.storage_errors import (
    is_refused,
    is_storage_error,
    storage_error_text,
)

TRANSIENT = "can_be_tried_again"
_INTERRUPTED = "Query interrupted"


class Installation(dg.ConfigurableResource[None]):
    """One installation, from the environment at the time of the run."""

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return read_settings()

    @property
    def submitted(self) -> bool:
        """Whether this process is a job that was submitted to Spark, and not the Dagster run that waits for it."""
        cluster = self.settings.cluster
        return cluster is not None and cluster.of_this_job

    @property
    def bucket(self) -> Storage:
        """The root of the layout."""
        return open_storage(self.settings.root, create=True)

    @contextmanager
    def session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection within the memory limit, for what is this machine's to do: a cluster is not kept waiting for it."""
        let_go()
        with open_session(self.settings.memory_limit) as session:
            yield session

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """What works out the stages of a run."""
        with open_engine(self.settings) as engine:
            yield engine


def job_run(context: dg.AssetExecutionContext) -> JobRun:
    """The job run that an asset is materialized for, with the run's tags set, whoever launched it.

    Raises:
        dg.Failure: the partition key is not of the form.
    """
    with clear_failures():
        run = JobRun.parse(context.partition_key)
    missing = {key: value for key, value in run_tags(run).items() if context.run.tags.get(key) != value}
    if missing:
        context.instance.add_run_tags(context.run.run_id, missing)
    return run


@contextmanager
def clear_failures() -> Iterator[None]:
    """Turn our errors into failures with our text; what will never work as it is, Dagster does not retry."""
    try:
        yield
    except ConnectorsError as error:
        raise _failure(str(error), transient=isinstance(error, Transient)) from None
    except duckdb.OutOfMemoryException as error:
        text = f"the engine has no memory or scratch disk left: raise CONNECTORS_MEMORY_LIMIT, or free what is below TMPDIR ({error})"
        raise _failure(text, transient=False) from None
    except Exception as error:
        if str(error) == _INTERRUPTED:  # what DuckDB makes of Ctrl-C while it works
            raise DagsterExecutionInterruptedError from None
        if not is_storage_error(error):
            raise
        raise _failure(storage_error_text(error), transient=not is_refused(error)) from error


def _failure(text: str, *, transient: bool) -> dg.Failure:
    return dg.Failure(text, metadata={TRANSIENT: transient}, allow_retries=transient)
