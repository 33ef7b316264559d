"""What the tests of the cluster share: one of two workers with a Spark Connect server, and an engine on it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from personalize_connectors.allowance import NOTHING, Allowance
from personalize_connectors.cluster import Cluster
from personalize_connectors.engine.session import open_session
from personalize_connectors.engines import OneMachine
from personalize_connectors.job_run import JobRun
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.assets.runs import World
from personalize_connectors_tests.s3 import KEYS
from personalize_connectors_tests.spark.local_cluster import connect_server, local_cluster
from personalize_connectors_tests.spark.stages import answer, decorate, fold, left_by, work_out

if TYPE_CHECKING:  # an extra
    from personalize_connectors.spark.engine import SparkEngine


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A master and two workers."""
    with local_cluster(tmp_path_factory.mktemp("cluster"), KEYS) as started:
        yield started


@pytest.fixture(scope="session")
def remote(cluster):
    """The address of a Spark Connect server on the cluster."""
    with connect_server(cluster) as server:
        yield server.address


@pytest.fixture(scope="session")
def session():
    """A session on this machine."""
    with open_session(1 << 30) as opened:
        yield opened


@pytest.fixture(scope="session")
def spark_engine(remote, session):
    """An engine on the cluster."""
    from personalize_connectors.spark.engine import SparkEngine
    from personalize_connectors.spark.session import open_spark

    with open_spark(Cluster(remote, 0)) as spark:
        yield SparkEngine(spark, session, ExitStack(), documents_bytes=1 << 20)


@dataclass(frozen=True)
class Both:
    """A bucket on which both engines work, and the engines."""

    world: World
    session: duckdb.DuckDBPyConnection
    spark: SparkEngine

    def run(self, run: JobRun, allowance: Allowance = NOTHING, **cluster: Any) -> tuple[Any, Any]:
        """Work a run out with each; gives what this machine says and leaves, once the cluster says and leaves the same."""
        return self._each(work_out, run, allowance, cluster)

    def again(self, run: JobRun, allowance: Allowance = NOTHING, **cluster: Any) -> dict[str, int]:
        """Decorate the lists of a run again with each; gives the counts of Braze."""
        return self._each(decorate, run, allowance, cluster)[0]["counts"]["braze"]

    def _each(
        self, stages: Any, run: JobRun, allowance: Allowance, cluster: dict[str, Any]
    ) -> tuple[Any, Any]:
        said = stages(OneMachine(self.session), self.world.bucket, run, allowance)
        found = left_by(self.world.bucket, run)
        with ExitStack() as left:
            there = stages(replace(self.spark, left=left, **cluster), self.world.bucket, run, allowance)
        assert there == said
        assert left_by(self.world.bucket, run) == found
        return said, found

    def answer(self, run: JobRun, connector: str = "braze", **statuses: str) -> None:
        """Write receipts, as if the destination had answered."""
        answer(self.world.bucket, run, statuses, connector)

    def fold(self, run: JobRun, connector: str = "braze") -> None:
        """Fold the receipts into the state."""
        fold(self.session, self.world.bucket, run, connector)


@pytest.fixture
def both(tmp_path, session, spark_engine):
    """An empty bucket."""
    return Both(World(open_storage(str(tmp_path)), None, None), session, spark_engine)


@pytest.fixture
def both_on_s3(s3_bucket, session, spark_engine):
    """A prefix of a bucket on S3, for which workers have keys of their own."""
    return Both(World(open_storage(f"s3://{s3_bucket}/some/where"), None, None), session, spark_engine)
