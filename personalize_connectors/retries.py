"""Which failed runs Dagster runs again by itself: those that can go well the next time, also where it lost sight of one."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import dagster as dg
from dagster._core.errors import DagsterAssetCheckFailedError
from dagster._core.events import RunFailureReason
from dagster._core.execution.retries import auto_reexecution_should_retry_run

from personalize_connectors.installation import TRANSIENT

_MOST_RETRIES = "dagster/max_retries"
NEVER_AGAIN = {_MOST_RETRIES: "0"}

_REASON, _PARENT = "dagster/failure_reason", "dagster/parent_run_id"
_FAILED_AGAIN = "failed_again_for_its_retry"
_ALL_STEPS = {"dagster/retry_strategy": "ALL_STEPS"}
# Dagster looks for failures every 5 s; what failed long ago is nobody's surprise any more.
_SOON, _LONG_AGO = timedelta(seconds=30), timedelta(hours=1)


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


def fail_again(instance: dg.DagsterInstance, now: datetime) -> Iterator[dg.DagsterRun]:
    """Report once more the failure of each run whose retry did not come, for all of its steps, and give it.

    Dagster's daemon looks at each failure once. Where its database or the code server is away at that moment, as when a machine
    starts again, the run is never retried; nor where its process died after the last step, for then none is left to be retried.
    """
    if not instance.run_retries_enabled:
        return
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=now - _LONG_AGO)
    for record in instance.get_run_records(failed):
        run, ended = record.dagster_run, datetime.fromtimestamp(record.end_time or 0, now.tzinfo)
        if now - _LONG_AGO < ended < now - _SOON and _lacks_its_retry(instance, run):
            instance.add_run_tags(run.run_id, _ALL_STEPS)
            instance.report_run_failed(run, "Its retry did not come: the failure is reported once more.")
            instance.add_run_tags(run.run_id, {_FAILED_AGAIN: "true"})
            yield run


def _lacks_its_retry(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    if _FAILED_AGAIN in run.tags:
        return False
    reason = run.tags.get(_REASON)
    if not auto_reexecution_should_retry_run(instance, run, RunFailureReason(reason) if reason else None):
        return False
    return not instance.get_run_records(dg.RunsFilter(tags={_PARENT: run.run_id}), limit=1)
