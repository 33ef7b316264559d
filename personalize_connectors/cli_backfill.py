"""The command that runs what was missed."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from personalize_connectors.cli_parameters import Timestamp, bucket_of_settings, job_argument
from personalize_connectors.exit_codes import RUN_FAILED, UNREACHABLE
from personalize_connectors.job_run import Job, parse_timestamp


@click.command()
@job_argument
@click.option(
    "--since",
    required=True,
    type=Timestamp(),
    help="Batch outputs from this time on (UTC), a date or a timestamp.",
)
@click.option("--until", help="Up to this time, a date with its whole day; by default up to now.")
@click.option("--dry-run", is_flag=True, help="Only print what would be run.")
def backfill(job: Job, since: datetime, until: str | None, *, dry_run: bool) -> None:
    """Run what was missed, oldest first; only the newest is delivered."""
    from personalize_connectors.backfill import missed
    from personalize_connectors.instance import open_instance
    from personalize_connectors.runs import successful_versions
    from personalize_connectors.settings import read_settings

    now = datetime.now(UTC)
    last = _end(until) if until else now + timedelta(days=1)  # a name may tell the time of another zone
    if since > now:
        raise click.UsageError(
            f"--since {since:%Y-%m-%dT%H:%M:%SZ} is in the future; what was missed is before."
        )
    if last < since:
        raise click.UsageError(f"--until {until} is before --since {since:%Y-%m-%dT%H:%M:%SZ}.")
    settings = read_settings()
    bucket = bucket_of_settings()
    with open_instance() as instance:
        done = successful_versions(instance, job)
        found = missed(bucket, job, since, last, done, now)
        for text in found.waiting:
            click.echo(f"left out: {text}")
        if not found.runs:
            click.echo(f"{job}: nothing was missed")
        for run in found.runs if dry_run else []:
            click.echo(f"{run.run.key}  {run.uri}" + ("  and deliver it" if run.delivers else ""))
        failures = (
            [] if dry_run else [outcome for run in found.runs if (outcome := _run(instance, settings, run))]
        )
    if failures:
        sys.exit(UNREACHABLE if all(outcome.transient for outcome in failures) else RUN_FAILED)


def _end(text: str) -> datetime:
    """A timestamp, or the last second of a date."""
    at = parse_timestamp(text)
    is_date = re.fullmatch(r"\d{4}-\d{2}-\d{2}", text)
    return at + timedelta(days=1, seconds=-1) if is_date else at


def _run(instance: Any, settings: Any, wanted: Any) -> Any:
    """Run one source and show how it went; the outcome where it failed."""
    from personalize_connectors.console import show_outcome
    from personalize_connectors.runs import execute, run_without_delivery
    from personalize_connectors.terminal import showing_progress

    with showing_progress(wanted.run.key):
        outcome = (execute if wanted.delivers else run_without_delivery)(instance, settings, wanted.run)
    show_outcome(outcome)
    return outcome if outcome.failures else None
