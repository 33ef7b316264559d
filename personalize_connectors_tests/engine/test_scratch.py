"""Scratch folders: there while their process lives, and gone after it, however it ended."""

import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from personalize_connectors.engine.scratch import most_bytes, scratch_folder
from personalize_connectors.engine.session import open_session

_LIVES = """
import sys
from pathlib import Path
from personalize_connectors.engine.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "spilled").write_bytes(b"x" * 1000)
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """A temporary folder of the test's own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def living():
    """A process with a scratch folder, in which something is; gives it and the folder."""
    with subprocess.Popen(
        [sys.executable, "-c", _LIVES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process, process.stdout.readline().strip()
        process.kill()


def test_nothing_is_left_at_the_end(temporary):
    """Folder and lock go with the block."""
    with scratch_folder() as folder:
        (folder / "file").write_text("content")
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(temporary, living):
    """After SIGKILL the folder is still there, until another process makes one."""
    process, folder = living
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert Path(folder, "spilled").exists()
    with scratch_folder() as mine:
        assert sorted(temporary.iterdir()) == sorted([mine, mine.with_name(f"{mine.name}.lock")])


def test_a_living_process_keeps_its_folder(living):
    """Another process that makes a folder touches none that is in use."""
    _, folder = living
    with scratch_folder():
        assert Path(folder, "spilled").exists()


def test_a_session_spills_to_half_of_the_disk_at_most(temporary):
    """The engine knows its bound, and a query that needs more ends with an error, not with a full disk."""
    with open_session(1 << 30) as session:
        ((limit, place),) = session.execute(
            "SELECT current_setting('max_temp_directory_size'), current_setting('temp_directory')"
        ).fetchall()
        assert place.startswith(str(temporary))
        assert float(limit.split()[0]) > 0
        session.execute("SET max_temp_directory_size = '1MB'; SET memory_limit = '20MB'; SET threads = 1")
        with pytest.raises(duckdb.OutOfMemoryException):
            session.execute(
                "CREATE TABLE large AS SELECT range AS a, hash(range) AS b FROM range(20_000_000) ORDER BY b"
            )
    assert most_bytes(temporary) > 0
