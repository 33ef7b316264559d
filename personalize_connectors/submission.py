"""For whoever can only submit jobs to Spark, and not connect to it: where each stage of a run is submitted to."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from personalize_connectors.errors import BadSettings

SERVICES = ("glue", "emr", "emr-serverless")

_ENGINE = "CONNECTORS_ENGINE"
_SCRIPT = "CONNECTORS_JOB_SCRIPT"
_SUBMIT = "CONNECTORS_SPARK_SUBMIT"
_ROLE = "CONNECTORS_EMR_SERVERLESS_ROLE"
# Of each service: the variable that says what takes the jobs, what it must look like, and an example.
_TARGETS = {
    "glue": ("CONNECTORS_GLUE_JOB", r"\S(.{0,253}\S)?", "the name of a Glue job, as personalize-connectors"),
    "emr": ("CONNECTORS_EMR_CLUSTER", r"j-[A-Z0-9]+", "the id of a cluster, as j-2AXXXXXXGAPLF"),
    "emr-serverless": (
        "CONNECTORS_EMR_SERVERLESS_APPLICATION",
        r"[0-9a-z]+",
        "the id of an application, as 00f1abcdefgh5j09",
    ),
}
_S3 = r"s3://[^/\s]+/\S+"
_ARN = r"arn:aws[a-z-]*:iam::\d{12}:role/\S+"


@dataclass(frozen=True)
class Submission:
    """What takes the jobs.

    Attributes:
        service: `glue`, `emr` or `emr-serverless` (`CONNECTORS_ENGINE`).
        target: The Glue job, the EMR cluster or the EMR Serverless application.
        script: Where the job's script lies, of EMR and EMR Serverless (`CONNECTORS_JOB_SCRIPT`); a Glue job knows it.
        role: As whom EMR Serverless runs the jobs (`CONNECTORS_EMR_SERVERLESS_ROLE`).
        submit: Further words for spark-submit, of EMR and EMR Serverless (`CONNECTORS_SPARK_SUBMIT`).
    """

    service: str
    target: str
    script: str = ""
    role: str = ""
    submit: tuple[str, ...] = ()


def read_submission(environment: Mapping[str, str]) -> Submission | None:
    """What takes the jobs; None where the stages are worked out here, or on a cluster that is connected to.

    Raises:
        BadSettings: a variable is missing, or has a value that cannot be used.
    """
    service = environment.get(_ENGINE) or ""
    if service not in SERVICES:
        return None
    root = environment.get("CONNECTORS_ROOT") or "./bucket"
    if not root.startswith("s3://"):
        raise BadSettings(
            f"{_ENGINE} is {service}, and CONNECTORS_ROOT is {root!r}: jobs reach no folder of this machine; use s3://bucket[/prefix]"
        )
    target = _needed(environment, service, *_TARGETS[service])
    if service == "glue":
        return Submission(service, target)
    script = _needed(
        environment, service, _SCRIPT, _S3, "where job_script.py lies, as s3://bucket/job_script.py"
    )
    role = ""
    if service == "emr-serverless":
        role = _needed(
            environment, service, _ROLE, _ARN, "a role's ARN, as arn:aws:iam::123456789012:role/spark"
        )
    return Submission(service, target, script, role, _words(environment.get(_SUBMIT) or ""))


def _needed(environment: Mapping[str, str], service: str, name: str, form: str, example: str) -> str:
    value = environment.get(name)
    if not value:
        raise BadSettings(f"{_ENGINE} is {service}, and {name} is not set; set it to {example}")
    if not re.fullmatch(form, value):
        raise BadSettings(f"{name} is {value!r}; write {example}")
    return value


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise BadSettings(f"{_SUBMIT} is {text!r}; write it as a shell reads it ({error})") from None
