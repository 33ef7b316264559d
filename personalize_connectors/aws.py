"""Clients of AWS, by the usual variables; `AWS_REGION` counts too, which boto3 leaves out."""

from __future__ import annotations

import os
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)

from personalize_connectors.aws_endpoint import aws_endpoint
from personalize_connectors.errors import BadSettings

_CALLS = {"connect_timeout": 3, "read_timeout": 5, "retries": {"mode": "standard", "max_attempts": 3}}
_BAD_SETTINGS = (ConfigParseError, InvalidRegionError, PartialCredentialsError, ProfileNotFound)
_TOO_MANY, _SERVER_ERROR = 429, 500


def aws_client(service: str, region: str = "") -> Any:
    """A client that gives up soon, in a region or the environment's.

    Raises:
        BadSettings: the environment names a profile, region or address that cannot be used.
        NoRegionError: it names no region.
    """
    from boto3 import Session  # noqa: PLC0415 - its import takes 0.05 s of each command, most of which need none

    aws_endpoint(service)
    try:
        return Session().client(
            service, region_name=region or os.environ.get("AWS_REGION") or None, config=Config(**_CALLS)
        )
    except _BAD_SETTINGS as error:
        raise BadSettings(f"the AWS settings cannot be used: {error}") from None


def aws_refuses(error: ClientError | BotoCoreError) -> bool:
    """Whether a call fails in the same way until somebody changes something."""
    if not isinstance(error, ClientError):
        return isinstance(error, (*_BAD_SETTINGS, NoCredentialsError, NoRegionError))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", _SERVER_ERROR)
    throttled = status == _TOO_MANY or "Throttl" in error.response["Error"]["Code"]
    return status < _SERVER_ERROR and not throttled
