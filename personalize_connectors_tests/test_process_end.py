"""How a process of ours ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}

_CODE = """
import atexit, sys
from personalize_connectors.process_end import run_and_end

class Held:
    def __init__(self):
        self.itself = self  # only the collector would find that nobody needs it
    def __del__(self):
        print("looked for garbage")

def body():
    held.append(Held())
    atexit.register(print, "cleaned up")
    print("ran")
    {how}

held = []
run_and_end(body)
"""


@pytest.mark.parametrize(
    ("how", "code", "told"),
    [
        ("pass", 0, ""),
        ("sys.exit(0)", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit('not today')", 1, "not today"),
        ("raise ValueError('odd')", 1, "ValueError: odd"),
    ],
)
def test_ends_with_the_code_of_what_it_ran(how, code, told):
    """And with its output, its errors and its cleaning up, but not with a look through everything for garbage."""
    done = subprocess.run(
        [sys.executable, "-c", _CODE.format(how=how)], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (code, "ran\ncleaned up\n")
    assert done.stderr.strip().endswith(told)


def test_output_that_is_lost_is_no_success():
    """As Python ends where nobody can have what was printed; an error's own code counts more."""
    for how, code in (("pass", 120), ("sys.exit(3)", 3)):
        command = [sys.executable, "-c", _CODE.format(how=how)]
        with Path("/dev/full").open("w") as full:
            ended = subprocess.run(command, check=False, stdout=full, timeout=60, env=_BUFFERED)
        assert ended.returncode == code


def test_output_that_nobody_wants_is_no_error():
    """A process can be started without an output."""
    command = ["sh", "-c", '"$@" >&- 2>&-', "sh", sys.executable, "-c", _CODE.format(how="pass")]
    assert subprocess.run(command, check=False, timeout=60).returncode == 0
