"""A job that works out one stage: started, waited for, and stopped when nobody waits any more."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, repeat
from typing import Any

import dagster as dg
from botocore.exceptions import BotoCoreError, ClientError

from personalize_connectors import layout
from personalize_connectors.aws import aws_refuses
from personalize_connectors.aws_jobs import Ended, Jobs, asking, jobs_of
from personalize_connectors.connectors.registry import connectors
from personalize_connectors.credentials import find_destination
from personalize_connectors.errors import ClusterFailed
from personalize_connectors.installation import job_run
from personalize_connectors.jobs import read_config
from personalize_connectors.pipes_in_bucket import open_session
from personalize_connectors.stage_outcome import StageOutcome
from personalize_connectors.storage import Storage
from personalize_connectors.submission import Submission

_NOTE = "job"
_NAME = "personalize-connectors"
_PAUSES = (1, 1, 2, 3)


def work_out(
    context: dg.AssetExecutionContext, bucket: Storage, to: Submission, config: Mapping[str, Any]
) -> StageOutcome:
    """Have a job work out the stage of an asset, and wait for it.

    Raises:
        BadSettings: AWS refuses it, or a destination is not known.
        ClusterFailed: the job said nothing of how it ended, or AWS does not answer.
    """
    run, asset = job_run(context), context.asset_key.path[-1]
    for name in read_config(bucket, run.job).connectors:
        find_destination(connectors()[name], os.environ)
    folder, jobs = layout.submitted(run, asset), jobs_of(to)
    note = f"{folder}/{_NOTE}"
    if bucket.exists(note):
        _end_what_is_left(context, jobs, bucket.read(note).decode())
    bucket.clear(folder)
    with open_session(context, bucket, folder, config) as session:
        with asking(to):
            words = [word for pair in session.get_bootstrap_cli_arguments().items() for word in pair]
            job = jobs.start(f"{_NAME} {asset} {run.key}", words)
        with _stopped_with_us(context, jobs, job):
            context.log.info(f"submitted to {to.service} as {job}; its log: {jobs.log(job)}")
            bucket.write(note, job.encode())
            ended = _end(context, jobs, job)
    told = [StageOutcome(**payload) for payload in session.get_custom_messages()]
    bucket.clear(folder)
    if told:
        return told[-1]
    how = "ended without a word of how" if ended.well else "failed"
    raise ClusterFailed(f"the job {job} of {to.service} {how} ({ended.said}); its log: {jobs.log(job)}")


@contextmanager
def _stopped_with_us(context: dg.AssetExecutionContext, jobs: Jobs, job: str) -> Iterator[None]:
    """Stop a job where nobody waits for it any more: an interruption, or AWS or the bucket refuse something."""
    try:
        yield
    except BaseException as error:
        context.log.warning(f"stopping the job {job}: {error!r}")
        _stop(context, jobs, job)
        raise


def _end(context: dg.AssetExecutionContext, jobs: Jobs, job: str) -> Ended:
    """Wait for the end of a job."""
    pauses = chain(_PAUSES, repeat(_PAUSES[-1]))
    while (ended := _look(context, jobs, job)) is None:
        time.sleep(next(pauses))  # AWS tells the end of a job to nobody who does not ask
    return ended


def _look(context: dg.AssetExecutionContext, jobs: Jobs, job: str) -> Ended | None:
    try:
        return jobs.look(job)
    except (ClientError, BotoCoreError) as error:
        if aws_refuses(error):
            raise ClusterFailed(f"AWS does not say how the job {job} goes: {error}") from None
        context.log.warning(f"AWS does not say how the job {job} goes, and is asked again: {error}")
        return None


def _stop(context: dg.AssetExecutionContext, jobs: Jobs, job: str) -> None:
    try:
        jobs.stop(job)
    except (ClientError, BotoCoreError) as error:
        context.log.warning(f"the job {job} could not be stopped, and is stopped by the next run: {error}")


def _end_what_is_left(context: dg.AssetExecutionContext, jobs: Jobs, job: str) -> None:
    """A run that was killed left its job running: two must not write the same folder."""
    if _look_at_left(context, jobs, job) is None:
        context.log.warning(f"stopping the job {job}, which an earlier run left")
        _stop(context, jobs, job)
        _end(context, jobs, job)


def _look_at_left(context: dg.AssetExecutionContext, jobs: Jobs, job: str) -> Ended | None:
    try:
        return jobs.look(job)
    except (ClientError, BotoCoreError) as error:
        context.log.warning(f"AWS says nothing of the job {job}, which an earlier run left: {error}")
        return Ended(well=False, said="unknown")
