"""What works out the stages of a run: this machine, or a Spark cluster. The stages are the same to the byte."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import duckdb
import pyarrow as pa

from personalize_connectors import inputs
from personalize_connectors.allowance import Allowance
from personalize_connectors.assets import decoration, error_lines, raw_lines, record_lines, user_lists
from personalize_connectors.assets.decoration import Decoration
from personalize_connectors.assets.user_lists import UserLists
from personalize_connectors.engine.frame import Frame
from personalize_connectors.engine.item_metadata import ItemMetadata
from personalize_connectors.engine.items import Items
from personalize_connectors.engine.mapping import SetAside
from personalize_connectors.engine.session import open_session
from personalize_connectors.errors import BadSettings
from personalize_connectors.folders import Folder
from personalize_connectors.job_config import JobConfig
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.settings import Settings
from personalize_connectors.sources import Source
from personalize_connectors.storage import Storage, open_storage


class Engine(Protocol):
    """What the assets ask for; frames are written later, and are lazy until then."""

    @property
    def session(self) -> duckdb.DuckDBPyConnection:
        """A session on this machine, for what is small."""

    def raw_lines(self, bucket: Storage, run: JobRun, config: JobConfig, source: Source) -> Frame:
        """Every line of a source, typed."""

    def bad_mapping_rows(self, bucket: Storage, job: Job) -> SetAside:
        """The rows of the job's mapping that cannot be used."""

    def error_lines(self, run: JobRun, raw: Folder, others: pa.Table, *, kept: bool) -> Frame:
        """The lines that carry no recommendation, and those of other inputs."""

    def user_lists(self, bucket: Storage, run: JobRun, config: JobConfig, raw: Folder) -> UserLists:
        """The users with their lists."""

    def recommended_items(self, users: Folder, metadata: ItemMetadata) -> Items:
        """Every item that some user gets, with its metadata line."""

    def decorate(
        self,
        bucket: Storage,
        run: JobRun,
        config: JobConfig,
        users: Folder,
        items: Items,
        allowance: Allowance,
    ) -> dict[str, Decoration]:
        """For each connector what is to be delivered."""

    def with_record_lines(self, run: JobRun, decoration: Decoration) -> Frame:
        """The rows to deliver with their records."""


@dataclass(frozen=True)
class OneMachine:
    """The engine on this machine: DuckDB and Arrow."""

    session: duckdb.DuckDBPyConnection

    def raw_lines(self, _bucket: Storage, run: JobRun, config: JobConfig, source: Source) -> Frame:
        """As `assets.raw_lines`."""
        return raw_lines.raw_lines(self.session, run, config, source)

    def bad_mapping_rows(self, bucket: Storage, job: Job) -> SetAside:
        """As `inputs`."""
        return inputs.bad_mapping_rows(bucket, job)

    def error_lines(self, run: JobRun, raw: Folder, others: pa.Table, *, kept: bool) -> Frame:
        """As `assets.error_lines`."""
        return error_lines.error_lines(self.session, run, raw.scan(), others, kept=kept)

    def user_lists(self, bucket: Storage, run: JobRun, config: JobConfig, raw: Folder) -> UserLists:
        """As `assets.user_lists`."""
        return user_lists.user_lists(self.session, bucket, run, config, raw)

    def recommended_items(self, users: Folder, metadata: ItemMetadata) -> Items:
        """As `assets.decoration`."""
        return decoration.recommended_items(users, metadata)

    def decorate(
        self,
        bucket: Storage,
        run: JobRun,
        config: JobConfig,
        users: Folder,
        items: Items,
        allowance: Allowance,
    ) -> dict[str, Decoration]:
        """As `assets.decoration`."""
        return decoration.decorate(self.session, bucket, run, config, users, items, allowance)

    def with_record_lines(self, run: JobRun, decoration: Decoration) -> Frame:
        """As `assets.record_lines`."""
        return record_lines.with_record_lines(run, decoration)


def let_go() -> None:
    """Let go of a cluster that stages of this process were worked out on."""
    if session := sys.modules.get("personalize_connectors.spark.session"):
        session.let_go()


@contextmanager
def open_engine(settings: Settings) -> Iterator[Engine]:
    """The engine that the installation asks for.

    Raises:
        BadSettings: it asks for Spark, and PySpark lacks a part, or the workers have not what they need.
        ClusterFailed: the cluster does not answer.
    """
    with open_session(settings.memory_limit) as session:
        if settings.cluster is None:
            yield OneMachine(session)
            return
        try:
            from personalize_connectors.spark.engine import open_cluster  # noqa: PLC0415 - PySpark is an extra, wanted only here
        except ImportError as error:
            raise BadSettings(
                f"CONNECTORS_ENGINE is spark, and PySpark lacks a part: pip install 'personalize-connectors[spark]' ({error})"
            ) from None
        bucket = open_storage(settings.root, create=True)
        with open_cluster(settings.cluster, bucket, session) as engine:
            yield engine
