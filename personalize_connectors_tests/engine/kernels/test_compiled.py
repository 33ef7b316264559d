"""Compiled functions."""

from personalize_connectors.engine.kernels.compiled import compiled


def test_a_function_that_cannot_be_kept_is_compiled_all_the_same():
    """Where no folder can be written to, each process compiles for itself; a function without a source file is such a case."""
    names = {}
    exec("def doubled(number):\n    return 2 * number", names)
    assert compiled(names["doubled"])(4) == 8
