"""The last runs of each job, from what Dagster's storage has of them."""

import shutil
import socket
from pathlib import Path

import dagster as dg
import pytest

import personalize_connectors
from personalize_connectors.job_run import JobRun
from personalize_connectors.partitions import partitions, register, run_tags
from personalize_connectors.past_runs import PastRun, past_runs
from personalize_connectors.run_launcher import held

DAILY, QUIET = "user_personalization/daily", "user_personalization/quiet"
FAILS = "fails"
RUN_ID = "5f0c1c4e-5f0e-4a43-9d2b-0d8c2f5f7a11"
SETTINGS = Path(personalize_connectors.__file__).parents[1] / "dagster.yaml"


def chain() -> dg.JobDefinition:
    """Two assets as they are noted by a run; delivery fails in a run that is to fail, and not when its rest is run again."""
    form = partitions("list")

    @dg.asset(partitions_def=form)
    def user_recommendations(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"users": int(context.run.tags["users"])})

    @dg.asset(partitions_def=form, deps=[user_recommendations])
    def braze_sync(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        if FAILS in context.run.tags and not context.run.parent_run_id:
            raise dg.Failure("as the test asked")
        return dg.MaterializeResult(metadata={"configured": True, "accepted": 4, "rejected": 1})

    job = dg.define_asset_job("chain", executor_def=dg.in_process_executor)
    return dg.Definitions(assets=[user_recommendations, braze_sync], jobs=[job]).resolve_job_def("chain")


@pytest.fixture
def instance(tmp_path):
    """Dagster with SQLite in a folder."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def run(instance):
    """Runs a job run, or the rest of a run that failed; gives Dagster's id."""

    def execute(key: str, users: int, *, fails: bool = False, rest_of: str | None = None) -> str:
        job_run = JobRun.parse(key)
        register(instance, "list", job_run)
        tags = {**run_tags(job_run), "dagster/partition": key, "users": str(users)} | (
            {FAILS: ""} if fails else {}
        )
        again = dg.ReexecutionOptions.from_failure(rest_of, instance) if rest_of else None
        with dg.execute_job(
            dg.reconstructable(chain), instance, tags=tags, reexecution_options=again, raise_on_error=False
        ) as done:
            return done.run_id

    return execute


def numbers(instance: dg.DagsterInstance, limit: int = 3) -> dict[str, list[tuple[object, ...]]]:
    """What is told of the runs of two jobs."""
    jobs = [JobRun.parse(f"{job}|2026-11-22T03-00-00Z").job for job in (DAILY, QUIET)]

    def told(run: PastRun) -> tuple[object, ...]:
        return run.run_at, run.status, run.users, run.accepted, run.rejected

    return {str(job): [told(run) for run in runs] for job, runs in past_runs(instance, jobs, limit).items()}


def test_a_quiet_job_has_its_runs_too(instance, run):
    """The newest runs of each job are told, newest first, also where the runs of others are all newer."""
    run(f"{QUIET}|2026-10-01T03-00-00Z", 9)
    for day in range(1, 10):
        run(f"{DAILY}|2026-11-{day:02}T03-00-00Z", day)
    assert numbers(instance, 2) == {
        DAILY: [
            ("2026-11-09T03-00-00Z", "success", 9, 4, 1),
            ("2026-11-08T03-00-00Z", "success", 8, 4, 1),
        ],
        QUIET: [("2026-10-01T03-00-00Z", "success", 9, 4, 1)],
    }


def test_no_log_of_a_run_is_opened(instance, run):
    """What is told of runs needs none of their logs, which are a file each."""
    run_id = run(f"{DAILY}|2026-11-01T03-00-00Z", 5)
    log = Path(instance.storage_directory()).parent / "history/runs" / f"{run_id}.db"
    log.unlink()
    assert numbers(instance) == {DAILY: [("2026-11-01T03-00-00Z", "success", 5, 4, 1)], QUIET: []}
    assert not log.exists()


def test_the_rest_of_a_run_has_the_users_of_the_run(instance, run):
    """A run that goes on where another failed is told with what that one left to it, and the other with its own."""
    key = f"{DAILY}|2026-11-01T03-00-00Z"
    run(key, 7, fails=True, rest_of=run(key, 7, fails=True))
    assert numbers(instance)[DAILY] == [
        ("2026-11-01T03-00-00Z", "success", 7, 4, 1),
        ("2026-11-01T03-00-00Z", "failure", 7, None, None),
    ]


def test_each_run_of_a_partition_has_its_own_numbers(instance, run):
    """A job run that is run twice is told twice, each time with what that run noted."""
    key = f"{DAILY}|2026-11-01T03-00-00Z"
    run(key, 7)
    run(key, 8)
    assert numbers(instance)[DAILY] == [
        ("2026-11-01T03-00-00Z", "success", 8, 4, 1),
        ("2026-11-01T03-00-00Z", "success", 7, 4, 1),
    ]


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ({"command_on": socket.gethostname()}, "died"),
        ({"launched_on": socket.gethostname()}, "died"),
        ({"command_on": "another machine"}, "started"),
        ({"launched_on": "another machine"}, "started"),
        ({}, "started"),
    ],
)
def test_a_run_whose_process_is_gone_is_told_dead(tmp_path, monkeypatch, tags, status):
    """A run that still stands as started has died where its process was on this machine and holds its lock no longer."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(SETTINGS, tmp_path)
    run = JobRun.parse(f"{DAILY}|2026-11-01T03-00-00Z")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        with held(instance, RUN_ID):
            every = {**run_tags(run), **tags}
            instance.create_run_for_job(
                chain(), run_id=RUN_ID, status=dg.DagsterRunStatus.STARTED, tags=every
            )
            assert numbers(instance)[DAILY] == [(run.run, "started", None, None, None)]
        assert numbers(instance)[DAILY] == [(run.run, status, None, None, None)]
