"""Dagster's SQLite storage that opens its databases less often: the files are Dagster's own, and others may use them meanwhile."""

import gc
import sqlite3
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from personalize_connectors.instance import dagster_home
from personalize_connectors.sqlite_storage import _ENGINES, EventLog

PLAIN = "storage: {sqlite: {base_dir: {env: DAGSTER_HOME}}}\ntelemetry: {enabled: false}\n"


@dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name="day"))
def numbers():
    """Three rows of a day."""
    return dg.MaterializeResult(metadata={"rows": 3})


def materialize(instance, day):
    """Register a day and materialize it; gives the run."""
    instance.add_dynamic_partitions("day", [day])
    result = dg.materialize([numbers], instance=instance, partition_key=day)
    assert result.success
    return result.run_id


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A new home, as our command makes it, and another folder with Dagster's own settings for it."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    home = dagster_home(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain/dagster.yaml").write_text(PLAIN)
    return home


def test_what_one_storage_writes_the_other_reads_while_both_are_open(home):
    """Ours and Dagster's own take turns over the same files."""
    ours, plain = (dg.DagsterInstance.from_config(str(folder)) for folder in (home, home.parent / "plain"))
    with ours, plain:
        assert isinstance(ours.event_log_storage, EventLog)
        assert not isinstance(plain.event_log_storage, EventLog)
        days = {f"2026-11-{number:02}" for number in range(1, 5)}
        runs = [
            materialize(instance, day) for day, instance in zip(sorted(days), [ours, plain] * 2, strict=True)
        ]
        for run in runs:
            events = [[event.dagster_event for event in each.all_logs(run)] for each in (ours, plain)]
            assert events[0] == events[1]
            assert dg.DagsterEventType.ASSET_MATERIALIZATION in {
                event.event_type for event in events[0] if event
            }
        for instance in (ours, plain):
            assert set(instance.get_dynamic_partitions("day")) == days
            assert instance.get_materialized_partitions(dg.AssetKey("numbers")) == days
            assert not instance.has_dynamic_partition("day", "2026-12-01")


def test_whoever_watches_a_run_sees_each_event_at_once(home):
    """The page of a run in the UI is told by the run's file."""
    with (
        dg.DagsterInstance.from_config(str(home)) as writing,
        dg.DagsterInstance.from_config(str(home)) as watching,
    ):
        run = materialize(writing, "2026-11-01")
        seen, event = threading.Event(), writing.all_logs(run)[-1]
        watching.watch_event_logs(run, None, lambda _entry, _cursor: seen.set())
        seen.clear()
        writing.event_log_storage.store_event(event)
        assert seen.wait(timeout=30)


def test_threads_write_all_of_their_events(home):
    """More runs than there are engines, on four threads; each event goes to the run's database and to that of all."""
    with dg.DagsterInstance.from_config(str(home)) as instance, ThreadPoolExecutor(4) as pool:
        log = instance.event_log_storage
        (event,) = instance.all_logs(
            materialize(instance, "2026-11-01"), of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        runs = [str(uuid4()) for _ in range(2 * _ENGINES)]
        list(pool.map(lambda run: log.store_event(event._replace(run_id=run)), runs * 3))
        assert [len(instance.all_logs(run)) for run in runs] == [3] * len(runs)
        found = instance.fetch_materializations(dg.AssetKey("numbers"), limit=1000).records
        assert Counter(record.run_id for record in found) == Counter([event.run_id, *runs * 3])


def test_a_wiped_history_begins_anew(home):
    """What is still open after a wipe is not of the history before."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        run = materialize(instance, "2026-11-01")
        instance.wipe()
        assert instance.all_logs(run) == []
        again = materialize(instance, "2026-11-02")
        assert instance.get_materialized_partitions(dg.AssetKey("numbers")) == {"2026-11-02"}
        assert instance.all_logs(again)


def test_the_index_stays_open_and_no_database_of_a_run_does(home):
    """A server that has shown many runs holds none of their files."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        run = materialize(instance, "2026-11-01")
        found = _open_files(home)
        assert "index.db" in found
        assert f"{run}.db" not in found


def test_an_instance_that_has_ended_holds_no_file(home):
    """Dagster makes one for each tick of a sensor; waiting for Python to look for garbage would leave dozens open."""
    gc.disable()
    try:
        for number in range(5):
            with dg.DagsterInstance.from_config(str(home)) as instance:
                instance.add_dynamic_partitions("day", [str(number)])
        assert _open_files(home) == set()
    finally:
        gc.enable()


def test_a_history_that_is_deleted_meanwhile_begins_anew(home):
    """What stays open is not written to once its file is gone, where nobody would ever read it."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        materialize(instance, "2026-11-01")
        for file in (home / "history" / "runs").glob("index.db*"):
            file.unlink()
        materialize(instance, "2026-11-02")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_materialized_partitions(dg.AssetKey("numbers")) == {"2026-11-02"}


def _open_files(home):
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    files = [link.readlink() for link in links]
    return {file.name for file in files if file.is_relative_to(home / "history" / "runs")}


def test_a_history_of_before_is_gone_on_with(home):
    """A home that Dagster's own storage began needs nothing done to it."""
    before = SqliteEventLogStorage(str(home / "history" / "runs"))
    before.add_dynamic_partitions("day", ["2026-11-01"])
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.has_dynamic_partition("day", "2026-11-01")
        materialize(instance, "2026-11-02")
        assert set(before.get_dynamic_partitions("day")) == {"2026-11-01", "2026-11-02"}


def databases(home, run):
    """What each database of a home is made of, how it is written, and at which revision it is; `RUN` is that of a run."""
    found = {}
    for file in home.rglob("*.db"):
        with closing(sqlite3.connect(file)) as connection:
            found[str(file.relative_to(home)).replace(run, "RUN")] = [
                connection.execute(asked).fetchall()
                for asked in (
                    "SELECT type, name, sql FROM sqlite_master ORDER BY name",
                    "PRAGMA journal_mode",
                    "SELECT version_num FROM alembic_version",
                )
            ]
    return found


@pytest.mark.parametrize("died", [False, True])
def test_the_databases_of_a_new_home_are_those_that_dagster_makes(home, tmp_path, died):
    """Also where the process that made the first two of them died before they had a table."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "dagster.yaml").write_text(PLAIN.replace("{env: DAGSTER_HOME}", str(other)))
    if died:
        (home / "history/runs").mkdir(parents=True)
        for name in ("runs.db", "runs/index.db"):
            with closing(sqlite3.connect(home / "history" / name)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
    made = []
    for folder in (home, other):
        with dg.DagsterInstance.from_config(str(folder)) as instance:
            made.append(databases(folder, materialize(instance, "2026-11-01")))
    assert len(made[0]) == 4
    assert made[0] == made[1]
