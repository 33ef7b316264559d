"""Runs as processes of their own that outlive the daemon, the code server and the database, and of which each can be told dead.

Dagster's own launcher runs them as children of the code server and cannot say of one whether it still lives, so that a run whose
server died stays "started". Here a run's process holds the lock of a file as long as it lives, however it ends. A tag says which runs
were started so: of the others, which a command executes in its own process, nothing is known, and they are left alone.
"""

from __future__ import annotations

import fcntl
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._core.launcher.base import RunLauncher
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from personalize_connectors import run_process

_FOLDER = "run_workers"
_OWN_PROCESS = "run_process"


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
        command = [sys.executable, "-m", run_process.__name__, *words[-3:]]
        self._forget_what_ended()
        self._instance.add_run_tags(run.run_id, {_OWN_PROCESS: socket.gethostname()})
        with self._file(run.run_id).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            child = subprocess.Popen(command, pass_fds=[file.fileno()], start_new_session=True)  # noqa: S603 - Dagster's own command
        self._children[run.run_id] = child

    def terminate(self, run_id: str) -> bool:
        """Tell the process to end, wherever it is: it reads its run's status. Whether there is one to tell."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or _OWN_PROCESS not in run.tags:
            return False
        self._instance.report_run_canceling(run)
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Run monitoring asks it."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process lives, as far as it has one of its own."""
        if _OWN_PROCESS not in run.tags or self._lives(run.run_id):
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
