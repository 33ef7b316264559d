"""The Dagster instance that all of our commands share with `dagster` itself."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg

_HOME = ".dagster"
_SETTINGS = Path(__file__).with_name("new_home.yaml")


def dagster_home(folder: Path) -> Path:
    """The instance's folder: `DAGSTER_HOME`, else a folder with a `dagster.yaml`, else `.dagster` below it."""
    if home := os.environ.get("DAGSTER_HOME"):
        return Path(home)
    if (folder / "dagster.yaml").is_file():
        return folder
    home_folder = folder / _HOME
    home_folder.mkdir(exist_ok=True)
    settings = home_folder / "dagster.yaml"
    if not settings.exists():
        settings.write_text(_SETTINGS.read_text())
    return home_folder


def open_instance() -> dg.DagsterInstance:
    """Open the instance that `dagster dev` in this folder uses too."""
    os.environ["DAGSTER_HOME"] = str(dagster_home(Path.cwd()).resolve())
    return dg.DagsterInstance.get()
