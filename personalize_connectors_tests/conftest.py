"""Fixtures for all tests."""

from hypothesis import settings

pytest_plugins = ["personalize_connectors_tests.s3"]

# How long an example takes says more about the machine than about the code.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
