"""An installation with many past runs: one run is made in earnest, all others are copies of what it left in Dagster's SQLite.

Copied are the rows of the run, its tags, its partition, its asset events and checks. The log of a run, a file of its own, is copied
only for the newest runs of each job, which are those that anybody opens. Batch outputs are a small file each.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from personalize_connectors import layout
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.sources import SOURCE_VERSION

_START = datetime(2024, 2, 1, 3, tzinfo=UTC)
_LOGS = 3  # of the newest runs of each job
_SETTINGS = """\
telemetry: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: QueuedRunCoordinator}
"""
_INDEX = ("event_logs", "asset_event_tags", "asset_check_executions", "dynamic_partitions")
_EVENT_IDS = ("event_id", "evaluation_event_storage_id", "materialization_event_storage_id")
_LINE = '{"input":{"userId":"ana"},"output":{"recommendedItems":["lamp-1","tea-2"],"scores":[0.6,0.4]},"error":null}\n'


@dataclass(frozen=True)
class Past:
    """An installation in a folder.

    Attributes:
        folder: Holds the bucket and Dagster's home.
        jobs: How many jobs it has.
    """

    folder: Path
    jobs: int

    @property
    def bucket(self) -> Path:
        """The root of the layout."""
        return self.folder / "bucket"

    @property
    def home(self) -> Path:
        """Dagster's."""
        return self.folder / "dagster"

    @property
    def environment(self) -> dict[str, str]:
        """What its processes are told."""
        return {
            "CONNECTORS_ROOT": str(self.bucket),
            "DAGSTER_HOME": str(self.home),
            "CONNECTORS_PARTITIONS": "list",
        }

    def run(self, job: int, number: int) -> JobRun:
        """A job's run; the first is number 0."""
        return JobRun(Job("user_personalization", f"job-{job:03}"), _START + timedelta(days=number))

    @property
    def events(self) -> Path:
        """Where Dagster has the asset events of all runs."""
        return self.home / "history" / "runs" / "index.db"

    def forget_statuses(self) -> None:
        """Let Dagster forget the status of all partitions, as it does by itself when one is added."""
        with closing(sqlite3.connect(self.events)) as database, database:
            database.execute("UPDATE asset_keys SET cached_status_data = NULL")

    def drop_from_memory(self) -> None:
        """Let Linux forget what it has read of Dagster's asset events."""
        file = os.open(self.events, os.O_RDONLY)
        os.fsync(file)  # only what is on the disk is dropped
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)

    def put_output(self, run: JobRun) -> None:
        """A batch output, as it lands."""
        name = f"batch_{run.job.name}_{run.run_at:%Y_%m_%d_%H_%M_%S}"
        folder = self.bucket / "outputs" / run.job.name / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "users.json.out").write_text(_LINE)


def begin(past: Past, environment: dict[str, str]) -> None:
    """Make the jobs, and the one run in earnest: the first of the first job."""
    past.home.mkdir(parents=True)
    (past.home / "dagster.yaml").write_text(_SETTINGS)
    for number in range(past.jobs):
        job = past.run(number, 0).job
        config = {
            "batchInferencePath": f"outputs/{job.name}",
            "settleSeconds": 0,
            "connectors": {"braze": {}},
        }
        file = past.bucket / layout.config_file(job)
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(config))
    first = past.run(0, 0)
    past.put_output(first)
    quietly(["personalize_connectors.cli", "run", str(first.job)], past.folder, environment)


def quietly(words: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Run a module of Python in a process of its own; gives what it prints, and raises with its errors."""
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, env=environment)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def grow(past: Past, before: int, runs: int) -> None:
    """Add past runs, so that each job has so many in place of as many as before."""
    for job in range(past.jobs):
        for number in range(before, runs):
            past.put_output(past.run(job, number))
    numbers = [number * past.jobs + job for number in range(before, runs) for job in range(past.jobs)]
    copies = [_copy(past, number) for number in numbers if number]
    history = past.home / "history"
    with closing(sqlite3.connect(history / "runs.db")) as database, database:
        _copy_rows(database, ("runs", "run_tags"), _template(past), copies)
    with closing(sqlite3.connect(past.events)) as database, database:
        _copy_rows(database, _INDEX, _template(past), copies)
    past.forget_statuses()
    for copy in copies[-_LOGS * past.jobs :]:
        _copy_log(history / "runs", _template(past), copy)


def _template(past: Past) -> dict[str, str]:
    """What the first run is called."""
    with closing(sqlite3.connect(past.home / "history" / "runs.db")) as database:
        ((run_id, version),) = database.execute(
            "SELECT runs.run_id, value FROM runs JOIN run_tags USING (run_id) WHERE runs.id = 1 AND key = ?",
            [SOURCE_VERSION],
        ).fetchall()
    return _words(past.run(0, 0), run_id, version)


def _copy(past: Past, number: int) -> dict[str, str]:
    run = past.run(number % past.jobs, number // past.jobs)
    return _words(run, str(UUID(int=number)), f"{number:016x}")


def _words(run: JobRun, run_id: str, version: str) -> dict[str, str]:
    return {"run_id": run_id, "job": str(run.job), "run_at": run.run, "version": version}


def _copy_rows(
    database: sqlite3.Connection,
    tables: Iterable[str],
    template: dict[str, str],
    copies: list[dict[str, str]],
) -> None:
    """The template's rows once more for each copy, under its names; the template's are the first of each table."""
    sizes = {table: _rows_of_template(database, table) for table in tables}
    offsets = {table: f"{_last(database, table)} + :place * {rows}" for table, rows in sizes.items()}
    old = {f"old_{name}": value for name, value in template.items()}
    for table, rows in sizes.items():
        selected = []
        for _, column, kind, *_ in database.execute(f"PRAGMA table_info({table})").fetchall():
            if column == "id":
                selected.append(f"id + {offsets[table]}")
            elif column in _EVENT_IDS:
                selected.append(f"{column} + {offsets['event_logs']}")
            else:
                selected.append(_renamed(column) if kind.startswith(("TEXT", "VARCHAR")) else column)
        statement = (
            f"INSERT OR IGNORE INTO {table} SELECT {', '.join(selected)} FROM {table} WHERE id <= {rows}"
        )
        database.executemany(
            statement, ({**old, **copy, "place": place} for place, copy in enumerate(copies))
        )


def _last(database: sqlite3.Connection, table: str) -> int:
    return int(database.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchall()[0][0])


def _rows_of_template(database: sqlite3.Connection, table: str) -> int:
    """How many rows a table had when there was one run."""
    database.execute("CREATE TABLE IF NOT EXISTS benchmark_template (name TEXT PRIMARY KEY, rows INTEGER)")
    database.execute(
        f"INSERT OR IGNORE INTO benchmark_template SELECT '{table}', coalesce(max(id), 0) FROM {table}"
    )
    ((rows,),) = database.execute("SELECT rows FROM benchmark_template WHERE name = ?", [table]).fetchall()
    return int(rows)


def _renamed(column: str) -> str:
    for name in ("run_id", "job", "run_at", "version"):
        column = f"replace({column}, :old_{name}, :{name})"
    return column


def _copy_log(folder: Path, template: dict[str, str], copy: dict[str, str]) -> None:
    """The log of one run."""
    file = folder / f"{copy['run_id']}.db"
    shutil.copyfile(folder / f"{template['run_id']}.db", file)
    old = {f"old_{name}": value for name, value in template.items()}
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            f"UPDATE event_logs SET run_id = :run_id, event = {_renamed('event')}", {**old, **copy}
        )
