"""The Dagster instance of a folder."""

from pathlib import Path

import yaml

import personalize_connectors
from personalize_connectors.instance import dagster_home

CHECKOUT = Path(personalize_connectors.__file__).parents[1]


def test_a_new_home_runs_as_the_checkout_does(tmp_path, monkeypatch):
    """A folder without settings gets those of the checkout, but for where it keeps its history; and keeps what is changed there."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    home = dagster_home(tmp_path)
    assert home == tmp_path / ".dagster"
    ours = yaml.safe_load((CHECKOUT / "dagster.yaml").read_text())
    storage = ours.pop("storage")["custom"]
    places = {"local_artifact_storage", "compute_logs"}
    settings = home / "dagster.yaml"
    assert yaml.safe_load(settings.read_text()) == {
        "storage": {"custom": {**storage, "config": {"base_dir": {"env": "DAGSTER_HOME"}}}},
        **{name: value for name, value in ours.items() if name not in places},
    }
    settings.write_text("telemetry: {enabled: false}\n")
    assert (dagster_home(tmp_path), settings.read_text()) == (home, "telemetry: {enabled: false}\n")
