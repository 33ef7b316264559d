"""Where a destination is and with which key: the environment first, else the SSM Parameter Store, read when it is needed.

A parameter is `/<ENVIRONMENT_NAME>/personalize-connectors/<the connector's name for it>`, or what `<VARIABLE>_PARAMETER` names:
`/aws/reference/secretsmanager/<secret>` there is a secret of the Secrets Manager (AWS Systems Manager user guide, "Referencing AWS
Secrets Manager secrets from Parameter Store parameters").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from personalize_connectors.aws import aws_client, aws_refuses
from personalize_connectors.connectors.exchange import Destination, by_origin
from personalize_connectors.connectors.protocol import Connector
from personalize_connectors.errors import BadSettings, DestinationUnavailable

_NOT_THERE = ("ParameterNotFound", "ParameterVersionNotFound")


def find_destination(
    connector: Connector,
    environment: Mapping[str, str],
    connect: Callable[[], Any] = lambda: aws_client("ssm"),
) -> Destination:
    """Where a connector delivers.

    Raises:
        BadSettings: the address or key is neither in the environment nor in the Parameter Store, may not be read, or cannot be right.
        DestinationUnavailable: the Parameter Store did not answer.
    """
    wanted = {
        name: tail for name, tail in connector.parameters.items() if not environment.get(name, "").strip()
    }
    if not wanted:
        return connector.destination(environment)
    paths = {name: _path(environment, name, tail) for name, tail in wanted.items()}
    found, why = _parameters(environment, paths, connect)
    origins = {name: f"the SSM parameter {paths[name]}" for name in found}
    try:
        return replace(connector.destination({**environment, **found}), origins=origins)
    except BadSettings as error:
        raise BadSettings(f"{error} {why}" if why else by_origin(str(error), origins)) from None


def _path(environment: Mapping[str, str], name: str, tail: str) -> str:
    return (
        _named(environment, name)
        or f"/{environment.get('ENVIRONMENT_NAME') or 'prod'}/personalize-connectors/{tail}"
    )


def _named(environment: Mapping[str, str], name: str) -> str:
    return environment.get(f"{name}_PARAMETER", "").strip()


def _parameters(
    environment: Mapping[str, str], paths: Mapping[str, str], connect: Callable[[], Any]
) -> tuple[dict[str, str], str]:
    """The values that are there, and why the others are not."""
    found: dict[str, str] = {}
    missing = []
    try:
        client = connect()
        for name, path in paths.items():
            try:
                answer = client.get_parameter(Name=path, WithDecryption=True)
                found[name] = answer["Parameter"]["Value"]
            except ClientError as error:
                if error.response["Error"]["Code"] not in _NOT_THERE:
                    raise
                named = _named(environment, name)
                missing.append(f"{path}, which {name}_PARAMETER names" if named else path)
    except BadSettings as error:
        raise BadSettings(f"the SSM parameters {_listed(paths)} were not read: {error}") from None
    except ClientError as error:
        raise _refusal(error, paths) from None
    except (NoRegionError, NoCredentialsError):
        return (
            {},
            f"(The SSM parameters {_listed(paths)} were not read: no AWS region or no credentials are set.)",
        )
    except BotoCoreError as error:
        raise DestinationUnavailable(
            f"the SSM parameters {_listed(paths)} could not be read: {error}"
        ) from None
    return found, f"(In the SSM Parameter Store there is no {' and no '.join(missing)}.)" if missing else ""


def _refusal(error: ClientError, paths: Mapping[str, str]) -> BadSettings | DestinationUnavailable:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if aws_refuses(error):
        return BadSettings(
            f"the SSM parameters {_listed(paths)} may not be read ({code}: {message}): allow ssm:GetParameter on them, and "
            f"kms:Decrypt on their key; or set {' and '.join(paths)}"
        )
    return DestinationUnavailable(f"the SSM parameters {_listed(paths)} could not be read: {code}: {message}")


def _listed(paths: Mapping[str, str]) -> str:
    return " and ".join(paths.values())
