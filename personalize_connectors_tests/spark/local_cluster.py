"""A standalone Spark cluster and a Spark Connect server on loopback, out of what PySpark brings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import requests

from personalize_connectors_tests.ports import free_ports
from personalize_connectors_tests.server_process import kill_tree, start
from personalize_connectors_tests.until import until

_HERE = "127.0.0.1"
_QUICK = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"


@dataclass(frozen=True)
class Size:
    """How large the processes are.

    Attributes:
        workers: How many workers there are at first.
        cores: Of each worker.
        pinned: Whether each worker has one processor of its own and no other.
        daemon: Memory of the master, a worker, or the Spark Connect server.
        executor: Memory of an executor, beside that of its Python.
        java: Options of each of them.
    """

    workers: int = 2
    cores: int = 2
    pinned: bool = False
    daemon: str = "700m"
    executor: str = "600m"
    java: str = _QUICK


# Room for two applications, each with one executor on each worker.
SMALL = Size()


def home() -> Path:
    """Where PySpark is."""
    import pyspark  # an extra

    return Path(pyspark.__file__).parent


@dataclass
class LocalCluster:
    """A master and its workers.

    Attributes:
        folder: Where the processes work and log.
        environment: Theirs.
        master: The master's address.
        web: Where the master answers.
        size: How large the processes are.
        started: All processes, by name; each leads a group of its own.
    """

    folder: Path
    environment: dict[str, str]
    master: str
    web: str
    size: Size
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, program: str, *arguments: str, before: Sequence[str] = ()) -> None:
        """Start a program of Spark's."""
        command = [*before, str(home() / "bin" / program), *arguments]
        self.started[name] = start(command, self.folder / f"{name}.log", self.environment)

    def add_worker(self, name: str) -> None:
        """Start a worker, and wait until the master knows it."""
        known = self.workers()
        place = ["--host", _HERE, "--port", "0", "--webui-port", "0", "--work-dir", str(self.folder / name)]
        size = ["--cores", str(self.size.cores), "--memory", "8g"]
        alone = ["taskset", "--cpu-list", str(known)] if self.size.pinned else []
        worker = "org.apache.spark.deploy.worker.Worker"
        self.start(name, "spark-class", worker, *place, *size, self.master, before=alone)
        until(lambda: self.workers() > known)

    def workers(self) -> int:
        """How many workers the master knows to be alive."""
        return int(requests.get(f"{self.web}/json/", timeout=10).json()["aliveworkers"])

    def kill(self, name: str) -> None:
        """Kill a process and all that it started, at once."""
        kill_tree(self.started.pop(name))

    def log(self, name: str) -> str:
        """What a process said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")


@contextmanager
def local_cluster(
    folder: Path, environment: Mapping[str, str] = {}, size: Size = SMALL
) -> Iterator[LocalCluster]:
    """A master and workers, until the block ends."""
    port, web = free_ports(2)
    there = {
        **os.environ,
        **environment,
        "SPARK_DAEMON_MEMORY": size.daemon,
        "SPARK_DAEMON_JAVA_OPTS": size.java,
        "SPARK_HOME": str(home()),
        "SPARK_LOCAL_IP": _HERE,
        "SPARK_LOCAL_DIRS": str(folder / "scratch"),
        "SPARK_NO_DAEMONIZE": "1",
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join(sys.path[:]),
    }
    cluster = LocalCluster(folder, there, f"spark://{_HERE}:{port}", f"http://{_HERE}:{web}", size)
    try:
        address = ["--host", _HERE, "--port", str(port), "--webui-port", str(web)]
        cluster.start("master", "spark-class", "org.apache.spark.deploy.master.Master", *address)
        until(lambda: _answers(cluster))
        for number in range(size.workers):
            cluster.add_worker(f"worker-{number}")
        yield cluster
    finally:
        for name in list(cluster.started):
            cluster.kill(name)


def settings(cluster: LocalCluster) -> dict[str, str]:
    """Those of an application with one executor on each worker."""
    return {
        "spark.master": cluster.master,
        "spark.driver.memory": cluster.size.daemon,
        "spark.executor.memory": cluster.size.executor,
        "spark.driver.host": _HERE,
        "spark.driver.bindAddress": _HERE,
        # What is killed leaves its temporary files: there.
        "spark.driver.extraJavaOptions": f"{cluster.size.java} -Djava.io.tmpdir={cluster.folder}",
        "spark.executor.extraJavaOptions": cluster.size.java,
        "spark.executor.cores": "1",
        "spark.cores.max": str(cluster.size.workers),
        "spark.task.maxFailures": "2",
        "spark.sql.shuffle.partitions": str(4 * cluster.size.workers),
        "spark.ui.showConsoleProgress": "false",
    }


class Connect(NamedTuple):
    """Where a Spark Connect server answers clients, and people."""

    address: str
    web: str


@contextmanager
def connect_server(cluster: LocalCluster) -> Iterator[Connect]:
    """A Spark Connect server on the cluster."""
    port, web = free_ports(2)
    conf = {
        **settings(cluster),
        "spark.connect.grpc.binding.address": _HERE,
        "spark.connect.grpc.binding.port": str(port),
        "spark.ui.port": str(web),
    }
    options = [word for name, value in conf.items() for word in ("--conf", f"{name}={value}")]
    server = "org.apache.spark.sql.connect.service.SparkConnectServer"
    cluster.start("connect", "spark-submit", *options, "--class", server, "spark-internal")
    until(lambda: "Spark Connect server started at" in cluster.log("connect"))
    yield Connect(f"sc://{_HERE}:{port}", f"http://{_HERE}:{web}")


def _answers(cluster: LocalCluster) -> bool:
    try:
        return cluster.workers() == 0
    except requests.RequestException:  # it listens before it can tell
        return False
