"""Compiled functions."""

import sys
from importlib import import_module

import pytest

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


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", [lambda kept: kept[:20], lambda _: b"", lambda kept: b"\xe0" * len(kept)])
def test_what_was_kept_and_is_damaged_is_made_anew(tmp_path, monkeypatch, ending, damage):
    """Whatever the files of the compiler hold after a crash, the function is called, and kept again."""
    (tmp_path / "kernel_of_a_test.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))

    def doubled():
        sys.modules.pop("kernel_of_a_test", None)
        return import_module("kernel_of_a_test").doubled(4)

    assert doubled() == 8
    (kept,) = (tmp_path / "__pycache__").glob(f"*.{ending}")
    damaged = damage(kept.read_bytes())
    kept.write_bytes(damaged)
    assert doubled() == 8
    # Not the same bytes as before: the compiler numbers what it makes in a process.
    assert kept.read_bytes() != damaged
    assert doubled() == 8
    monkeypatch.delitem(sys.modules, "kernel_of_a_test")
