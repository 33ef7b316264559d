"""The schedules: housekeeping, once a night."""

import dagster as dg

from personalize_connectors.housekeeping.sweep import look, remove
from personalize_connectors.installation import Installation, clear_failures

NAME = "housekeeping"
_WHEN = "17 2 * * *"


@dg.op(description="Removes what is past its retention, in the bucket and of Dagster's partitions.")
def prune(context: dg.OpExecutionContext, installation: Installation) -> None:
    """Sweep once."""
    with clear_failures():
        bucket, settings = installation.bucket, installation.settings
        sweep = look(bucket, context.instance, settings.partitions, settings.retention)
        for line in sweep.lines():
            context.log.info(line)
        remove(bucket, context.instance, sweep)
        if sweep.troubles:
            context.log.warning(f"{len(sweep.troubles)} jobs could not be looked at")


@dg.job(name=NAME, description="What runs leave is removed when it is past its retention.")
def housekeeping_job() -> None:
    """One sweep."""
    prune()


housekeeping_schedule = dg.ScheduleDefinition(
    name=NAME,
    job=housekeeping_job,
    cron_schedule=_WHEN,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night at 02:17 UTC.",
)
