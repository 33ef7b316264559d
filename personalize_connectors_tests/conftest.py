"""Fixtures for all tests."""

import pytest
from hypothesis import settings

from personalize_connectors.cli import main
from personalize_connectors.emulators.braze import running
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


@pytest.fixture
def emulator(monkeypatch):
    """A Braze emulator that the environment leads to."""
    with running() as braze:
        monkeypatch.setenv("BRAZE_REST_ENDPOINT_URL", braze.url)
        monkeypatch.setenv("BRAZE_API_KEY", braze.api_key)
        yield braze


@pytest.fixture
def command(capsys):
    """Run the command line and give exit code, standard output and standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run
