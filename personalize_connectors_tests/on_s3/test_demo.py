"""The whole demo on S3, as a person starts it."""

import os
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.on_s3

USERS = "5000"


def demo(folder, *options):
    """Run the demo in a folder of its own; gives what it says of its runs and the profile, without times and addresses."""
    folder.mkdir()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CONNECTORS_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "personalize_connectors.cli", "demo", "--users", USERS, *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line for line in done.stdout.splitlines() if re.match(r"│|Day|warning|  \w+:", line)]
    return [line for line in told if "seconds" not in line]


def test_the_demo_on_s3_does_what_it_does_in_a_folder(tmp_path):
    """Two days of two jobs: the same lines, users, requests, data points and profile, with batch outputs in another bucket."""
    on_s3, in_a_folder = demo(tmp_path / "s3", "--s3"), demo(tmp_path / "folder")
    assert on_s3 == in_a_folder
    assert sum("accepted / rejected" in line for line in on_s3) == 4
    assert not (tmp_path / "s3" / "bucket").exists()
