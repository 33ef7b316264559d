"""Dagster Pipes in a folder of the bucket: what is said to a submitted job, and by it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import dagster as dg
from dagster_aws.pipes import PipesS3ContextInjector, PipesS3MessageReader

from personalize_connectors.aws import aws_client
from personalize_connectors.storage import Storage

# What the job has to know of the installation. None of them holds a secret.
_SETTINGS = (
    "AWS_REGION",
    "CONNECTORS_REPORT_PICTURES",
    "CONNECTORS_ROOT",
    "CONNECTORS_SPARK_DOCUMENTS",
    "CONNECTORS_SSE_KMS_KEY_ID",
)
_SECONDS = 1
_PACKAGE = "personalize-connectors"


@contextmanager
def open_session(
    context: dg.AssetExecutionContext, bucket: Storage, folder: str, config: Mapping[str, Any]
) -> Iterator[dg.PipesSession]:
    """A session with a job; its arguments name the folder."""
    place = re.fullmatch(r"s3://([^/]+)/?(.*)", bucket.uri(folder))
    assert place  # noqa: S101 - settings with a submission have such a root
    client = aws_client("s3")
    extras = {
        "version": version(_PACKAGE),
        "config": dict(config),
        "settings": {name: os.environ[name] for name in _SETTINGS if os.environ.get(name)},
    }
    with dg.open_pipes_session(
        context=context.op_execution_context,  # of the other, Dagster 1.13 warns itself
        context_injector=PipesS3ContextInjector(bucket=place[1], client=client, key_prefix=f"{place[2]}/"),
        message_reader=_Messages(place[1], place[2], client),
        extras=extras,
    ) as session:
        yield session


class _Messages(PipesS3MessageReader):
    """Messages in a folder of ours; Dagster's own go to one at the root of the bucket, where a run may not write."""

    def __init__(self, bucket: str, folder: str, client: Any) -> None:
        super().__init__(bucket=bucket, client=client, interval=_SECONDS)
        self._folder = folder

    @contextmanager
    def get_params(self) -> Iterator[dict[str, Any]]:
        with super().get_params() as params:
            yield {**params, "key_prefix": f"{self._folder}/messages"}
