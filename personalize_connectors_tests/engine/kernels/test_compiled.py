"""Compiled functions."""

import sys
from importlib import import_module
from pathlib import Path

import numba
import pytest

from personalize_connectors.engine.kernels import compiled as module
from personalize_connectors.engine.kernels.compiled import compiled

SOURCE = """
from personalize_connectors.engine.kernels.compiled import kernel


@kernel
def doubled(number):
    return 2 * number
"""


def test_a_function_that_cannot_be_kept_is_compiled_all_the_same():
    """Where no folder can be written to, each process compiles for itself; a function without a source file is such a case."""
    names = {}
    exec("def doubled(number):\n    return 2 * number", names)
    assert compiled(names["doubled"])(4) == 8


@pytest.fixture
def doubled(tmp_path, monkeypatch):
    """Imports a kernel anew, as the next process does, and calls it; what is kept of it is below `kept`."""
    (tmp_path / "kernel_of_a_test.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "kept"))

    def call():
        sys.modules.pop("kernel_of_a_test", None)
        return import_module("kernel_of_a_test").doubled(4)

    yield call
    sys.modules.pop("kernel_of_a_test", None)


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", [lambda kept: kept[:20], lambda _: b"", lambda kept: b"\xe0" * len(kept)])
def test_what_was_kept_and_is_damaged_is_made_anew(tmp_path, doubled, ending, damage):
    """Whatever the files of the compiler hold after a crash, the function is called, and kept again."""
    assert doubled() == 8
    (kept,) = (tmp_path / "kept").rglob(f"*.{ending}")
    damaged = damage(kept.read_bytes())
    kept.write_bytes(damaged)
    assert doubled() == 8
    # Not the same bytes as before: the compiler numbers what it makes in a process.
    assert kept.read_bytes() != damaged
    assert doubled() == 8


def test_what_was_kept_is_of_the_same_state_of_all_kernels(tmp_path, doubled, monkeypatch):
    """A function calls those of other files, and the compiler looks at its own file only."""
    assert [doubled(), doubled()] == [8, 8]
    assert len(list((tmp_path / "kept").iterdir())) == 1
    monkeypatch.setattr(module, "_state", lambda: "of another version")
    assert doubled() == 8
    assert len(list((tmp_path / "kept").rglob("*.nbi"))) == 2
    assert Path(numba.config.CACHE_DIR) == tmp_path / "kept"


@pytest.mark.parametrize("named", ["a file", "/proc/no folder"])
def test_where_nothing_can_be_kept_nothing_is(tmp_path, doubled, monkeypatch, named):
    """The compiler's other folders would do, but are the same for all versions of what a function calls."""
    (tmp_path / "a file").touch()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / named))
    assert [doubled(), doubled()] == [8, 8]
    assert not list(tmp_path.rglob("*.nbi"))


def test_what_cannot_be_kept_beside_the_source_is_kept_for_the_user(tmp_path, doubled, monkeypatch):
    """As where the package is installed for all users."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(module, "_SOURCE", Path("/proc/no folder"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert doubled() == 8
    assert len(list((tmp_path / "cache" / "personalize_connectors").rglob("*.nbi"))) == 1


def test_who_has_no_home_keeps_nothing(tmp_path, doubled, monkeypatch):
    """As in a container that is run by a number which no user has."""

    def home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(module, "_SOURCE", Path("/proc/no folder"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", home)
    assert doubled() == 8
    assert not list(tmp_path.rglob("*.nbi"))
