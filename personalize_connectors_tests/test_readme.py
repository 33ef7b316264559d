"""The README stays true: its steps are run as they stand, and what it names is there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from personalize_connectors.cli import cli
from personalize_connectors.engine.batch_output import REASONS
from personalize_connectors.job_config import TopLevel

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    """The text below one heading."""
    return re.split(r"^## ", README.split(f"## {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def paste(folder: Path, script: str) -> str:
    """What a shell prints into which somebody pastes steps, in a folder that stands for the checkout."""
    script = script.replace("source .venv/bin/activate\n", "")
    for name in ("dagster.yaml", "workspace.yaml"):
        (folder / name).write_text((ROOT / name).read_text())
    bin_folder = Path(sys.executable).parent
    environment = {
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
    }
    script = script.replace("emulate braze --", "emulate braze --port 0 --")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_first_job_runs_as_written(tmp_path):
    """The steps of "A first job of your own", pasted one after the other into a shell, give what the README shows."""
    steps = re.findall(r"```bash\n(.*?)```", section("A first job of your own"), flags=re.DOTALL)
    printed = paste(tmp_path, "\n".join(steps))
    record = re.search(r"```json\n(.*?)```", section("A first job of your own"), flags=re.DOTALL)
    assert record
    assert record[1].strip() in printed.splitlines()
    assert "accepted / rejected │ 2 / 0" in re.sub(" +", " ", printed)
    assert "unchanged │ 2" in re.sub(" +", " ", printed)


def test_the_plan_is_what_it_shows(tmp_path):
    """The steps of "A first job of your own" up to its first run, and then a plan, give the table that the README shows."""
    steps = re.findall(r"```bash\n(.*?)```", section("A first job of your own"), flags=re.DOTALL)[:2]
    printed = paste(tmp_path, "\n".join([*steps, "personalize-connectors plan user_personalization/daily"]))
    shown = section("What a run would do and cost").split("```")[3].strip()
    assert shown in printed


def test_every_config_key_is_in_the_table():
    """The table of config.json names every key of the top level and of the Braze connector."""
    table = section("config.json")
    from personalize_connectors.connectors.braze import BrazeSettings

    missing = [key for key in TopLevel.model_fields if key != "connectors" and f"`{key}`" not in table]
    missing += [key for key in BrazeSettings.model_fields if key not in table]
    assert missing == []


def test_every_reason_is_explained():
    """Every reason that a line can be set aside for is named."""
    assert [reason for reason in REASONS if f"`{reason}`" not in README] == []


@pytest.mark.parametrize("command", sorted(set(re.findall(r"personalize-connectors ([a-z-]+)", README))))
def test_commands_exist(command):
    """Every command that the README names is there and has help."""
    assert cli.commands[command].help


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z-]+)", README))))
def test_targets_exist(target):
    """Every make target that the README names is there."""
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_links_lead_somewhere(path):
    """Every picture and page that the README links is in the checkout."""
    assert (ROOT / path).is_file()
