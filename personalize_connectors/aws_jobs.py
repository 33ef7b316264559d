"""Jobs at AWS that run our script: started, looked at and stopped, at each of the services in its own words.

The clients of `dagster_aws.pipes` are not used for this, its context and messages on S3 are. `PipesEMRClient` makes a new cluster for
every call. `PipesEMRServerlessClient` says that it cannot read messages on S3, and of a failed job neither its id nor why it failed.
All of them lose what a failed job reported, and leave a job running when anything but an interruption ends the wait for it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from personalize_connectors.aws import aws_client, aws_refuses
from personalize_connectors.errors import BadSettings, ClusterFailed
from personalize_connectors.submission import Submission


@dataclass(frozen=True)
class Ended:
    """How a job ended.

    Attributes:
        well: Whether it did what it was to do.
        said: What AWS says of it.
    """

    well: bool
    said: str


class Jobs(Protocol):
    """What takes jobs; each call can raise what boto3 raises."""

    def start(self, name: str, arguments: Sequence[str]) -> str:
        """Start a job with arguments for the script; gives its id."""

    def look(self, job: str) -> Ended | None:
        """How a job ended; None as long as it has not."""

    def stop(self, job: str) -> None:
        """Have a job stopped, soon."""

    def log(self, job: str) -> str:
        """Where a job's log is, for people."""


@dataclass(frozen=True)
class _Glue:
    client: Any
    to: Submission

    def start(self, _name: str, arguments: Sequence[str]) -> str:
        named = dict(zip(arguments[::2], arguments[1::2], strict=True))
        return str(self.client.start_job_run(JobName=self.to.target, Arguments=named)["JobRunId"])

    def look(self, job: str) -> Ended | None:
        run = self.client.get_job_run(JobName=self.to.target, RunId=job)["JobRun"]
        state = run["JobRunState"]
        if state not in ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED"):
            return None
        return Ended(state == "SUCCEEDED", _said(state, run.get("ErrorMessage")))

    def stop(self, job: str) -> None:
        self.client.batch_stop_job_run(JobName=self.to.target, JobRunIds=[job])

    def log(self, job: str) -> str:
        return f"CloudWatch, log group /aws-glue/jobs/error, stream {job}"


@dataclass(frozen=True)
class _Emr:
    client: Any
    to: Submission

    def start(self, name: str, arguments: Sequence[str]) -> str:
        command = ["spark-submit", *self.to.submit, self.to.script, *arguments]
        jar = {"Jar": "command-runner.jar", "Args": command}
        step = {"Name": name, "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar}
        return str(self.client.add_job_flow_steps(JobFlowId=self.to.target, Steps=[step])["StepIds"][0])

    def look(self, job: str) -> Ended | None:
        status = self.client.describe_step(ClusterId=self.to.target, StepId=job)["Step"]["Status"]
        state, details = status["State"], status.get("FailureDetails", {})
        if state not in ("COMPLETED", "FAILED", "CANCELLED", "INTERRUPTED"):
            return None
        words = [details.get("Reason"), details.get("Message"), details.get("LogFile")]
        return Ended(state == "COMPLETED", _said(state, *words))

    def stop(self, job: str) -> None:
        how = "TERMINATE_PROCESS"
        self.client.cancel_steps(ClusterId=self.to.target, StepIds=[job], StepCancellationOption=how)

    def log(self, job: str) -> str:
        return f"step {job} of the EMR cluster {self.to.target}, below its LogUri"


@dataclass(frozen=True)
class _EmrServerless:
    client: Any
    to: Submission

    def start(self, name: str, arguments: Sequence[str]) -> str:
        submit = {"entryPoint": self.to.script, "entryPointArguments": list(arguments)}
        if self.to.submit:
            submit["sparkSubmitParameters"] = shlex.join(self.to.submit)
        started = self.client.start_job_run(
            applicationId=self.to.target,
            executionRoleArn=self.to.role,
            name=name,
            jobDriver={"sparkSubmit": submit},
        )
        return str(started["jobRunId"])

    def look(self, job: str) -> Ended | None:
        run = self.client.get_job_run(applicationId=self.to.target, jobRunId=job)["jobRun"]
        if run["state"] not in ("SUCCESS", "FAILED", "CANCELLED"):
            return None
        return Ended(run["state"] == "SUCCESS", _said(run["state"], run.get("stateDetails")))

    def stop(self, job: str) -> None:
        self.client.cancel_job_run(applicationId=self.to.target, jobRunId=job)

    def log(self, job: str) -> str:
        return f"job run {job} of the EMR Serverless application {self.to.target}, in EMR Studio or where its logs go"


def jobs_of(to: Submission) -> Jobs:
    """The jobs of what the installation names."""
    kinds: dict[str, type[_Glue | _Emr | _EmrServerless]] = {
        "glue": _Glue,
        "emr": _Emr,
        "emr-serverless": _EmrServerless,
    }
    return kinds[to.service](aws_client(to.service), to)


@contextmanager
def asking(to: Submission) -> Iterator[None]:
    """Errors of the calls as ours.

    Raises:
        BadSettings: AWS refuses what is asked, until somebody changes something.
        ClusterFailed: it does not answer.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        kind = BadSettings if aws_refuses(error) else ClusterFailed
        raise kind(f"{to.service} does not take the job for {to.target}: {error}") from None


def _said(*words: str | None) -> str:
    return ": ".join(word for word in words if word)
