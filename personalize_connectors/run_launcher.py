"""Runs as processes of their own that outlive the daemon, the code server and the database, and of which each can be told dead.

Dagster's own launcher runs them as children of the code server and cannot say of one whether it still lives, so that a run whose
server died stays "started". Here a run's process holds the lock of a file as long as it lives, however it ends. A tag says which runs
were started so, another which a command executes in its own process, with the same lock. Of all other runs nothing is known, and they
are left alone.
"""

from __future__ import annotations

import fcntl
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._core.launcher.base import RunLauncher
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClass, ConfigurableClassData

_PROCESS = "personalize_connectors.run_process"
_FOLDER = "run_workers"
_LAUNCHED_ON = "launched_on"
_COMMAND_ON = "command_on"
_GOING_ON = {dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING}


class ProcessRunLauncher(RunLauncher[dg.DagsterInstance], ConfigurableClass):
    """Starts each run as a process on the daemon's machine; `dagster.yaml` names it as `run_launcher`."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        super().__init__()  # type: ignore[no-untyped-call] # Dagster's

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """What `dagster.yaml` says."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """It has no settings."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:  # noqa: ARG003 - Dagster's signature
        """Make it, as `dagster.yaml` names it."""
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start the process; it holds the lock of its file from its first moment to its last."""
        run, origin = context.dagster_run, context.job_code_origin
        if origin is None:
            raise dg.DagsterInvariantViolationError(f"run {run.run_id} does not say where its code is")
        words = ExecuteRunArgs(origin, run.run_id, self._instance.get_ref()).get_command_args()
        # The origin may name `dagster`, which need not be on the path of whoever started the daemon.
        command = [sys.executable, "-m", _PROCESS, *words[-3:]]
        self._forget_what_ended()
        self._instance.add_run_tags(run.run_id, {_LAUNCHED_ON: socket.gethostname()})
        with self._file(run.run_id).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            child = subprocess.Popen(command, pass_fds=[file.fileno()], start_new_session=True)  # noqa: S603 - Dagster's own command
        self._children[run.run_id] = child

    @contextmanager
    def held(self, run_id: str) -> Iterator[dict[str, str]]:
        """This process is the run's as long as the block lasts; gives the tags of such a run."""
        try:
            with self._file(run_id).open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield {_COMMAND_ON: socket.gethostname()}
        finally:
            self._file(run_id).unlink(missing_ok=True)

    def terminate(self, run_id: str) -> bool:
        """Tell the process to end, wherever it is: it reads its run's status. Whether there is one to tell."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or _LAUNCHED_ON not in run.tags:
            return False
        self._instance.report_run_canceling(run)
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Run monitoring asks it."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process lives; as long as nothing says that it does not, it does."""
        if not _visible(run) or self._lives(run.run_id):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, "its process is gone")

    def _lives(self, run_id: str) -> bool:
        self._forget_what_ended()
        try:
            with self._file(run_id).open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def _forget_what_ended(self) -> None:
        # Several threads of the daemon come here.
        for run_id, child in list(self._children.items()):
            if child.poll() is not None:
                self._children.pop(run_id, None)
                self._file(run_id).unlink(missing_ok=True)

    def _file(self, run_id: str) -> Path:
        folder = Path(self._instance.storage_directory()).parent / _FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        return folder / run_id


def _visible(run: dg.DagsterRun) -> bool:
    return _LAUNCHED_ON in run.tags or run.tags.get(_COMMAND_ON) == socket.gethostname()


def has_died(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a run that Dagster takes for one that goes on is known not to: its process was on this machine, and is gone."""
    launcher, run = instance.run_launcher, instance.get_run_by_id(run_id)
    here = run and socket.gethostname() in (run.tags.get(_LAUNCHED_ON), run.tags.get(_COMMAND_ON))
    if not run or not here or run.status not in _GOING_ON or not isinstance(launcher, ProcessRunLauncher):
        return False
    if launcher.check_run_worker_health(run).status != WorkerStatus.FAILED:
        return False
    # Whoever ends well says so before the lock is let go.
    now = instance.get_run_by_id(run_id)
    return now is not None and now.status in _GOING_ON


@contextmanager
def held(instance: dg.DagsterInstance, run_id: str) -> Iterator[dict[str, str]]:
    """Let run monitoring see whether the command that executes a run lives; gives the tags that say so, where it can be seen."""
    launcher = instance.run_launcher
    if isinstance(launcher, ProcessRunLauncher):
        with launcher.held(run_id) as tags:
            yield tags
    else:
        yield {}
