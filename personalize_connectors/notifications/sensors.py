"""The sensors that tell people: after a run that failed for good, and after one that had records rejected."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import dagster as dg

from personalize_connectors.errors import Terminal
from personalize_connectors.notifications.channels import Channel, channels
from personalize_connectors.notifications.message import Message, NotSent, of_failure, of_rejects
from personalize_connectors.side_by_side import side_by_side

_TRIES, _PAUSE = 3, 1.0
_WILL_RETRY = "dagster/will_retry"
_SECONDS = 15
# One tick tells of up to five runs, and Dagster gives it 60 s.
_SECONDS_FOR_A_MESSAGE = 10.0

# What to tell of a run, or why nothing is told.
Tells = Callable[[dg.RunStatusSensorContext], Message | dg.SkipReason]


def notification_sensors(job: Any) -> list[dg.SensorDefinition]:
    """One for each outcome of the job that somebody must hear of; they run where a channel is set."""
    return [
        _sensor(
            "tell_of_failures",
            "Tells SNS, Slack or e-mail of runs that failed or that a check stopped, and that are not retried.",
            dg.DagsterRunStatus.FAILURE,
            job,
            _failure,
        ),
        _sensor(
            "tell_of_rejects",
            "Tells SNS, Slack or e-mail of deliveries that had records rejected.",
            dg.DagsterRunStatus.SUCCESS,
            job,
            _rejects,
        ),
    ]


def _sensor(
    name: str, description: str, outcome: dg.DagsterRunStatus, job: Any, tells: Tells
) -> dg.SensorDefinition:
    is_set = bool(channels(os.environ))

    @dg.run_status_sensor(
        name=name,
        description=description,
        run_status=outcome,
        monitored_jobs=[job],
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if is_set else dg.DefaultSensorStatus.STOPPED,
    )
    def sensor(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        message = tells(context)
        if isinstance(message, dg.SkipReason):
            return message
        tell(message)
        return None

    return sensor


def _failure(context: dg.RunStatusSensorContext) -> Message | dg.SkipReason:
    run = context.dagster_run
    # What a command executes in its own process Dagster says it retries, and cannot start.
    if run.tags.get(_WILL_RETRY) == "true" and run.remote_job_origin:
        return dg.SkipReason("the run is retried by itself")
    return of_failure(context.instance, run, _ui())


def _rejects(context: dg.RunStatusSensorContext) -> Message | dg.SkipReason:
    message = of_rejects(context.instance, context.dagster_run, _ui())
    return message or dg.SkipReason("no record was rejected")


def tell(message: Message, seconds: float = _SECONDS_FOR_A_MESSAGE) -> None:
    """Send to every channel, all at once and each for itself, for so many seconds at most.

    Raises:
        NotSent: some channel did not take it; the others have it.
    """
    found = channels(os.environ)
    with side_by_side(max(1, len(found))) as threads:
        results = threads.until(time.monotonic() + seconds, lambda channel: told(channel, message), found)
    late = NotSent(f"no answer within {seconds:.0f} s")
    failures = [f"{channel.name}: {why}" for channel in found if (why := results.get(channel, late))]
    if failures:
        raise NotSent(f"{message.subject}: {'; '.join(failures)}")


def told(
    channel: Channel,
    message: Message,
    pause: Callable[[float], None] = time.sleep,  # a test does not wait
) -> NotSent | Terminal | None:
    """Why a channel did not take a message after some tries, with a pause between them; None where it did.

    Where somebody must act first, it is not tried again.
    """
    why = None
    for tried in range(_TRIES):
        if tried:
            pause(_PAUSE * tried)
        try:
            channel.send(message)
        except Terminal as error:
            return error
        except NotSent as error:
            why = error
        else:
            return None
    return why


def _ui() -> str:
    return os.environ.get("CONNECTORS_UI_URL", "")


def trial() -> Message:
    """What `notify --test` sends."""
    lines = ["This is a test: messages of runs arrive here."]
    return Message("personalize-connectors: a test message", lines, "nothing", _ui())
