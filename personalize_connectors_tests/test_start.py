"""What the image starts its processes with."""

import os
import subprocess
import sys

from personalize_connectors import start


def started(settings: dict[str, str]) -> tuple[int, str, str]:
    """How a command ends that is started with some settings, and what it prints."""
    command = [sys.executable, "-m", start.__name__, sys.executable, "-c", "print('started')"]
    done = subprocess.run(
        command, env={**os.environ, **settings}, check=False, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


def test_starts_the_command():
    """Where all settings can be used, the command runs in place of it."""
    assert started({"CONNECTORS_RUNS_AT_ONCE": "3"}) == (0, "started\n", "")


def test_a_wrong_setting_is_one_line():
    """Where one cannot be used, it is told in one line, and nothing is started."""
    text = "error: CONNECTORS_RUNS_AT_ONCE is 'two'; write a whole number of runs from 1 to 1000\n"
    assert started({"CONNECTORS_RUNS_AT_ONCE": "two"}) == (2, "", text)
