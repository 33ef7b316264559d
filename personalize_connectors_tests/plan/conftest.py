"""A plan is held against the run that follows, so its tests have what the tests of runs have."""

from personalize_connectors_tests.assets.conftest import emulator, instance, world

__all__ = ["emulator", "instance", "world"]
