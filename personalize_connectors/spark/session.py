"""A session on a Spark cluster."""

from __future__ import annotations

import atexit
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from urllib.parse import urlsplit
from urllib.request import getproxies

import pyarrow as pa
from pyspark.sql import SparkSession

from personalize_connectors.cluster import Cluster
from personalize_connectors.errors import BadSettings, ClusterFailed
from personalize_connectors.spark.root import Root
from personalize_connectors.spark.work import OF_SPARK, pieces, table, understood

_PACKAGE = "personalize-connectors"
_PORT, _MASTER_PORT, _SECONDS = 15002, 7077, 10
_STANDALONE = "spark://"
_TASKS = 4

# The sessions of this process: the stages of a run are worked out in one process, and the workers keep what they need for one session.
_held: dict[Cluster, tuple[SparkSession, ExitStack]] = {}


def held_spark(cluster: Cluster, root: Root) -> SparkSession:
    """The session of this process on a cluster whose workers have what they need; opened with its first use.

    Raises:
        BadSettings: they have not.
        ClusterFailed: nobody answers.
    """
    if cluster not in _held:
        with ExitStack() as stack:
            spark = stack.enter_context(open_spark(cluster))
            probe(spark, root)
            _held[cluster] = spark, stack.pop_all()
    return _held[cluster][0]


@atexit.register
def let_go() -> None:
    """Close the sessions of this process: what follows needs no cluster, or a new session."""
    while _held:
        _, (_, stack) = _held.popitem()
        with suppress(*OF_SPARK):
            stack.close()


@contextmanager
def open_spark(cluster: Cluster) -> Iterator[SparkSession]:
    """A session until the block ends.

    Raises:
        ClusterFailed: nobody answers.
    """
    _knock(cluster)
    with understood(), _installed():
        builder = SparkSession.builder.appName("personalize_connectors")
        if cluster.of_this_job:
            spark = builder.getOrCreate()
        elif cluster.connect:
            spark = builder.remote(cluster.address).create()
        else:
            quiet = builder.master(cluster.address).config("spark.ui.showConsoleProgress", "false")
            spark = quiet.getOrCreate()
    try:
        yield spark
    finally:
        spark.stop()


@contextmanager
def _installed() -> Iterator[None]:
    """PySpark itself says what Spark Connect needs and is not there."""
    try:
        yield
    except ImportError as error:
        raise BadSettings(
            f"Spark Connect needs more than there is: pip install '{_PACKAGE}[spark]' ({error})"
        ) from None


def _knock(cluster: Cluster) -> None:
    """Spark's clients try for minutes, and one of them does not say why; where a proxy stands between, only it can tell."""
    if cluster.connect and not getproxies():
        what, variable, port, addresses = "Connect server", "SPARK_REMOTE", _PORT, [cluster.address]
    elif cluster.address.startswith(_STANDALONE):
        # Several masters stand one behind the other: spark://one:7077,two:7077.
        masters = cluster.address.removeprefix(_STANDALONE).split(",")
        what, variable, port = "master", "SPARK_MASTER", _MASTER_PORT
        addresses = [_STANDALONE + master for master in masters]
    else:
        return
    found = [_refusal(address, port) for address in addresses]
    if all(found):
        raise ClusterFailed(f"no Spark {what} answers at {cluster.name} ({variable}): {found[0]}")


def _refusal(address: str, port: int) -> str:
    """Why nobody answers at an address; nothing where somebody does."""
    try:
        place = urlsplit(address)
        socket.create_connection((place.hostname or "", place.port or port), _SECONDS).close()
    except (OSError, ValueError) as error:
        return str(error)
    return ""


@dataclass(frozen=True)
class _Probing:
    """What a worker has: the version of this package; and whether it sees the bucket."""

    root: Root

    def __call__(self, _number: int) -> Iterator[pa.RecordBatch]:
        try:
            self.root.open()
        except BadSettings as error:
            raise BadSettings(
                f"on a worker of the Spark cluster {error}; all machines must see the bucket"
            ) from None
        yield pa.record_batch({"version": [version(_PACKAGE)]})


def probe(spark: SparkSession, root: Root) -> None:
    """See that the workers have what they need.

    Raises:
        BadSettings: they do not.
    """
    ours = version(_PACKAGE)
    theirs = table(pieces(spark, _TASKS, _Probing(root), "version string").distinct())["version"]
    for found in theirs.to_pylist():
        if found != ours:
            raise BadSettings(
                f"a worker of the Spark cluster has {_PACKAGE} {found}, and this machine {ours}; install the same"
            )
