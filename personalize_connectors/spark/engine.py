"""The engine on a Spark cluster, as the assets ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import duckdb
import pyarrow as pa
from pyspark.sql import SparkSession

from personalize_connectors.allowance import Allowance
from personalize_connectors.assets import record_lines
from personalize_connectors.assets.decoration import Decoration
from personalize_connectors.assets.user_lists import UserLists
from personalize_connectors.cluster import Cluster
from personalize_connectors.engine.frame import Frame
from personalize_connectors.engine.item_metadata import ItemMetadata
from personalize_connectors.engine.items import Items
from personalize_connectors.engine.mapping import SetAside
from personalize_connectors.folders import Folder
from personalize_connectors.job_config import JobConfig
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.sources import Source
from personalize_connectors.spark import decoration, error_lines, mapping, raw_lines, user_lists
from personalize_connectors.spark.root import root_of
from personalize_connectors.spark.session import held_spark
from personalize_connectors.spark.work import forget
from personalize_connectors.storage import Storage

_SPLIT = 64 << 20


@dataclass(frozen=True)
class SparkEngine:
    """As `engines.Engine` has it.

    Attributes:
        spark: The session on the cluster.
        session: A session on this machine, for what is small.
        left: What is cleared away when the engine is closed.
        documents_bytes: The most bytes of item documents that a worker process holds whole.
        split_bytes: How much of a batch output is a task.
    """

    spark: SparkSession
    session: duckdb.DuckDBPyConnection
    left: ExitStack
    documents_bytes: int
    split_bytes: int = _SPLIT

    def raw_lines(self, bucket: Storage, run: JobRun, _config: JobConfig, source: Source) -> Frame:
        """As `spark.raw_lines`."""
        return raw_lines.raw_lines(self.spark, bucket, run, source, self.split_bytes)

    def bad_mapping_rows(self, bucket: Storage, job: Job) -> SetAside:
        """As `spark.mapping`."""
        return mapping.bad_mapping_rows(self.spark, bucket, job)

    def error_lines(self, run: JobRun, raw: Folder, others: pa.Table, *, kept: bool) -> Frame:
        """As `spark.error_lines`."""
        return error_lines.error_lines(self.spark, self.session, run, raw, others, kept=kept)

    def user_lists(self, bucket: Storage, run: JobRun, config: JobConfig, raw: Folder) -> UserLists:
        """As `spark.user_lists`."""
        return user_lists.user_lists(self.spark, self.session, bucket, run, config, raw)

    def recommended_items(self, users: Folder, metadata: ItemMetadata) -> Items:
        """As `spark.decoration`."""
        return decoration.recommended_items(self.spark, users, metadata)

    def decorate(
        self,
        bucket: Storage,
        run: JobRun,
        config: JobConfig,
        users: Folder,
        items: Items,
        allowance: Allowance,
    ) -> dict[str, Decoration]:
        """As `spark.decoration`."""
        made_of = decoration.Decorator(
            self.spark, self.session, bucket, run, users, allowance, self.documents_bytes
        )
        self.left.callback(bucket.clear, made_of.scratch)
        decorations, kept = decoration.decorate(made_of, config, items)
        for rows in kept:
            self.left.callback(forget, rows)
        return decorations

    def with_record_lines(self, run: JobRun, decoration: Decoration) -> Frame:
        """Those of users have their records already."""
        return decoration.rows if decoration.rows.lines else record_lines.with_record_lines(run, decoration)


@contextmanager
def open_cluster(
    cluster: Cluster, bucket: Storage, session: duckdb.DuckDBPyConnection
) -> Iterator[SparkEngine]:
    """An engine on a cluster whose workers have what they need.

    Raises:
        BadSettings: they have not.
        ClusterFailed: the cluster does not answer.
    """
    spark = held_spark(cluster, root_of(bucket))
    with ExitStack() as left:
        yield SparkEngine(spark, session, left, cluster.documents_bytes)
