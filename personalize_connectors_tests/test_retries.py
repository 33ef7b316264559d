"""Retries that Dagster's daemon lost sight of, with a real instance."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget, PythonFileTarget
from dagster._daemon.auto_run_reexecution.event_log_consumer import EventLogConsumerDaemon

from personalize_connectors.retries import NEVER_AGAIN, fail_again, lost_retries_sensor
from personalize_connectors_tests.job_origin import job_origin

MINUTE = timedelta(minutes=1)


@dg.job
def deliver():
    """A job of nothing."""


@dg.job
def another():
    """A job that is not ours."""


@pytest.fixture
def instance():
    """A Dagster instance on disk that queues runs, and retries those that failed twice."""
    queue = {"module": "dagster._core.run_coordinator", "class": "QueuedRunCoordinator"}
    settings = {"run_coordinator": queue, "run_retries": {"enabled": True, "max_retries": 2}}
    with dg.instance_for_test(overrides=settings) as made:
        yield made


def failed(instance, job=deliver, parent: dg.DagsterRun | None = None, **tags: str) -> dg.DagsterRun:
    """A run that failed just now; with a parent it is its retry."""
    of_parent = {}
    if parent:
        of_parent = {"root_run_id": parent.root_run_id or parent.run_id, "parent_run_id": parent.run_id}
    tags |= {f"dagster/{name}": value for name, value in of_parent.items()}
    run = instance.create_run_for_job(job, tags=tags, remote_job_origin=job_origin(job.name), **of_parent)
    instance.report_run_failed(run)
    return run


def reported(instance, after: timedelta = MINUTE) -> list[str]:
    """The runs whose failure is reported once more so long after now."""
    return [run.run_id for run in fail_again(instance, "deliver", datetime.now(UTC) + after)]


def failures(instance, run: dg.DagsterRun) -> int:
    """How often the failure of a run was reported."""
    return len(instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE))


def test_a_failure_without_its_retry_is_reported_once_more(instance):
    """Its retry is what Dagster makes of the second report; there is no third."""
    run = failed(instance)
    assert reported(instance) == [run.run_id]
    assert failures(instance, run) == 2
    assert instance.get_run_by_id(run.run_id).tags["dagster/will_retry"] == "true"
    assert reported(instance) == []
    assert failures(instance, run) == 2


def test_a_retry_can_be_lost_as_well(instance):
    """It takes over all tags of its run, and is reported once more all the same; the third try is the last one."""
    run = failed(instance)
    reported(instance)
    retry = failed(instance, parent=run, **instance.get_run_by_id(run.run_id).tags)
    assert reported(instance) == [retry.run_id]
    last = failed(instance, parent=retry, **retry.tags)
    assert reported(instance) == []
    assert failures(instance, last) == 1


def test_a_retry_that_dagster_made_and_did_not_start_is_lost(instance):
    """Dagster starts it at the second report."""
    run = failed(instance)
    instance.create_run_for_job(deliver, parent_run_id=run.run_id, root_run_id=run.run_id)
    assert reported(instance) == [run.run_id]


@pytest.mark.parametrize("after", [timedelta(seconds=5), timedelta(hours=2)])
def test_dagster_has_its_time_and_old_failures_are_left_alone(instance, after):
    """The retry of what failed a moment ago may still come, and after hours nobody expects it."""
    failed(instance)
    assert reported(instance, after) == []


def test_what_was_retried_is_left_alone(instance):
    """Also where somebody deleted the retry."""
    run = failed(instance)
    retry = instance.create_run_for_job(
        deliver, parent_run_id=run.run_id, root_run_id=run.run_id, status=dg.DagsterRunStatus.SUCCESS
    )
    instance.add_run_tags(run.run_id, {"dagster/auto_retry_run_id": retry.run_id})
    assert reported(instance) == []
    instance.delete_run(retry.run_id)
    assert reported(instance) == []


@pytest.mark.parametrize(
    "tags",
    [
        NEVER_AGAIN,
        {"dagster/max_retries": "-1"},
        {"dagster/backfill": "nobody-knows-it"},
    ],
)
def test_what_dagster_would_not_retry_is_left_alone(instance, tags):
    """A bad input, a number below none, and a backfill that is not there any more."""
    failed(instance, **tags)
    assert reported(instance) == []


def test_a_reason_that_nobody_knows_stops_nothing(instance):
    """A newer Dagster may have written it; the other runs are reported."""
    unknown, run = failed(instance), failed(instance)
    instance.add_run_tags(unknown.run_id, {"dagster/failure_reason": "SOMETHING_NEW"})
    assert reported(instance) == [run.run_id]


def test_a_run_of_a_command_or_of_another_job_is_left_alone(instance):
    """Dagster cannot start the one, and the other is not ours."""
    failed(instance, job=another)
    instance.report_run_failed(instance.create_run_for_job(deliver))
    assert reported(instance) == []


def test_nothing_is_reported_where_dagster_retries_nothing():
    """Retries are a setting of the installation."""
    with dg.instance_for_test() as instance:
        failed(instance)
        assert reported(instance) == []


def test_the_sensor_says_what_it_found(instance):
    """It requests nothing by itself."""
    sensor = lost_retries_sensor("deliver")
    with dg.build_sensor_context(instance=instance) as context:
        assert sensor(context).skip_message == "No retry is lost."


def look(workspace: WorkspaceProcessContext) -> None:
    """Dagster's daemon looks once for what it has to retry, with the code servers that it sees."""
    for _ in EventLogConsumerDaemon().run_iteration(workspace):
        pass


def start(workspace: WorkspaceProcessContext) -> dg.DagsterRun:
    """A run of the code server's job, which has no step that could be left."""
    (repository,) = workspace.create_request_context().code_locations[0].get_repositories().values()
    job = repository.get_full_job("deliver")
    return workspace.instance.create_run_for_job(deliver, remote_job_origin=job.get_remote_origin())


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
        assert reported(instance) == [run.run_id]
        look(workspace)
        retry, _ = instance.get_runs()
        assert (retry.parent_run_id, retry.status) == (run.run_id, dg.DagsterRunStatus.QUEUED)
