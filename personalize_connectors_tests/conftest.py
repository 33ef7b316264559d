"""Fixtures for all tests."""

pytest_plugins = ["personalize_connectors_tests.s3"]
