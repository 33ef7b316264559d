"""Clients of AWS, by the usual variables; `AWS_REGION` counts too, which boto3 leaves out."""

from __future__ import annotations

import os
from typing import Any

import boto3
from botocore.config import Config

_CALLS = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "max_attempts": 3})


def aws_client(service: str) -> Any:
    """A client that gives up soon."""
    return boto3.client(service, region_name=os.environ.get("AWS_REGION") or None, config=_CALLS)
