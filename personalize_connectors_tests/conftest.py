"""Fixtures for all tests."""

import pytest
from hypothesis import settings

from personalize_connectors.storage import open_storage

pytest_plugins = ["personalize_connectors_tests.s3"]

# How long an example takes says more about the machine than about the code.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


@pytest.fixture(params=["folder", "s3"])
def anywhere(request, tmp_path):
    """An empty bucket, in a folder and on S3."""
    if request.param == "folder":
        return open_storage(str(tmp_path))
    return open_storage(f"s3://{request.getfixturevalue('s3_bucket')}/some where")
