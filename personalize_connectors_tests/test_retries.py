"""Retries that Dagster's daemon lost sight of, with a real instance."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget, PythonFileTarget
from dagster._daemon.auto_run_reexecution.event_log_consumer import EventLogConsumerDaemon

from personalize_connectors.retries import NEVER_AGAIN, fail_again

MINUTE = timedelta(minutes=1)


@dg.job
def deliver():
    """A job of nothing."""


@pytest.fixture
def instance():
    """A Dagster instance on disk that queues runs, and retries those that failed once."""
    queue = {"module": "dagster._core.run_coordinator", "class": "QueuedRunCoordinator"}
    settings = {"run_coordinator": queue, "run_retries": {"enabled": True, "max_retries": 1}}
    with dg.instance_for_test(overrides=settings) as made:
        yield made


def failed(instance, parent: dg.DagsterRun | None = None, **tags: str) -> dg.DagsterRun:
    """A run that failed just now; with a parent it is its retry."""
    of_parent = {"root_run_id": parent.run_id, "parent_run_id": parent.run_id} if parent else {}
    tags |= {f"dagster/{name}": value for name, value in of_parent.items()}
    run = instance.create_run_for_job(deliver, tags=tags, **of_parent)
    instance.report_run_failed(run)
    return run


def reported(instance, after: timedelta) -> list[str]:
    """The runs whose failure is reported once more so long after now."""
    return [run.run_id for run in fail_again(instance, datetime.now(UTC) + after)]


def failures(instance, run: dg.DagsterRun) -> int:
    """How often the failure of a run was reported."""
    return len(instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE))


def test_a_failure_without_its_retry_is_reported_once_more(instance):
    """Its retry is what Dagster makes of the second report; there is no third."""
    run = failed(instance)
    assert reported(instance, MINUTE) == [run.run_id]
    assert failures(instance, run) == 2
    assert instance.get_run_by_id(run.run_id).tags["dagster/will_retry"] == "true"
    assert reported(instance, MINUTE) == []
    assert failures(instance, run) == 2


@pytest.mark.parametrize("after", [timedelta(seconds=5), timedelta(hours=2)])
def test_dagster_has_its_time_and_old_failures_are_left_alone(instance, after):
    """The retry of what failed a moment ago may still come, and after hours nobody expects it."""
    failed(instance)
    assert reported(instance, after) == []


def test_what_was_retried_is_left_alone(instance):
    """Nor is the retry retried, for that is the second try of one that is allowed."""
    failed(instance, failed(instance))
    assert reported(instance, MINUTE) == []


def test_what_fails_again_is_left_alone(instance):
    """A run with a bad input is never retried."""
    failed(instance, **NEVER_AGAIN)
    assert reported(instance, MINUTE) == []


def test_nothing_is_reported_where_dagster_retries_nothing():
    """Retries are a setting of the installation."""
    with dg.instance_for_test() as instance:
        failed(instance)
        assert reported(instance, MINUTE) == []


def look(workspace: WorkspaceProcessContext) -> None:
    """Dagster's daemon looks once for what it has to retry, with the code servers that it sees."""
    for _ in EventLogConsumerDaemon().run_iteration(workspace):
        pass


def start(workspace: WorkspaceProcessContext) -> dg.DagsterRun:
    """A run of the code server's job, which has no step that could be left."""
    (repository,) = workspace.create_request_context().code_locations[0].get_repositories().values()
    origin = repository.get_full_job("deliver").get_remote_origin()
    return workspace.instance.create_run_for_job(deliver, remote_job_origin=origin)


@pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated")  # Dagster's
@pytest.mark.parametrize("away", [True, False], ids=["code_server_away", "no_step_left"])
def test_a_retry_comes_although_dagster_lost_it(instance, tmp_path, away):
    """It looks at a failure once: while a machine starts again and the code server is not there yet, or after the last step."""
    code = tmp_path / "code.py"
    code.write_text("import dagster as dg\n\n@dg.job\ndef deliver(): ...\n")
    target = PythonFileTarget(str(code), None, str(tmp_path), "code")
    with (
        create_test_daemon_workspace_context(target, instance) as workspace,
        create_test_daemon_workspace_context(EmptyWorkspaceTarget(), instance) as nothing,
    ):
        look(workspace)  # what failed before its first look is not new
        run = start(workspace)
        instance.report_run_failed(run)
        look(nothing if away else workspace)
        look(workspace)
        assert [found.run_id for found in instance.get_runs()] == [run.run_id]
        assert reported(instance, MINUTE) == [run.run_id]
        look(workspace)
        retry, _ = instance.get_runs()
        assert (retry.parent_run_id, retry.status) == (run.run_id, dg.DagsterRunStatus.QUEUED)
