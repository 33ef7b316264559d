"""A standalone Spark cluster and a Spark Connect server on loopback, out of what PySpark brings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import requests

from personalize_connectors_tests.ports import free_ports
from personalize_connectors_tests.until import until

_HERE = "127.0.0.1"
_PROCESS = {
    "SPARK_DAEMON_MEMORY": "700m",
    "SPARK_DAEMON_JAVA_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
}
_MEMORY = {"spark.driver.memory": "700m", "spark.executor.memory": "600m"}
_QUICK = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"


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
        started: All processes, by name; each leads a group of its own.
    """

    folder: Path
    environment: dict[str, str]
    master: str
    web: str
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *command: str) -> None:
        """Start a program of Spark's."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.started[name] = subprocess.Popen(
                [str(home() / "bin" / command[0]), *command[1:]],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def add_worker(self, name: str) -> None:
        """Start a worker with a core for each of two applications, and wait until the master knows it."""
        before = self.workers()
        place = ["--host", _HERE, "--port", "0", "--webui-port", "0", "--work-dir", str(self.folder / name)]
        size = ["--cores", "2", "--memory", "2g"]
        self.start(name, "spark-class", "org.apache.spark.deploy.worker.Worker", *place, *size, self.master)
        until(lambda: self.workers() > before)

    def workers(self) -> int:
        """How many workers the master knows to be alive."""
        return int(requests.get(f"{self.web}/json/", timeout=10).json()["aliveworkers"])

    def kill(self, name: str) -> None:
        """Kill a process and all that it started, at once."""
        process = self.started.pop(name)
        of_it = psutil.Process(process.pid)
        killed = [*of_it.children(recursive=True), of_it]
        for each in killed:
            each.send_signal(signal.SIGKILL)
        process.wait()
        psutil.wait_procs(killed[:-1], timeout=10)

    def log(self, name: str) -> str:
        """What a process said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")


@contextmanager
def local_cluster(
    folder: Path, environment: Mapping[str, str] = {}, workers: int = 2
) -> Iterator[LocalCluster]:
    """A master and workers, until the block ends."""
    port, web = free_ports(2)
    there = {
        **os.environ,
        **environment,
        **_PROCESS,
        "SPARK_HOME": str(home()),
        "SPARK_LOCAL_IP": _HERE,
        "SPARK_LOCAL_DIRS": str(folder / "scratch"),
        "SPARK_NO_DAEMONIZE": "1",
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join(sys.path[:]),
    }
    cluster = LocalCluster(folder, there, f"spark://{_HERE}:{port}", f"http://{_HERE}:{web}")
    try:
        address = ["--host", _HERE, "--port", str(port), "--webui-port", str(web)]
        cluster.start("master", "spark-class", "org.apache.spark.deploy.master.Master", *address)
        until(lambda: _answers(cluster))
        for number in range(workers):
            cluster.add_worker(f"worker-{number}")
        yield cluster
    finally:
        for name in list(cluster.started):
            cluster.kill(name)


def settings(cluster: LocalCluster) -> dict[str, str]:
    """What keeps an application on this machine small."""
    return {
        "spark.master": cluster.master,
        **_MEMORY,
        "spark.driver.host": _HERE,
        "spark.driver.bindAddress": _HERE,
        "spark.driver.extraJavaOptions": _QUICK,
        "spark.executor.extraJavaOptions": _QUICK,
        "spark.executor.cores": "1",
        "spark.cores.max": "2",
        "spark.task.maxFailures": "2",
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.showConsoleProgress": "false",
    }


@contextmanager
def connect_server(cluster: LocalCluster) -> Iterator[str]:
    """A Spark Connect server on the cluster; gives its address."""
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
    yield f"sc://{_HERE}:{port}"


def _answers(cluster: LocalCluster) -> bool:
    try:
        return cluster.workers() == 0
    except requests.RequestException:  # it listens before it can tell
        return False
