"""The command line. Thin: everything it does to data goes through the same assets that the UI and the sensor use.

Exit codes: 0 done; 1 a run failed, a validation found errors, a plan what stops the run, or an explanation nothing; 2 something
in what was asked for is not right; 3 a destination or the storage could not be reached, or another run is delivering; 130
interrupted; 141 whoever read the output went away before its end. A run goes on then, and ends with its own code.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from personalize_connectors.cli_backfill import backfill
from personalize_connectors.cli_emulate import emulate
from personalize_connectors.cli_history import explain_command, jobs_command, report_command
from personalize_connectors.cli_notify import notify
from personalize_connectors.cli_parameters import (
    JobType,
    allow_older_run_option,
    allow_removals_option,
    allow_user_drop_option,
    at_option,
    bucket_of_settings,
    job_argument,
)
from personalize_connectors.cli_prune import prune
from personalize_connectors.errors import ConnectorsError, Transient
from personalize_connectors.exit_codes import INTERRUPTED, READER_GONE, RUN_FAILED, UNREACHABLE, WRONG
from personalize_connectors.job_run import JOB_TYPES, Job
from personalize_connectors.process_end import run_and_end
from personalize_connectors.storage_errors import (
    is_refused,
    is_storage_error,
    storage_error_text,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.version_option(package_name="personalize-connectors")
def cli(*, debug: bool) -> None:
    """Amazon Personalize batch recommendations onto customer profiles.

    JOB is <job_type>/<job_name>, for example user_personalization/daily. The bucket is CONNECTORS_ROOT, by default ./bucket.
    """


@cli.command()
@click.option(
    "--users", default=50_000, show_default=True, type=click.IntRange(80, 1_000_000), help="Size of the shop."
)
@click.option("--root", help="The bucket, a local folder; by default CONNECTORS_ROOT.")
@click.option(
    "--s3", is_flag=True, help="Instead on an S3: a moto server that it starts, or that of AWS_ENDPOINT_URL."
)
def demo(users: int, root: str | None, *, s3: bool) -> None:
    """Make a synthetic shop, run two days of it against the Braze emulator, and show what happened."""
    from personalize_connectors.demo.run import run_demo, run_demo_on_s3

    if not (run_demo_on_s3(users) if s3 else run_demo(users, root)):
        sys.exit(RUN_FAILED)


@cli.command("new-job")
@click.argument("job_type", type=click.Choice(JOB_TYPES))
@click.argument("name")
def new_job_command(job_type: str, name: str) -> None:
    """Make a job folder with a commented config.json."""
    from personalize_connectors.new_job import new_job

    bucket, job = bucket_of_settings(create=True), Job(job_type, name)
    for path in new_job(bucket, job):
        click.echo(bucket.uri(path))
    click.echo(f"Next: edit config.json, add the inputs, then personalize-connectors validate {job}")


@cli.command()
@click.argument("job", type=JobType(), required=False)
def validate(job: Job | None) -> None:
    """Check configs and inputs of one job or all, without running anything."""
    from personalize_connectors.validation import validate as find

    errors = 0
    for finding in find(bucket_of_settings(), job):
        errors += finding.level == "error"
        for line in finding.text.splitlines():
            click.echo(f"{finding.level:<8}{finding.subject}: {line}")
    if errors:
        sys.exit(RUN_FAILED)


@cli.command()
def schema() -> None:
    """Print the JSON schema of config.json."""
    from personalize_connectors.job_config import schema as of_config

    click.echo(json.dumps(of_config(), indent=2))


@cli.command("add-run")
@job_argument
@at_option
def add_run(job: Job, at: datetime | None) -> None:
    """Register a job run's partition and print its key, for `dagster asset materialize --partition`."""
    from personalize_connectors.instance import open_instance
    from personalize_connectors.partitions import register
    from personalize_connectors.settings import read_settings
    from personalize_connectors.sources import resolve_run

    run = resolve_run(bucket_of_settings(), job, at)
    with open_instance() as instance:
        register(instance, read_settings().partitions, run)
    click.echo(run.key)


@cli.command("run")
@job_argument
@at_option
@allow_user_drop_option
@allow_older_run_option
@allow_removals_option
def run_command(
    job: Job, at: datetime | None, *, allow_user_drop: bool, allow_older_run: bool, allow_removals: bool
) -> None:
    """Register a job run's partition and materialize everything."""
    from personalize_connectors.allowance import Allowance
    from personalize_connectors.runs import execute
    from personalize_connectors.sources import resolve_run

    allowance = Allowance(user_drop=allow_user_drop, older_run=allow_older_run, removals=allow_removals)
    run = resolve_run(bucket_of_settings(), job, at)
    _run_and_show(run.key, lambda instance, settings: execute(instance, settings, run, allowance))


@cli.command("plan")
@job_argument
@at_option
@allow_user_drop_option
@allow_older_run_option
@allow_removals_option
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON, for scripts.")
def plan_command(
    job: Job,
    at: datetime | None,
    *,
    allow_user_drop: bool,
    allow_older_run: bool,
    allow_removals: bool,
    as_json: bool,
) -> None:
    """Show what a run would do and cost; nothing is sent, and nothing in the bucket is written."""
    from personalize_connectors.allowance import Allowance
    from personalize_connectors.console_plan import print_json, show_plan
    from personalize_connectors.plan.run_plan import plan_run
    from personalize_connectors.settings import read_settings
    from personalize_connectors.sources import resolve_run
    from personalize_connectors.terminal import showing_progress

    allowance = Allowance(user_drop=allow_user_drop, older_run=allow_older_run, removals=allow_removals)
    bucket = bucket_of_settings()
    run = resolve_run(bucket, job, at)
    with showing_progress(run.key):
        plan = plan_run(bucket, read_settings().memory_limit, run, allowance)
    (print_json if as_json else show_plan)(plan)
    if plan.stops:
        sys.exit(RUN_FAILED)


@cli.command("redrive")
@job_argument
@click.option("--reason", default="", help="Only dead letters whose reason holds this text.")
@at_option
def redrive_command(job: Job, reason: str, at: datetime | None) -> None:
    """Send dead letters of the newest delivered run again, as their records are now."""
    from personalize_connectors.allowance import NOTHING
    from personalize_connectors.runs import redrive, run_with_dead_letters

    run = run_with_dead_letters(bucket_of_settings(), job, at, reason)
    _run_and_show(run.key, lambda instance, settings: redrive(instance, settings, run, reason, NOTHING))


def _run_and_show(key: str, execute: Callable[[Any, Any], Any]) -> None:
    """Execute something in the shared instance, show how it goes and ends, and exit by it."""
    from personalize_connectors.console import show_outcome
    from personalize_connectors.instance import open_instance
    from personalize_connectors.settings import read_settings
    from personalize_connectors.terminal import showing_progress

    with open_instance() as instance, showing_progress(key):
        outcome = execute(instance, read_settings())
    show_outcome(outcome)
    if outcome.failures:
        sys.exit(UNREACHABLE if outcome.transient else RUN_FAILED)


cli.add_command(backfill)
cli.add_command(explain_command)
cli.add_command(jobs_command)
cli.add_command(report_command)
cli.add_command(emulate)
cli.add_command(notify)
cli.add_command(prune)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; errors are words, not tracebacks, unless `--debug` is given."""
    given = sys.argv[1:] if arguments is None else arguments
    if "--debug" in given:
        cli.main(["--debug", *(word for word in given if word != "--debug")], "personalize-connectors")
        return
    sys.exit(_quietly(lambda: cli.main(given, "personalize-connectors", standalone_mode=False)))


def _quietly(command: Callable[[], Any]) -> int:
    try:
        done = _read_to_its_end(command)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read us has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ConnectorsError as error:
        click.echo(f"error: {error}", err=True)
        return UNREACHABLE if isinstance(error, Transient) else WRONG
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except Exception as error:
        if not is_storage_error(error):
            raise
        click.echo(f"error: {storage_error_text(error)}", err=True)
        return WRONG if is_refused(error) else UNREACHABLE
    return done if isinstance(done, int) else 0


def _read_to_its_end(command: Callable[[], Any]) -> Any:
    """What a command gives; `READER_GONE` where whoever read it had enough before."""
    written = sys.stdout
    try:
        return command()
    except SystemExit as asked:
        # In that case Click ends with 1 and another output in place of ours, Rich with 1 out of the error.
        if sys.stdout is written and not isinstance(asked.__context__, BrokenPipeError):
            raise
        return READER_GONE


def process() -> None:
    """The same as a whole process."""
    run_and_end(main)


if __name__ == "__main__":
    process()
