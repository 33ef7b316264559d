"""Where the stages of a run are worked out: on this machine, or on which Spark cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

from personalize_connectors.errors import BadSettings
from personalize_connectors.sizes import read_size
from personalize_connectors.submission import SERVICES

_ENGINES = ("local", "spark", *SERVICES)
_DOCUMENTS = "CONNECTORS_SPARK_DOCUMENTS"
_REMOTE = re.compile(r"sc://[^/;]+(/.*)?")
_MASTER = re.compile(r"local(\[.+\])?|yarn|(spark|k8s)://.+")
# As SPARK_MASTER: that of the Spark job which this process is the driver of; the job's script sets it.
OF_THIS_JOB = "of-this-job"


@dataclass(frozen=True)
class Cluster:
    """A Spark cluster.

    Attributes:
        address: That of a Spark Connect server (`sc://host:port`), or a master URL. It can hold a token.
        documents_bytes: The most bytes of item documents that each worker process holds whole (`CONNECTORS_SPARK_DOCUMENTS`).
    """

    address: str = field(repr=False)
    documents_bytes: int

    @property
    def connect(self) -> bool:
        """Whether it is a Spark Connect server."""
        return self.address.startswith("sc://")

    @property
    def of_this_job(self) -> bool:
        """Whether this process is the driver of a submitted job, and has its session."""
        return self.address == OF_THIS_JOB

    @property
    def name(self) -> str:
        """The address without what can be a secret."""
        return _name(self.address)


def read_cluster(environment: Mapping[str, str]) -> Cluster | None:
    """The cluster that `CONNECTORS_ENGINE`, `SPARK_REMOTE` and `SPARK_MASTER` name; None where no Spark is connected to.

    Raises:
        BadSettings: one of them has a value that cannot be used.
    """
    engine = environment.get("CONNECTORS_ENGINE") or "local"
    if engine not in _ENGINES:
        raise BadSettings(
            f"CONNECTORS_ENGINE is {engine!r}; it can be {', '.join(_ENGINES[:-1])} or {_ENGINES[-1]}"
        )
    if engine != "spark":
        return None
    remote, master = environment.get("SPARK_REMOTE"), environment.get("SPARK_MASTER")
    if bool(remote) == bool(master):
        raise BadSettings(
            f"CONNECTORS_ENGINE is spark, and {'both' if remote else 'neither'} of SPARK_REMOTE and SPARK_MASTER {'are' if remote else 'is'} set; "
            "set one: SPARK_REMOTE to a Spark Connect server, as sc://host:15002, or SPARK_MASTER to a master, as spark://host:7077"
        )
    if remote and not _REMOTE.fullmatch(remote):
        raise BadSettings(f"SPARK_REMOTE is {_name(remote)!r}; write sc://host:port")
    if master and master != OF_THIS_JOB and not _MASTER.fullmatch(master):
        raise BadSettings(
            f"SPARK_MASTER is {_name(master)!r}; write spark://host:port, yarn, k8s://https://host:port or local[2]"
        )
    held = environment.get(_DOCUMENTS) or "256MiB"
    return Cluster(remote or master or "", read_size(_DOCUMENTS, held, 0, "256MiB"))


def with_pyspark(cluster: Cluster | None) -> Cluster | None:
    """The cluster, where this Python can talk to it; nothing is imported to see that.

    Raises:
        BadSettings: PySpark is not installed.
    """
    if cluster and find_spec("pyspark") is None:
        raise BadSettings(
            "CONNECTORS_ENGINE is spark, and PySpark is not installed: pip install 'personalize-connectors[spark]'"
        )
    return cluster


def _name(address: str) -> str:
    return address.partition(";")[0].rpartition("@")[2]
