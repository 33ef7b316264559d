"""Dagster's SQLite storage that opens its databases less often; `dagster.yaml` names it as `storage`.

For each event that it writes and each look that it takes, Dagster makes an engine, which compiles the statement anew, and opens and closes
a database; and whoever closes one last writes SQLite's log back into it and removes the log. The files are as Dagster's own classes
make them, and any process may use those on them meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

import sqlalchemy
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData

# There is a database for each run, and one for what is looked for among all of them.
_ENGINES = 8
# What is no event log.
_DATABASES = ("history/runs.db", "schedules/schedules.db")
# Dagster sets it behind the tables, of which each is then a transaction with a journal of its own.
_WRITE_AHEAD = "PRAGMA journal_mode=WAL"


class SqliteStorage(DagsterSqliteStorage):
    """Dagster's storage in the same files, with `EventLog` in it."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        for name in _DATABASES:
            _begin(Path(base_dir, name))
        super().__init__(base_dir, inst_data)
        self._event_log_storage = EventLog(str(Path(base_dir, "history", "runs")))

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Make it, as `dagster.yaml` names it."""
        return cls.from_local(inst_data=inst_data, **config_value)


def _begin(database: Path) -> None:
    """Make a database that is not there, for Dagster to make its tables in."""
    if not database.exists():
        database.parent.mkdir(parents=True, exist_ok=True)
        # Another process is at it already, or Dagster says better what is wrong.
        with suppress(sqlite3.Error), closing(sqlite3.connect(database)) as connection:
            connection.execute(_WRITE_AHEAD)


class _Opened(NamedTuple):
    """An engine, and which file it is for."""

    engine: sqlalchemy.Engine
    inode: int


class EventLog(SqliteEventLogStorage):
    """Dagster's event log, with an engine for each database that was used last.

    What is looked for among all runs stays open. That of a run does not: who watches the run sees it by the file, which SQLite changes
    as it is closed.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._opened: dict[str, _Opened] = {}
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)
        with self.index_connection():
            pass  # it has its tables now, also where the process died that had made the file

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sqlalchemy.Connection]:
        with self._db_lock, self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def _engine(self, shard: str) -> sqlalchemy.Engine:
        file = Path(self.path_for_shard(shard))
        opened = self._opened.get(shard)
        if opened and file.exists() and file.stat().st_ino == opened.inode:
            return opened.engine
        if opened or len(self._opened) == _ENGINES:
            self._opened.pop(shard if opened else next(iter(self._opened))).engine.dispose()
        engine = self._new_engine(shard)
        self._opened[shard] = _Opened(engine, file.stat().st_ino)
        return engine

    def _new_engine(self, shard: str) -> sqlalchemy.Engine:
        options = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
        engine = sqlalchemy.create_engine(
            self.conn_string_for_shard(shard),
            poolclass=sqlalchemy.StaticPool if shard == INDEX_SHARD_NAME else sqlalchemy.NullPool,
            connect_args=options,
        )
        if not sqlalchemy.inspect(engine).has_table("alembic_version"):
            self._initdb(engine)
        return engine

    def _initdb(self, engine: sqlalchemy.Engine, for_index_shard: bool = False) -> None:  # noqa: FBT001, FBT002 - the signature of what it overrides, which Dagster calls
        # Another process is at it already, or Dagster says better what is wrong.
        with suppress(sqlalchemy.exc.DatabaseError), engine.connect() as connection:
            connection.exec_driver_sql(_WRITE_AHEAD)
        super()._initdb(engine, for_index_shard)

    def has_table(self, table_name: str) -> bool:
        """Whether the database for what is looked for among all runs has a table; none is ever taken out of it."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def wipe(self) -> None:
        """Delete all events; the databases of the runs go with their files."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Close what is open; Dagster makes an instance for each tick of a sensor."""
        self._close()
        super().dispose()

    def _close(self) -> None:
        with self._db_lock:
            while self._opened:
                self._opened.popitem()[1].engine.dispose()
