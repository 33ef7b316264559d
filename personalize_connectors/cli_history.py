"""The commands that tell of runs: what users got and why, the reports, and the last runs of each job."""

from __future__ import annotations

import sys
from datetime import datetime

import click

from personalize_connectors import layout
from personalize_connectors.cli_parameters import Timestamp, bucket_of_settings, job_argument
from personalize_connectors.exit_codes import RUN_FAILED
from personalize_connectors.job_run import Job


@click.command("explain")
@job_argument
@click.option("--user", help="The user's id.")
@click.option("--item", help="Instead of a user: an item of a catalog.")
@click.option("--at", type=Timestamp(), help="Run timestamp (UTC); by default the newest run's.")
@click.option("--connector", help="By default all.")
@click.option("--json", "json_wanted", is_flag=True, help="Print all of it as JSON.")
def explain_command(
    job: Job,
    user: str | None,
    item: str | None,
    at: datetime | None,
    connector: str | None,
    *,
    json_wanted: bool,
) -> None:
    """Say of one user what was recommended, decided, sent and answered, and why."""
    from personalize_connectors.console_explain import as_json, as_lines
    from personalize_connectors.engine.session import open_session
    from personalize_connectors.explain.explanation import explain
    from personalize_connectors.explain.subject import Subject
    from personalize_connectors.settings import read_settings

    if (user is None) == (item is None):
        raise click.UsageError("Give either --user or --item.")
    subject = Subject(job, "user", user) if user is not None else Subject(job, "item", item or "")
    with open_session(read_settings().memory_limit) as session:
        explanation = explain(session, bucket_of_settings(), subject, at, connector)
    for line in [as_json(explanation)] if json_wanted else as_lines(explanation):
        click.echo(line)
    if not explanation.found:
        sys.exit(RUN_FAILED)


@click.command("report")
@job_argument
@click.option("--at", type=Timestamp(), help="Run timestamp (UTC); by default the newest run's.")
def report_command(job: Job, at: datetime | None) -> None:
    """Print where the HTML report of a run is, and write it where it is missing."""
    from personalize_connectors.report.run_report import find_report
    from personalize_connectors.settings import read_settings

    bucket = bucket_of_settings()
    click.echo(bucket.uri(find_report(bucket, job, at, pictures=read_settings().report_pictures)))


@click.command("jobs")
@click.option(
    "--runs", "limit", default=3, show_default=True, type=click.IntRange(1, 100), help="Runs of each job."
)
def jobs_command(limit: int) -> None:
    """List the jobs, their last runs and outcomes."""
    from personalize_connectors.console_jobs import show_jobs
    from personalize_connectors.instance import open_instance
    from personalize_connectors.jobs import job_folders
    from personalize_connectors.past_runs import past_runs

    bucket = bucket_of_settings()
    known, misnamed = job_folders(bucket)
    for text in misnamed:
        click.echo(text, err=True)
    if not known:
        click.echo(
            f"There is no job yet in {bucket.uri(layout.JOBS)}; make one: personalize-connectors new-job JOB_TYPE NAME"
        )
        return
    with open_instance() as instance:
        show_jobs(past_runs(instance, known, limit))
