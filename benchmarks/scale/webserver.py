"""Dagster's webserver in a process of its own, asked what its pages ask."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

_MODULE = "personalize_connectors.definitions"
_SECONDS = 120

# What the partitions page of an asset asks (PartitionHealthQuery of Dagster 1.13).
PARTITIONS = """
query PartitionHealthQuery($assetKey: AssetKeyInput!) {
  assetNodeOrError(assetKey: $assetKey) {
    ... on AssetNode {
      id
      partitionKeysByDimension { name type partitionKeys }
      assetPartitionStatuses {
        ... on DefaultPartitionStatuses { materializedPartitions materializingPartitions failedPartitions }
      }
    }
  }
}
"""
# What the launchpad sends.
LAUNCH = """
mutation LaunchPipelineExecution($executionParams: ExecutionParams!) {
  launchPipelineExecution(executionParams: $executionParams) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message stack }
  }
}
"""


@dataclass(frozen=True)
class Webserver:
    """A webserver, and the code server that it has started."""

    url: str
    process: psutil.Process

    def processor(self) -> float:
        """Seconds of a processor that both used so far."""
        used = [each.cpu_times() for each in (self.process, *self.process.children(recursive=True))]
        return float(sum(each.user + each.system for each in used))

    def ask(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The data of an answer."""
        answer = requests.post(self.url, json={"query": query, "variables": variables}, timeout=600).json()
        if "errors" in answer:
            raise RuntimeError(str(answer["errors"]))
        data: dict[str, Any] = answer["data"]
        return data


@contextmanager
def webserver(folder: Path, environment: Mapping[str, str]) -> Iterator[Webserver]:
    """A webserver that has loaded the definitions."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dagster_webserver", "-m", _MODULE, "-h", "127.0.0.1", "-p", str(port)]
    with (folder / "webserver.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=dict(environment), stdout=log, stderr=log, start_new_session=True
        )
        try:
            url = f"http://127.0.0.1:{port}/graphql"
            _wait(url, process)
            yield Webserver(url, psutil.Process(process.pid))
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.post(url, json={"query": "{ version }"}, timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.2)  # it is still starting; nothing tells when it listens
    raise RuntimeError("dagster-webserver does not answer")


def launch_params(key: str) -> dict[str, Any]:
    """A run of the whole job for one partition."""
    selector = {
        "repositoryName": "__repository__",
        "repositoryLocationName": _MODULE,
        "pipelineName": "deliver_recommendations",
    }
    tags = [{"key": "dagster/partition", "value": key}]
    return {
        "executionParams": {
            "selector": selector,
            "mode": "default",
            "runConfigData": "{}",
            "executionMetadata": {"tags": tags},
        }
    }
