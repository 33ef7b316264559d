"""Work that is spread over a cluster: pieces of it by number, rows that must meet, and what the workers tell of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import duckdb
import pyarrow as pa
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.taskcontext import TaskContext

from personalize_connectors import errors
from personalize_connectors.engine.frame import Frame, Written
from personalize_connectors.engine.session import open_session
from personalize_connectors.errors import BadSettings, ClusterFailed, ConnectorsError, Terminal, Transient
from personalize_connectors.folders import write_parts
from personalize_connectors.spark.root import Root
from personalize_connectors.storage_errors import STORAGE_ERRORS, is_refused, storage_error_text

Rows = Iterator[pa.RecordBatch]

# What DuckDB may use in one task; a worker process also holds the batches in flight, and the item documents.
_MEMORY = 1 << 30

# Without Spark Connect some come as those of the bridge to Java.
OF_SPARK = (PySparkException, Py4JError)
# What workers tell of their piece: its number, and JSON.
TOLD = "number bigint, told string"
_SCHEMA = pa.schema([("number", pa.int64()), ("told", pa.string())])
# Around the text of an error of ours, which comes back inside one of Spark's; of Unicode's noncharacters.
_BEGIN, _END = "\ufdd2", "\ufdd3"
_OURS = re.compile(rf"personalize_connectors\.errors\.(\w+): {_BEGIN}(.*?){_END}", re.DOTALL)
_NOT_INSTALLED = re.compile(r"No module named '?(personalize_connectors|pyarrow|duckdb|obstore|orjson)\b")


def pieces(spark: SparkSession, number: int, kernel: Callable[[int], Rows], schema: str) -> DataFrame:
    """The rows that `kernel` gives for each of so many numbers, each a task of its own."""
    numbers = spark.range(0, number, 1, max(number, 1))
    return numbers.mapInArrow(partial(_each_piece, kernel), schema)


def partitions(rows: DataFrame, kernel: Callable[[int, Rows], Rows], schema: str) -> DataFrame:
    """The rows that `kernel` gives for each partition of some rows, given its number."""
    return rows.mapInArrow(partial(_each_partition, kernel), schema)


def groups(
    rows: DataFrame, number: int, kernel: Callable[[int, pa.Table], pa.Table], schema: str
) -> DataFrame:
    """The rows that `kernel` gives for the rows of each `piece` (a column), of which there are about so many."""

    def each(key: tuple[pa.Scalar, ...], table: pa.Table) -> pa.Table:
        with _task():
            return kernel(key[0].as_py(), table)

    return rows.repartition(max(number, 1), "piece").groupBy("piece").applyInArrow(each, schema)


@contextmanager
def task_session() -> Iterator[duckdb.DuckDBPyConnection]:
    """A session for one task, which has one processor."""
    with open_session(_MEMORY) as session:
        session.execute("SET threads = 1")
        yield session


def _each_piece(kernel: Callable[[int], Rows], numbers: Rows) -> Rows:
    with _task():
        for batch in numbers:
            for number in batch["id"].to_pylist():
                yield from kernel(number)


def _each_partition(kernel: Callable[[int, Rows], Rows], rows: Rows) -> Rows:
    context = TaskContext.get()
    with _task():
        yield from kernel(context.partitionId() if context else 0, rows)


@contextmanager
def _task() -> Iterator[None]:
    """A task, whose errors of ours, and of the storage, are in a form in which the driver knows them again."""
    pa.set_cpu_count(1)
    try:
        yield
    except ConnectorsError as error:
        raise type(error)(f"{_BEGIN}{error}{_END}") from None
    except STORAGE_ERRORS as error:
        kind = Terminal if is_refused(error) else Transient
        raise kind(f"{_BEGIN}on a worker: {storage_error_text(error)}{_END}") from error


def table(rows: DataFrame) -> pa.Table:
    """The rows, on the driver: only what is not per user.

    Raises:
        ConnectorsError: what a worker raised, or ClusterFailed.
    """
    with understood():
        return rows.toArrow()


@contextmanager
def understood() -> Iterator[None]:
    """Spark's errors as ours."""
    try:
        yield
    except OF_SPARK as error:
        raise _ours(str(error)) from error


def forget(rows: DataFrame) -> None:
    """Free what Spark keeps of rows; a cluster that has died keeps nothing."""
    with suppress(*OF_SPARK):
        rows.unpersist()


def _ours(said: str) -> ConnectorsError:
    if found := _OURS.search(said):
        kind: type[ConnectorsError] = getattr(errors, found[1])
        return kind(found[2])
    if missing := _NOT_INSTALLED.search(said):
        return BadSettings(
            f"the workers of the Spark cluster have no {missing[1]}: install the same personalize-connectors, with its "
            "connectors, in the Python that they run (PYSPARK_PYTHON)"
        )
    return ClusterFailed(
        f"the Spark cluster gave up: {said.strip().splitlines()[0] if said.strip() else 'without a word'}"
    )


@dataclass(frozen=True)
class Told:
    """What a worker tells of the piece that it wrote: the files, and what it found."""

    files: list[Written]
    found: Any


def written(
    root: Root, frame: Frame, token: str, number: int, found: Callable[[], Any] = lambda: None
) -> pa.RecordBatch:
    """Write a piece of a frame, on a worker, and tell of it; `found` is asked once it is written."""
    files = list(write_parts(root.open(), frame, token, piece=f"{number:05d}-"))
    told = json.dumps({"files": files, "found": found()})
    return pa.record_batch([pa.array([number], pa.int64()), pa.array([told])], schema=_SCHEMA)


@dataclass(frozen=True)
class Writing:
    """Writes the rows of each partition as they are."""

    root: Root
    schema: pa.Schema
    folder: str
    name: str
    token: str

    def __call__(self, number: int, rows: Rows) -> Rows:
        """The rows of one partition."""
        batches = (batch.select(self.schema.names).cast(self.schema) for batch in rows)
        frame = Frame(self.schema, batches, self.folder, name=self.name)
        yield written(self.root, frame, self.token, number)


def told(rows: DataFrame) -> Iterator[Told]:
    """What the workers tell, in the order of the pieces."""
    for row in table(rows).sort_by("number").to_pylist():
        content = json.loads(row["told"])
        yield Told([(folder, entry) for folder, entry in content["files"]], content["found"])


def files(rows: DataFrame) -> list[Written]:
    """The files that the workers wrote."""
    return [file for piece in told(rows) for file in piece.files]
