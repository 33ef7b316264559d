"""What the tests of commands share: an empty bucket."""

import pytest


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
