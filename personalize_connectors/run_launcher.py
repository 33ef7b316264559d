"""Runs as processes of their own that outlive the daemon, the code server and the database, and of which each can be told dead.

Dagster's own launcher runs them as children of the code server and cannot say of one whether it still lives, so that a run whose
server died stays "started". Here a run's process holds the lock of a file as long as it lives, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import signal
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

_FOLDER = "run_workers"


class ProcessRunLauncher(RunLauncher[dg.DagsterInstance], ConfigurableClass):
    """Starts each run as a process on the daemon's machine; `dagster.yaml` names it as `run_launcher`."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self._children: list[subprocess.Popen[bytes]] = []
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
        command = [sys.executable, "-m", "dagster", *words[-3:]]
        self._children = [child for child in self._children if child.poll() is None]
        with self._file(run.run_id).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            child = subprocess.Popen(command, pass_fds=[file.fileno()], start_new_session=True)  # noqa: S603 - Dagster's own command
            file.write(str(child.pid))
        self._children.append(child)

    def terminate(self, run_id: str) -> bool:
        """Ask the process to end; whether there is one."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        if not self._lives(run_id):
            return False
        os.kill(int(self._file(run_id).read_text()), signal.SIGTERM)
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Run monitoring asks it."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process lives."""
        if self._lives(run.run_id):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, "its process is gone")

    def _lives(self, run_id: str) -> bool:
        for child in self._children:
            child.poll()
        try:
            with self._file(run_id).open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def _file(self, run_id: str) -> Path:
        folder = Path(self._instance.storage_directory()).parent / _FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        return folder / run_id
