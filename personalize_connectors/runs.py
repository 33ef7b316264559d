"""Job runs through Dagster, from our own command line: the same assets that the UI and the sensor run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import dagster as dg

from personalize_connectors import layout
from personalize_connectors.allowance import NOTHING, Allowance
from personalize_connectors.assets.connector_state import NAME as STATE
from personalize_connectors.assets.decoration import ASSET as DECORATED
from personalize_connectors.assets.sync import sync_name
from personalize_connectors.connectors.registry import connectors
from personalize_connectors.definitions import BEFORE_DELIVERY, JOB, defs
from personalize_connectors.delivery.dead_letters import reasons
from personalize_connectors.delivery.state import runs_of
from personalize_connectors.errors import NotFound
from personalize_connectors.failures import failure_text, innermost
from personalize_connectors.installation import TRANSIENT
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.jobs import read_config
from personalize_connectors.operator_lines import NAME as LOGGER
from personalize_connectors.partitions import register, run_tags
from personalize_connectors.run_launcher import held
from personalize_connectors.settings import Settings
from personalize_connectors.sources import SOURCE_VERSION
from personalize_connectors.storage import Storage

# Dagster raises it on SIGINT; inside a library's callback it comes back as a part of the library's own error.
_INTERRUPTED = "DagsterExecutionInterruptedError"

Numbers = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Outcome:
    """How a job run ended.

    Attributes:
        run: The job run.
        run_id: Dagster's id.
        failures: Asset to what went wrong, in words for people; empty where all went well.
        transient: Whether the same run can succeed later: something could not be reached, or was busy.
        warnings: What the checks that do not stop a run say.
        numbers: Asset to the metadata of its materialization.
        seconds: Wall time.
    """

    run: JobRun
    run_id: str
    failures: dict[str, str]
    transient: bool
    warnings: list[str]
    numbers: Numbers
    seconds: float


def run_with_dead_letters(bucket: Storage, job: Job, at: datetime | None, reason: str = "") -> JobRun:
    """The newest run that left dead letters, or the one at a timestamp; some have a reason that holds the text.

    Raises:
        NotFound: there are none, or a newer run has tried those users again already.
    """
    names = list(read_config(bucket, job).connectors)
    letters = [run_at for name in names for run_at in runs_of(bucket, job, name, "dead_letters")]
    delivered = [run_at for name in names for run_at in runs_of(bucket, job, name, "state")]
    if at is not None:
        letters = [run_at for run_at in letters if run_at == at]
    if not letters:
        when = f" of {JobRun(job, at).run}" if at else ""
        raise NotFound(f"{job} has no dead letters{when}: there is nothing to send again")
    found, newest = JobRun(job, max(letters)), max(delivered, default=max(letters))
    if newest > found.run_at:
        raise NotFound(
            f"{job}: the newest dead letters are of {found.run}, and {JobRun(job, newest).run} was delivered since, which sent "
            "those users what they have now: there is nothing to send again"
        )
    _find_reason(bucket, found, names, reason)
    return found


def _find_reason(bucket: Storage, run: JobRun, connectors: list[str], reason: str) -> None:
    found: Counter[str] = Counter()
    for name in connectors:
        found += reasons(bucket, layout.delivered_run(run, name, "dead_letters"))
    if not any(reason.lower() in text.lower() for text in found):
        there = "; ".join(f"{text} ({number:,})" for text, number in found.most_common(5))
        raise NotFound(f"{run.key}: no dead letter has a reason that holds {reason!r}; there are: {there}")


def execute(
    instance: dg.DagsterInstance, settings: Settings, run: JobRun, allowance: Allowance = NOTHING
) -> Outcome:
    """Register a job run's partition and materialize everything, in this process."""
    ops = {"user_recommendations": {"allow_user_drop": allowance.user_drop}}
    return _execute(instance, settings, run, ops, allowance)


def redrive(
    instance: dg.DagsterInstance, settings: Settings, run: JobRun, reason: str, allowance: Allowance
) -> Outcome:
    """Send the dead letters of a job run again whose reason holds a text (all, where it is empty)."""
    assets = [DECORATED, *(sync_name(name) for name in connectors()), STATE]
    return _execute(instance, settings, run, {}, replace(allowance, redrive=reason), assets=assets)


def run_without_delivery(instance: dg.DagsterInstance, settings: Settings, run: JobRun) -> Outcome:
    """Materialize a job run up to what would be delivered."""
    assets = [key.path[-1] for key in BEFORE_DELIVERY]
    return _execute(instance, settings, run, {}, NOTHING, assets=assets)


def _execute(
    instance: dg.DagsterInstance,
    settings: Settings,
    run: JobRun,
    ops: Mapping[str, Mapping[str, Any]],
    allowance: Allowance,
    assets: list[str] | None = None,
) -> Outcome:
    register(instance, settings.partitions, run)
    started, run_id = time.monotonic(), str(uuid4())
    with held(instance, run_id) as tags:
        result = defs.resolve_job_def(JOB).execute_in_process(
            instance=instance,
            partition_key=run.key,
            tags=run_tags(run) | tags,
            run_id=run_id,
            asset_selection=[dg.AssetKey(name) for name in assets] if assets else None,
            run_config=_run_config(ops, allowance, assets),
            raise_on_error=False,
        )
    return _outcome(run, result, time.monotonic() - started)


def _run_config(
    ops: Mapping[str, Mapping[str, Any]], allowance: Allowance, assets: list[str] | None
) -> dict[str, Any]:
    every = {
        **ops,
        DECORATED: {"allow_removals": allowance.removals, "redrive": allowance.redrive},
        **{sync_name(name): {"allow_older_run": allowance.older_run} for name in connectors()},
    }
    chosen = {name: {"config": config} for name, config in every.items() if assets is None or name in assets}
    return {"loggers": {LOGGER: {"config": {}}}, "ops": chosen}


def _outcome(run: JobRun, result: dg.ExecuteInProcessResult, seconds: float) -> Outcome:
    steps = [event for event in result.all_events if event.is_step_failure]
    if any(_INTERRUPTED in str(event.step_failure_data.error) for event in steps):
        raise KeyboardInterrupt
    checks = [check for check in result.get_asset_check_evaluations() if not check.passed]
    failures = {str(event.step_key): failure_text(event) for event in steps} | {
        check.asset_key.path[-1]: str(check.description)
        for check in checks
        if check.severity == dg.AssetCheckSeverity.ERROR
    }
    if not result.success and not failures:
        failures = {"run": _run_failure(result)}
    return Outcome(
        run=run,
        run_id=result.run_id,
        failures=failures,
        transient=any(_is_transient(event) for event in steps),
        warnings=[str(check.description) for check in checks if check.severity == dg.AssetCheckSeverity.WARN],
        numbers={
            event.materialization.asset_key.path[-1]: _values(event.materialization.metadata)
            for event in result.get_asset_materialization_events()
        },
        seconds=seconds,
    )


def successful_versions(instance: dg.DagsterInstance, job: Job) -> set[tuple[str, str]]:
    """Run timestamp and source version of each run of a job that went well, at least up to what would be delivered."""
    records = instance.get_run_records(
        dg.RunsFilter(tags={"job": str(job)}, statuses=[dg.DagsterRunStatus.SUCCESS])
    )
    runs = [record.dagster_run for record in records]
    return {
        (run.tags["run_at"], run.tags[SOURCE_VERSION])
        for run in runs
        if SOURCE_VERSION in run.tags
        and (not run.asset_selection or set(BEFORE_DELIVERY) <= run.asset_selection)
    }


def _values(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {key: entry.value for key, entry in metadata.items()}


def _is_transient(event: dg.DagsterEvent) -> bool:
    data = event.step_failure_data.user_failure_data
    return bool(data and (entry := data.metadata.get(TRANSIENT)) and entry.value)


def _run_failure(result: dg.ExecuteInProcessResult) -> str:
    """Why a run failed outside of its steps."""
    found = [event.job_failure_data.error for event in result.all_events if event.is_job_failure]
    return next((innermost(error) for error in found if error), "failed without a word")
