"""The image and the compose file, as far as they can be read without a container engine."""

import re
from pathlib import Path

import pytest
import yaml

import personalize_connectors

ROOT = Path(personalize_connectors.__file__).parents[1]
DEPLOY = ROOT / "deploy"
SERVICES = yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())["services"]


@pytest.mark.parametrize("name", [".env.example", "docker-compose.yaml", "cloudformation.yaml"])
def test_every_variable_is_one_that_something_reads(name):
    """A variable that an installation sets stands in the README, in the guide, or in Dagster's production settings."""
    known = "".join(
        path.read_text()
        for path in (
            ROOT / "README.md",
            ROOT / "docs" / "production.md",
            DEPLOY / "dagster.yaml",
            DEPLOY / "workspace.yaml",
        )
    )
    text = (DEPLOY / name).read_text()
    names = re.findall(r"\b(?:CONNECTORS|BRAZE|DAGSTER|AWS|ENVIRONMENT)_[A-Z_]*[A-Z]\b", text)
    assert names
    assert [variable for variable in names if variable not in known] == []


def test_every_process_is_started_again_when_it_dies():
    """All services restart always, and say whether they are well."""
    assert {
        name: (service["restart"], "healthcheck" in service) for name, service in SERVICES.items()
    } == dict.fromkeys(("postgres", "code", "daemon", "webserver"), ("always", True))


def test_the_image_runs_as_a_user_who_owns_what_is_mounted():
    """A named volume takes its owner from the folder of the image, which is made and given away before it is declared."""
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    made = next(
        number for number, line in enumerate(lines) if "mkdir /opt/dagster/storage && chown -R" in line
    )
    assert made < lines.index("USER connectors") < lines.index("VOLUME /opt/dagster/storage")
    mounts = {mount for service in SERVICES.values() for mount in service["volumes"]}
    assert mounts == {"postgres:/var/lib/postgresql/data", "dagster:/opt/dagster/storage"}
