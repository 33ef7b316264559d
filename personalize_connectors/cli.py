"""The command line. Thin: everything it does to data goes through the same assets that the UI and the sensor use.

Exit codes: 0 done; 1 a run failed or a validation found errors; 2 something in what was asked for is not right;
3 a destination or the storage could not be reached, or another run is delivering; 130 interrupted.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from personalize_connectors.cli_backfill import backfill
from personalize_connectors.errors import BadSettings, ConnectorsError, Transient
from personalize_connectors.exit_codes import INTERRUPTED, RUN_FAILED, UNREACHABLE, WRONG
from personalize_connectors.job_run import JOB_TYPES, Job, parse_timestamp
from personalize_connectors.storage_errors import STORAGE_ERRORS, storage_error_text


class _JobType(click.ParamType[Job]):
    name = "job"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Job:  # noqa: ARG002 - click's signature
        return value if isinstance(value, Job) else Job.parse(str(value))


class _Timestamp(click.ParamType[datetime]):
    name = "timestamp"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ARG002 - click's signature
        return value if isinstance(value, datetime) else parse_timestamp(str(value))


_job = click.argument("job", type=_JobType())
_at = click.option(
    "--at", type=_Timestamp(), help="Run timestamp (UTC); by default the newest batch output's."
)
_allow_older_run = click.option(
    "--allow-older-run", is_flag=True, help="Deliver even though a newer run was delivered already."
)
_allow_removals = click.option(
    "--allow-removals", is_flag=True, help="Remove users who are missing even above maxRemovalShare."
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
    "--users", default=50_000, show_default=True, type=click.IntRange(20, 1_000_000), help="Size of the shop."
)
@click.option("--root", help="The bucket, a local folder; by default CONNECTORS_ROOT.")
def demo(users: int, root: str | None) -> None:
    """Make a synthetic shop, run two days of it against the Braze emulator, and show what happened."""
    from personalize_connectors.demo.run import run_demo

    if not run_demo(users, root):
        sys.exit(RUN_FAILED)


@cli.command("new-job")
@click.argument("job_type", type=click.Choice(JOB_TYPES))
@click.argument("name")
def new_job_command(job_type: str, name: str) -> None:
    """Make a job folder with a commented config.json."""
    from personalize_connectors.new_job import new_job

    bucket, job = _bucket(), Job(job_type, name)
    for path in new_job(bucket, job):
        click.echo(bucket.uri(path))
    click.echo(f"Next: edit config.json, add the inputs, then personalize-connectors validate {job}")


@cli.command()
@click.argument("job", type=_JobType(), required=False)
def validate(job: Job | None) -> None:
    """Check configs and inputs of one job or all, without running anything."""
    from personalize_connectors.validation import validate as find

    errors = 0
    for finding in find(_bucket(), job):
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
@_job
@_at
def add_run(job: Job, at: datetime | None) -> None:
    """Register a job run's partition and print its key, for `dagster asset materialize --partition`."""
    from personalize_connectors.instance import open_instance
    from personalize_connectors.partitions import register
    from personalize_connectors.runs import resolve_run
    from personalize_connectors.settings import read_settings

    run = resolve_run(_bucket(), job, at)
    with open_instance() as instance:
        register(instance, read_settings().partitions, run)
    click.echo(run.key)


@cli.command("run")
@_job
@_at
@click.option(
    "--allow-user-drop", is_flag=True, help="Deliver even though users dropped against the previous run."
)
@_allow_older_run
@_allow_removals
def run_command(
    job: Job, at: datetime | None, *, allow_user_drop: bool, allow_older_run: bool, allow_removals: bool
) -> None:
    """Register a job run's partition and materialize everything."""
    from personalize_connectors.runs import Allowance, execute, resolve_run

    allowance = Allowance(user_drop=allow_user_drop, older_run=allow_older_run, removals=allow_removals)
    run = resolve_run(_bucket(), job, at)
    _run_and_show(run.key, lambda instance, settings: execute(instance, settings, run, allowance))


@cli.command("redrive")
@_job
@click.option("--reason", default="", help="Only dead letters whose reason holds this text.")
@_at
def redrive_command(job: Job, reason: str, at: datetime | None) -> None:
    """Send dead letters of the newest delivered run again, as their records are now."""
    from personalize_connectors.runs import Allowance, redrive, run_with_dead_letters

    run = run_with_dead_letters(_bucket(), job, at)
    _run_and_show(run.key, lambda instance, settings: redrive(instance, settings, run, reason, Allowance()))


def _run_and_show(key: str, execute: Callable[[Any, Any], Any]) -> None:
    """Execute something in the shared instance, show how it goes and ends, and exit by it."""
    from personalize_connectors.console import show_outcome, showing_progress
    from personalize_connectors.instance import open_instance
    from personalize_connectors.settings import read_settings

    with open_instance() as instance, showing_progress(key):
        outcome = execute(instance, read_settings())
    show_outcome(outcome)
    if outcome.failures:
        sys.exit(UNREACHABLE if outcome.transient else RUN_FAILED)


@cli.command("jobs")
@click.option(
    "--runs", "limit", default=3, show_default=True, type=click.IntRange(1, 100), help="Runs of each job."
)
def jobs_command(limit: int) -> None:
    """List the jobs, their last runs and outcomes."""
    from personalize_connectors.console import show_jobs
    from personalize_connectors.instance import open_instance
    from personalize_connectors.jobs import jobs
    from personalize_connectors.runs import past_runs

    known = jobs(_bucket())
    if not known:
        click.echo("There is no job yet; make one: personalize-connectors new-job JOB_TYPE NAME")
        return
    with open_instance() as instance:
        show_jobs([(str(job), past_runs(instance, job, limit)) for job in known])


cli.add_command(backfill)


@cli.group()
def emulate() -> None:
    """Stand in for a destination, on loopback."""


@emulate.command("braze")
@click.option(
    "--port", default=8125, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@click.option("--api-key", help="By default emulator-key.")
@click.option("--preset", help="A contract's limits and headers: legacy, mau-2024, points-2026 or mau-2026.")
@click.option(
    "--rate-limit", type=click.IntRange(0), help="Calls to /users/track in a window; 0 lifts all limits."
)
@click.option("--rate-window", type=click.IntRange(1), help="Seconds of a window; 1 by default.")
@click.option(
    "--header-dialect", help="X-RateLimit-Reset as epoch or seconds_left, or none of these headers."
)
@click.option("--error-dialect", help="Rejected objects in words of text or constants, or as each was seen.")
@click.option(
    "--apply-delay", type=click.FloatRange(0), help="Apply what is accepted up to so many seconds later."
)
@click.option("--seed", type=int, help="Decides how late each request is applied.")
@click.option(
    "--settings", "file", type=click.Path(), help="A JSON file with these and all other settings by name."
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def emulate_braze(port: int, command: tuple[str, ...], **options: Any) -> None:
    """Serve a Braze workspace until interrupted; or, with a COMMAND after --, while that runs against it."""
    from personalize_connectors.emulators.braze import running, serve
    from personalize_connectors.emulators.braze.options import settings_from

    settings = settings_from(**options)
    api_key = settings.api_key
    if command:
        with running(settings, port=port) as emulator:
            variables = {"BRAZE_REST_ENDPOINT_URL": emulator.url, "BRAZE_API_KEY": api_key}
            sys.exit(_run_beside(command, variables))

    def ready(url: str) -> None:
        click.echo(f"export BRAZE_REST_ENDPOINT_URL={url} BRAZE_API_KEY={api_key}")
        click.echo(
            f"The Braze emulator listens at {url}; profiles: {url}/emulator/profiles. Ctrl-C stops it.",
            err=True,
        )

    serve(settings, port=port, ready=ready)


def _run_beside(command: tuple[str, ...], variables: dict[str, str]) -> int:
    """Run the user's command to its end; who ends us ends it, and Ctrl-C reaches it by itself."""
    try:
        process = subprocess.Popen(command, env={**os.environ, **variables})  # noqa: S603 - the user's own command
    except OSError as error:
        raise BadSettings(f"{command[0]!r} cannot be started: {error.strerror}") from None
    with process:
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return process.wait()


def _bucket() -> Any:
    from personalize_connectors.settings import read_settings
    from personalize_connectors.storage import open_storage

    return open_storage(read_settings().root, create=True)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; errors are words, not tracebacks, unless `--debug` is given."""
    given = sys.argv[1:] if arguments is None else arguments
    if "--debug" in given:
        cli.main(["--debug", *(word for word in given if word != "--debug")], "personalize-connectors")
        return
    sys.exit(_quietly(lambda: cli.main(given, "personalize-connectors", standalone_mode=False)))


def _quietly(command: Callable[[], Any]) -> int:
    try:
        done = command()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read us has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ConnectorsError as error:
        click.echo(f"error: {error}", err=True)
        return UNREACHABLE if isinstance(error, Transient) else WRONG
    except STORAGE_ERRORS as error:
        click.echo(f"error: {storage_error_text(error)}", err=True)
        return UNREACHABLE
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    return done if isinstance(done, int) else 0


if __name__ == "__main__":
    main()
