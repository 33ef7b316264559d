"""Runs as processes: which of them run monitoring may tell dead, and how they are told to end."""

import shutil
import threading
from contextlib import suppress
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.launcher import LaunchRunContext, WorkerStatus

import personalize_connectors
from personalize_connectors.run_launcher import held
from personalize_connectors_tests.until import until

RUN_ID = "5f0c1c4e-5f0e-4a43-9d2b-0d8c2f5f7a11"
SETTINGS = Path(personalize_connectors.__file__).parents[1] / "dagster.yaml"


@dg.op
def ask_for_itself(context: dg.OpExecutionContext) -> list:
    """What run monitoring would be told of the run that this is part of, and whether it could be ended."""
    launcher = context.instance.run_launcher
    return [launcher.check_run_worker_health(context.run).status.value, launcher.terminate(context.run_id)]


@dg.job
def asks_for_itself():
    """A run that asks whether it lives."""
    ask_for_itself()


@dg.op
def wait_for_the_end() -> None:
    """Wait until interrupted."""
    threading.Event().wait(120)


@dg.job(executor_def=dg.in_process_executor)
def waits():
    """A run that does not end by itself."""
    wait_for_the_end()


@pytest.fixture
def instance(tmp_path, monkeypatch):
    """An instance with the settings for one machine."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(SETTINGS, tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance
        for child in psutil.Process().children():
            with suppress(psutil.Error):
                if str(tmp_path) in " ".join(child.cmdline()):
                    child.kill()


def launched(instance, job) -> dg.DagsterRun:
    """A run that is launched, as the daemon does it."""
    pointer = dg.reconstructable(job)
    run = instance.create_run_for_job(
        pointer.get_definition(),
        status=dg.DagsterRunStatus.STARTING,
        job_code_origin=pointer.get_python_origin(),
    )
    instance.run_launcher.launch_run(LaunchRunContext(run, None))
    return run


def status(instance, run) -> dg.DagsterRunStatus:
    """The status of a run as it is now."""
    return instance.get_run_by_id(run.run_id).status


def health(instance, run) -> WorkerStatus:
    """What run monitoring is told of a run's process."""
    return instance.run_launcher.check_run_worker_health(instance.get_run_by_id(run.run_id)).status


@pytest.mark.parametrize("tags", [{}, {"command_on": "another machine"}])
def test_a_run_of_which_nothing_is_known_is_not_told_dead(instance, tags):
    """Run monitoring leaves alone what another command executes beside the daemon, and no button ends it."""
    result = asks_for_itself.execute_in_process(instance=instance, tags=tags)
    assert result.output_for_node("ask_for_itself") == [WorkerStatus.RUNNING.value, False]


def test_a_run_of_our_command_lives_as_long_as_the_command(instance):
    """While the command executes the run it is not told dead; a command that was killed does not stay in its job's way."""
    with held(instance, RUN_ID) as tags:
        result = asks_for_itself.execute_in_process(instance=instance, tags=tags, run_id=RUN_ID)
    assert result.output_for_node("ask_for_itself") == [WorkerStatus.RUNNING.value, False]
    assert health(instance, result.dagster_run) == WorkerStatus.FAILED


def test_a_command_without_these_settings_says_nothing(tmp_path):
    """With another launcher there is no lock and no tag."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as other, held(other, RUN_ID) as tags:
        assert tags == {}


def test_a_run_ends_when_it_is_told_to_from_another_machine(instance):
    """Who sees only the history, as the webserver in its own container, ends a run by what it writes there."""
    run = launched(instance, waits)
    until(lambda: status(instance, run) == dg.DagsterRunStatus.STARTED)
    assert health(instance, run) == WorkerStatus.RUNNING
    with dg.DagsterInstance.from_ref(instance.get_ref()) as elsewhere:
        assert elsewhere.run_launcher.terminate(run.run_id)
    until(lambda: status(instance, run) == dg.DagsterRunStatus.CANCELED)
    until(lambda: health(instance, run) == WorkerStatus.FAILED)
