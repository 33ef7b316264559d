"""The demo's S3: a moto server in a process of its own, or what the environment names; batch outputs in a bucket of their own."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from personalize_connectors import layout
from personalize_connectors.aws import aws_client
from personalize_connectors.errors import BadSettings
from personalize_connectors.storage import Storage, open_storage

ROOT, OUTPUTS = "connectors-demo", "personalize-demo"
_OUTPUTS_FOLDER = "personalize"
_SECONDS_TO_START = 30
# Of all regions this one is not named (Amazon S3 API reference, "CreateBucket").
_NO_PLACE = "us-east-1"
_TESTING = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "eu-west-1",
}


@contextmanager
def s3_server() -> Iterator[None]:
    """An S3 with both buckets, and the environment that leads there.

    Raises:
        BadSettings: moto is not installed, or the S3 that the environment names does not let the demo make its buckets.
    """
    with nullcontext() if os.environ.get("AWS_ENDPOINT_URL") else _moto():
        try:
            _make_buckets()
        except (ClientError, BotoCoreError) as error:
            raise BadSettings(
                f"the demo cannot make its buckets at {os.environ['AWS_ENDPOINT_URL']}: {error}"
            ) from None
        with _set({"CONNECTORS_ROOT": f"s3://{ROOT}"}):
            yield


def _make_buckets() -> None:
    client = aws_client("s3")
    region = client.meta.region_name
    place: Any = {} if region == _NO_PLACE else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    there = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    for bucket in {ROOT, OUTPUTS} - there:
        client.create_bucket(Bucket=bucket, **place)


def clear(folders: Sequence[str]) -> None:
    """Remove folders of the two buckets."""
    for bucket in (ROOT, OUTPUTS):
        storage = open_storage(f"s3://{bucket}")
        for folder in folders:
            storage.clear(folder)


def upload(folder: Path) -> None:
    """Put a day that was made in a local folder to the two buckets; the configs then name the bucket of the outputs."""
    root, outputs = open_storage(f"s3://{ROOT}"), open_storage(f"s3://{OUTPUTS}")
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        place = path.relative_to(folder).as_posix()
        target: Storage = outputs if place.startswith(f"{_OUTPUTS_FOLDER}/") else root
        content = path.read_bytes()
        if place.startswith(layout.JOBS) and path.name == "config.json":
            config = json.loads(content)
            config["batchInferencePath"] = f"s3://{OUTPUTS}/{config['batchInferencePath']}"
            content = json.dumps(config, indent=2).encode()
        target.write(place, content)


@contextmanager
def _moto() -> Iterator[None]:
    if importlib.util.find_spec("moto") is None:
        raise BadSettings(
            "the demo on S3 starts a moto server, which is not installed: pip install 'moto[s3,server]'; or name a server by "
            "AWS_ENDPOINT_URL"
        )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            with _set({**_TESTING, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}):
                yield
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _SECONDS_TO_START
    while process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            if time.monotonic() > until:
                break
            time.sleep(0.1)  # the server tells nobody when it listens
    raise BadSettings("the moto server did not start; see: python -m moto.server")


@contextmanager
def _set(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables until the block ends."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
