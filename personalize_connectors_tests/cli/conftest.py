"""What the tests of commands share: an empty bucket, a Braze, and the command line in this process."""

import pytest

from personalize_connectors.cli import main
from personalize_connectors.emulators.braze import running


@pytest.fixture(autouse=True)
def bucket(tmp_path, monkeypatch):
    """An empty bucket, with Dagster's instance beside it and no destination."""
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("CONNECTORS_ROOT", str(tmp_path / "bucket"))
    for name in (
        "BRAZE_REST_ENDPOINT_URL",
        "BRAZE_API_KEY",
        "CONNECTORS_PARTITIONS",
        "CONNECTORS_MEMORY_LIMIT",
    ):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "bucket"


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
