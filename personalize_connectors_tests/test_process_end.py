"""How a process of ours ends."""

import subprocess
import sys

import pytest

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
