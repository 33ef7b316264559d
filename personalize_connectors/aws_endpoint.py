"""Another AWS than Amazon's: where `AWS_ENDPOINT_URL`, or the variable of one service, leads."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from personalize_connectors.addresses import read_address
from personalize_connectors.errors import BadSettings


def aws_endpoint(service: str, environment: MutableMapping[str, str] = os.environ) -> str | None:
    """The address that the environment names for a service; None where it is Amazon's own.

    An empty variable is removed: boto3 takes it for unset, but a store would take it for an address.

    Raises:
        BadSettings: a variable holds no address of the web.
    """
    named = [
        name for name in (f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL") if name in environment
    ]
    for name in named:
        if not environment[name].strip():
            del environment[name]
        elif not (environment[name].isascii() and read_address(environment[name], ("http", "https"))):
            raise BadSettings(
                f"{name} is {environment[name]!r}; write http:// or https://, host and port, "
                "for example http://127.0.0.1:5000, or unset it"
            )
    return next((environment[name] for name in named if name in environment), None)
