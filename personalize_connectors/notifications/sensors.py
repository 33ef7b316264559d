"""The sensors that tell people: after a run that failed for good, and after one that had records rejected."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import dagster as dg

from personalize_connectors.notifications.channels import VARIABLES, Channel, NotSent, channels
from personalize_connectors.notifications.message import Message, of_failure, of_rejects

_TRIES, _PAUSE = 3, 1.0
_WILL_RETRY = "dagster/will_retry"
_SECONDS = 15


def notification_sensors(job: Any) -> list[dg.SensorDefinition]:
    """One for each outcome of the job that somebody must hear of; they run where a channel is set."""
    is_set = any(os.environ.get(name) for name in VARIABLES)
    status = dg.DefaultSensorStatus.RUNNING if is_set else dg.DefaultSensorStatus.STOPPED

    @dg.run_status_sensor(
        name="tell_of_failures",
        run_status=dg.DagsterRunStatus.FAILURE,
        monitored_jobs=[job],
        minimum_interval_seconds=_SECONDS,
        default_status=status,
        description="Tells SNS, Slack or e-mail of runs that failed or that a check stopped, and that are not retried.",
    )
    def tell_of_failures(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        if context.dagster_run.tags.get(_WILL_RETRY) == "true":
            return dg.SkipReason("the run is retried by itself")
        tell(of_failure(context.instance, context.dagster_run, _ui()))
        return None

    @dg.run_status_sensor(
        name="tell_of_rejects",
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=[job],
        minimum_interval_seconds=_SECONDS,
        default_status=status,
        description="Tells SNS, Slack or e-mail of deliveries that had records rejected.",
    )
    def tell_of_rejects(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        message = of_rejects(context.instance, context.dagster_run, _ui())
        if message is None:
            return dg.SkipReason("no record was rejected")
        tell(message)
        return None

    return [tell_of_failures, tell_of_rejects]


def tell(message: Message, pause: Callable[[float], None] = time.sleep) -> None:
    """Send to every channel, each for itself; one that fails is tried again.

    Raises:
        NotSent: some channel did not take it; the others have it.
    """
    failures = [text for channel in channels(os.environ) if (text := told(channel, message, pause))]
    if failures:
        raise NotSent(f"{message.subject}: {'; '.join(failures)}")


def told(channel: Channel, message: Message, pause: Callable[[float], None] = time.sleep) -> str:
    """Why a channel did not take a message after some tries; empty where it did."""
    why = ""
    for tried in range(_TRIES):
        if tried:
            pause(_PAUSE * tried)
        try:
            channel.send(message)
        except NotSent as error:
            why = str(error)
        else:
            return ""
    return why


def _ui() -> str:
    return os.environ.get("CONNECTORS_UI_URL", "")


def trial() -> Message:
    """What `notify --test` sends."""
    lines = ["This is a test: messages of runs arrive here."]
    return Message("personalize-connectors: a test message", lines, "nothing", _ui())
