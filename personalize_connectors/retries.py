"""Which failed runs Dagster runs again by itself: those that can go well the next time."""

import dagster as dg
from dagster._core.errors import DagsterAssetCheckFailedError

from personalize_connectors.installation import TRANSIENT

_MOST_RETRIES = "dagster/max_retries"
NEVER_AGAIN = {_MOST_RETRIES: "0"}


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
