"""What Amazon Personalize says of the batch job that writes a source (`personalizeAccess`).

Its list of jobs names no output path, so that the jobs in question are described one by one: those of the folder's name first,
which the maintaining solution gives its jobs, then the youngest that are older than the output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from personalize_connectors.aws import aws_client
from personalize_connectors.errors import BadSettings
from personalize_connectors.sources import Source

_MOST_PAGES, _PER_PAGE = 10, 100
_MOST_DESCRIBED = 10
_SKEW = timedelta(minutes=5)
_KINDS = {False: "Inference", True: "Segment"}


def personalize_client() -> Any:
    """A client, by the usual AWS variables."""
    return aws_client("personalize")


@dataclass
class BatchJobs:
    """The batch inference jobs, or the batch segment jobs, as they are during one tick.

    Attributes:
        segments: Whether they are segment jobs (`user_segmentation`).
        connect: Makes the client of Amazon Personalize.
    """

    segments: bool
    connect: Callable[[], Any] = personalize_client
    _client: Any = field(default=None, init=False)
    _listed: list[dict[str, Any]] | None = field(default=None, init=False)
    _described: dict[str, dict[str, Any]] = field(default_factory=dict, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def incomplete(self, source: Source) -> str | None:
        """Why a source is not complete, in words; None where its job is ACTIVE."""
        if source.storage.local:
            return f"{source.uri} is a local folder; with personalizeAccess a source must be in S3"
        try:
            with self._lock:
                job = self._job_of(source)
        except ClientError as error:
            return _refusal(error)
        except (BotoCoreError, BadSettings) as error:
            return f"Amazon Personalize could not be asked: {error}"
        kind = _KINDS[self.segments].lower()
        if job is None:
            return f"Amazon Personalize knows no batch {kind} job that writes to {source.uri}"
        said = f"of batch {kind} job {job['jobName']}, which writes to {source.uri}"
        if "FAILED" in job["status"]:
            return f"Amazon Personalize says {job['status']} {said}: {job.get('failureReason', 'no reason given')}"
        return None if job["status"] == "ACTIVE" else f"Amazon Personalize says {job['status']} {said}"

    def _job_of(self, source: Source) -> dict[str, Any] | None:
        """The youngest job whose output path is the source's folder."""
        if self._listed is None:
            self._client = self.connect()
            self._listed = self._list()
        name = source.uri.rpartition("/")[2]
        older = [job for job in self._listed if job["creationDateTime"] <= source.changed + _SKEW]
        older.sort(key=lambda job: (job["jobName"] == name, job["creationDateTime"]), reverse=True)
        for summary in older[:_MOST_DESCRIBED]:
            job = self._describe(summary["arn"])
            if job["jobOutput"]["s3DataDestination"]["path"].rstrip("/") == source.uri:
                return job
        return None

    def _list(self) -> list[dict[str, Any]]:
        kind = _KINDS[self.segments]
        pages = self._client.get_paginator(f"list_batch_{kind.lower()}_jobs").paginate(
            PaginationConfig={"MaxItems": _MOST_PAGES * _PER_PAGE, "PageSize": _PER_PAGE}
        )
        found = [job for page in pages for job in page[f"batch{kind}Jobs"]]
        return [{**job, "arn": job[f"batch{kind}JobArn"]} for job in found]

    def _describe(self, arn: str) -> dict[str, Any]:
        kind = _KINDS[self.segments]
        if arn not in self._described:
            describe = getattr(self._client, f"describe_batch_{kind.lower()}_job")
            self._described[arn] = describe(**{f"batch{kind}JobArn": arn})[f"batch{kind}Job"]
        return self._described[arn]


def _refusal(error: ClientError) -> str:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if "Throttl" in code or "TooManyRequests" in code:
        return "Amazon Personalize throttles; it is asked again in the next tick"
    if "AccessDenied" in code:
        return (
            f"Amazon Personalize may not be asked ({message}): allow personalize:ListBatchInferenceJobs, "
            "DescribeBatchInferenceJob, ListBatchSegmentJobs and DescribeBatchSegmentJob, or set personalizeAccess to false"
        )
    return f"Amazon Personalize could not be asked: {code}: {message}"
