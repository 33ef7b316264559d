"""The sensor: a new batch output starts its run by itself."""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from personalize_connectors.assets.configs import config_evaluation
from personalize_connectors.discovery import Wanted
from personalize_connectors.installation import Installation, clear_failures
from personalize_connectors.partitions import MOST_CELLS, cells, run_tags, unregistered
from personalize_connectors.seen import Cursor, read_cursor
from personalize_connectors.sources import SOURCE_VERSION
from personalize_connectors.tick import Tick, look_around

NAME = "new_batch_inference_output"
_MOST_LINES = 40


def new_batch_inference_output_sensor(
    job: str, before_delivery: Sequence[dg.AssetKey], form: str, seconds: int
) -> dg.SensorDefinition:
    """The sensor, in the installation's form of partitions; an older run materializes what is `before_delivery`."""

    @dg.sensor(
        name=NAME,
        job_name=job,
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks at the batch outputs of every job, and requests the run of each new or changed one.",
    )
    def new_batch_inference_output(
        context: dg.SensorEvaluationContext, installation: Installation
    ) -> dg.SensorResult:
        return _tick(context, installation, before_delivery, form)

    return new_batch_inference_output


def _tick(
    context: dg.SensorEvaluationContext,
    installation: Installation,
    before_delivery: Sequence[dg.AssetKey],
    form: str,
) -> dg.SensorResult:
    """Look around, and say it in Dagster's words."""
    cursor = read_cursor(context.cursor)
    if context.cursor and not cursor:
        context.log.warning("the cursor cannot be read; each job begins anew with its newest batch output")
    cursor = cursor or Cursor()
    with clear_failures():
        tick = look_around(
            installation.bucket,
            cursor,
            lambda wanted: has_run(context.instance, wanted),
            datetime.now(UTC),
        )
    changed = tick.problems is not None and tick.cursor.problems != cursor.problems
    texts = [*tick.texts, *_crowded(context.instance, form)]
    _tell(context, tick, texts, with_problems=changed)
    keys = unregistered(context.instance, form, [wanted.run for wanted in tick.requests])
    return dg.SensorResult(
        run_requests=[_request(wanted, before_delivery) for wanted in tick.requests],
        skip_reason=None if tick.requests else _skip_reason(tick, texts),
        cursor=tick.cursor.text(),
        dynamic_partitions_requests=[
            dg.DynamicPartitionsDefinition(name=name).build_add_request(new) for name, new in keys.items()
        ],
        asset_events=[config_evaluation(tick.problems)] if changed and tick.problems is not None else [],
    )


def has_run(instance: dg.DagsterInstance, wanted: Wanted) -> bool:
    """Whether there is a run of this version already, whoever launched it."""
    tags = {**run_tags(wanted.run), SOURCE_VERSION: wanted.version}
    return bool(instance.get_run_records(dg.RunsFilter(tags=tags), limit=1))


def _request(wanted: Wanted, before_delivery: Sequence[dg.AssetKey]) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=wanted.key,
        partition_key=wanted.run.key,
        tags={**run_tags(wanted.run), SOURCE_VERSION: wanted.version},
        asset_selection=None if wanted.delivers else before_delivery,
    )


def _tell(context: dg.SensorEvaluationContext, tick: Tick, texts: list[str], *, with_problems: bool) -> None:
    """What goes to the tick's log; a tick that requests runs has no other place for words."""
    for wanted in tick.requests:
        what = "" if wanted.delivers else ", without delivery, for a newer one is delivered"
        context.log.info(f"{wanted.run.key}: {wanted.uri} is complete{what}")
    if tick.requests:
        for text in texts:
            context.log.warning(text)
    for line in (tick.problems or []) if with_problems else []:
        context.log.error(line)


def _skip_reason(tick: Tick, texts: list[str]) -> str:
    lines = [
        f"No new batch output in {tick.jobs:,} job{'s' if tick.jobs != 1 else ''}.",
        *(tick.problems or []),
        *texts,
    ]
    more = [f"... and {len(lines) - _MOST_LINES} lines more"] if len(lines) > _MOST_LINES else []
    return "\n".join([*lines[:_MOST_LINES], *more])


def _crowded(instance: dg.DagsterInstance, form: str) -> list[str]:
    number = cells(instance) if form == "grid" else 0
    if number <= MOST_CELLS:
        return []
    text = f"the grid of jobs and runs has {number:,} cells, more than {MOST_CELLS:,}"
    return [f"{text}: set CONNECTORS_PARTITIONS=list, which keeps all history"]
