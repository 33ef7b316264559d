import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.command import arguments, count, duration, folder
from personalize_connectors_tests.until import until

# A command whose process has one of its own in a session of its own; both have written temporary files.
_COMMAND = """
import os, signal, subprocess, sys, tempfile
from benchmarks.command import arguments, folder, run, say
from personalize_connectors.errors import BadSettings

CHILD = '''
import os, subprocess, sys, tempfile, threading
tempfile.mkdtemp()
subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"], start_new_session=True)
print(f"ready in {tempfile.gettempdir()}", flush=True)
threading.Event().wait()
'''

def command(given):
    tempfile.mkdtemp()
    if given.how == "wait":
        subprocess.run([sys.executable, "-c", CHILD], check=True)
    if given.how == "refuse":
        raise BadSettings("there is no such thing")
    say("it is done")
    return 1

for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)  # whatever runs the tests may ignore them
parser = arguments("benchmarks.example", "An example.")
parser.add_argument("how")
parser.add_argument("--keep", type=folder)
run(parser, command)
"""


def _starting(tmp_path, *words):
    return subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *words],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kept", [False, True])
def test_a_signal_leaves_one_line_and_nothing_else(tmp_path, number, kept):
    """A command that a signal ends has ended all its processes, and removed its temporary files, when it has ended itself."""
    kept_folder = tmp_path / "kept"
    words = ["--keep", str(kept_folder)] if kept else []
    with _starting(tmp_path, "wait", *words) as process:
        scratch = process.stdout.readline().removeprefix("ready in ").strip()
        until(lambda: len(psutil.Process(process.pid).children(recursive=True)) == 2)
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    name = signal.Signals(number).name
    assert told == (
        f"python -m benchmarks.example: ended by {name}; its processes have ended and its temporary files are removed\n"
    )
    assert process.returncode == 128 + number
    assert [each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE] == []
    assert scratch.startswith(str(kept_folder if kept else tmp_path))
    assert list(tmp_path.iterdir()) == ([kept_folder] if kept else [])
    assert not Path(scratch).exists()


def test_what_the_caller_must_change_is_one_line_and_a_2(tmp_path):
    """An error of ours is told without a traceback, and leaves no files."""
    with _starting(tmp_path, "refuse") as process:
        out, told = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert told == "python -m benchmarks.example: error: there is no such thing\n"
    assert list(tmp_path.iterdir()) == []


def test_a_command_ends_with_what_it_returns(tmp_path):
    """Each step is a line with its time on the standard error, and the exit code is the command's."""
    with _starting(tmp_path, "end") as process:
        out, told = process.communicate(timeout=60)
    assert (process.returncode, out, told[8:]) == (1, "", "  it is done\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *((count, text) for text in ("0", "-5", "1.5", "²", "many")),
        *((duration, text) for text in ("0", "-1", "nan", "inf", "soon")),
        (folder, "/dev/null/folder"),
    ],
)
def test_an_argument_that_cannot_be_used_is_told(capsys, kind, text):
    """The option and its value are named, and the exit code is 2."""
    parser = arguments("benchmarks.example", None)
    parser.add_argument("--option", type=kind)
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args([f"--option={text}"])
    *_, told = capsys.readouterr().err.splitlines()
    assert told.startswith(f"python -m benchmarks.example: error: argument --option: {text!r} is no")


def test_an_option_has_its_whole_name(capsys):
    """A part of an option's name is no option."""
    parser = arguments("benchmarks.example", None)
    parser.add_argument("--users", type=count)
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(["--user", "5"])
    assert "unrecognized arguments: --user 5" in capsys.readouterr().err
