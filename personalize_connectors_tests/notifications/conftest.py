"""Runs to tell of, as the tests of runs make them."""

from personalize_connectors_tests.assets.conftest import emulator, instance, world

__all__ = ["emulator", "instance", "world"]
