"""Dagster's webserver in a process of its own, asked what its pages ask."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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


@contextmanager
def webserver(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Its address, once it has loaded the definitions."""
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
            yield url
        finally:
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


def ask(url: str, query: str, variables: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
    """The data of an answer, and the seconds it took."""
    started = time.perf_counter()
    answer = requests.post(url, json={"query": query, "variables": variables}, timeout=600).json()
    seconds = time.perf_counter() - started
    if "errors" in answer:
        raise RuntimeError(str(answer["errors"]))
    return answer["data"], seconds


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
