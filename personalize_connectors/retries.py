"""Which failed runs Dagster runs again by itself: those that can go well the next time, also where it lost sight of one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import dagster as dg
from dagster._core.errors import DagsterAssetCheckFailedError
from dagster._core.events import RunFailureReason
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES
from dagster._core.execution.retries import auto_reexecution_should_retry_run

from personalize_connectors.installation import TRANSIENT

_MOST_RETRIES = "dagster/max_retries"
NEVER_AGAIN = {_MOST_RETRIES: "0"}

_REASON, _PARENT, _RETRY = "dagster/failure_reason", "dagster/parent_run_id", "dagster/auto_retry_run_id"
_BACKFILL, _STRATEGY = "dagster/backfill", "dagster/retry_strategy"
# Retries take over the tags of a run, so it says of which run it is.
_FAILED_AGAIN = "failed_again"
# Dagster looks for failures every 5 s; what failed long ago is nobody's surprise any more.
_SOON, _LONG_AGO = timedelta(seconds=30), timedelta(hours=1)
_MOST_IN_A_TICK = 20


@dg.failure_hook(name="leave_what_fails_again")
def leave_what_fails_again(context: dg.HookContext) -> None:
    """A bad input, a wrong setting or a blocking check is the same the next time; run retries leave such a run alone."""
    error = context.op_exception
    if isinstance(error, dg.Failure):
        transient = error.metadata.get(TRANSIENT)
        terminal = transient is not None and not transient.value
    else:
        terminal = isinstance(error, DagsterAssetCheckFailedError)
    if terminal:
        context.instance.add_run_tags(context.run_id, NEVER_AGAIN)


def lost_retries_sensor(job: str) -> dg.SensorDefinition:
    """A sensor of its own, so that nothing here keeps a batch output waiting."""

    @dg.sensor(
        name="lost_retries",
        minimum_interval_seconds=int(_SOON.total_seconds()),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reports the failure of a run once more where Dagster's daemon lost its retry.",
    )
    def lost_retries(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        found = [run.run_id for run in fail_again(context.instance, job, datetime.now(UTC))]
        if not found:
            return dg.SkipReason("No retry is lost.")
        return dg.SkipReason(f"The failure of these runs is reported once more: {', '.join(found)}")

    return lost_retries


def fail_again(instance: dg.DagsterInstance, job: str, now: datetime) -> Iterator[dg.DagsterRun]:
    """Report once more the failure of each run of a job whose retry did not come, for all of its steps, and give it.

    Dagster's daemon looks at each failure once. Where its database or the code server is away at that moment, as when a machine
    starts again, the run is never retried; nor where its process died after the last step, for then none is left to be retried.
    """
    if not instance.run_retries_enabled:
        return
    failed = dg.RunsFilter(
        job_name=job, statuses=[dg.DagsterRunStatus.FAILURE], updated_after=now - _LONG_AGO
    )
    recent = [
        record.dagster_run
        for record in instance.get_run_records(failed)
        if now - _LONG_AGO < datetime.fromtimestamp(record.end_time or 0, now.tzinfo) < now - _SOON
    ]
    for run in islice((run for run in recent if _lacks_its_retry(instance, run)), _MOST_IN_A_TICK):
        instance.add_run_tags(run.run_id, {_STRATEGY: "ALL_STEPS", _FAILED_AGAIN: run.run_id})
        instance.report_run_failed(run, "Its retry did not come: the failure is reported once more.")
        yield run


def _lacks_its_retry(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    # What a command executes in its own process Dagster cannot start.
    if run.remote_job_origin is None or run.tags.get(_FAILED_AGAIN) == run.run_id:
        return False
    if not _is_to_be_retried(instance, run) or _is_of_an_ended_backfill(instance, run):
        return False
    retries = instance.get_runs(dg.RunsFilter(tags={_PARENT: run.run_id}))
    begun = any(retry.status != dg.DagsterRunStatus.NOT_STARTED for retry in retries)
    was_deleted = _RETRY in run.tags and not retries
    return not begun and not was_deleted


def _is_to_be_retried(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    reason = run.tags.get(_REASON)
    if reason and reason not in {known.value for known in RunFailureReason}:
        return False
    return bool(
        auto_reexecution_should_retry_run(instance, run, RunFailureReason(reason) if reason else None)
    )


def _is_of_an_ended_backfill(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    if _BACKFILL not in run.tags:
        return False
    backfill = instance.get_backfill(run.tags[_BACKFILL])
    return backfill is None or backfill.status in BULK_ACTION_TERMINAL_STATUSES
