"""What the command line does with an output that is closed, or that nobody reads to its end."""

import os
import subprocess
import sys

import pytest

from personalize_connectors_tests.cli.one_job import add_output


def test_a_reader_that_has_enough_is_no_error(bucket):
    """The exit code is the run's, also where whoever reads closes early."""
    environment = {**os.environ, "CONNECTORS_ROOT": str(bucket)}
    program = f"{sys.executable} -m personalize_connectors.cli schema | head -1; exit ${{PIPESTATUS[0]}}"
    assert (
        subprocess.run(
            ["bash", "-c", program], env=environment, stdout=subprocess.DEVNULL, check=False
        ).returncode
        == 0
    )


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [(["--help"], 0, ""), (["run", "nothing"], 2, "error: 'nothing'"), (["jobs", "--runs", "x"], 2, "Usage")],
)
def test_the_process_ends_with_its_code_and_all_its_words(arguments, code, told, tmp_path):
    """A process that is gone at once has its exit code, and has written all that it had to say."""
    command = [sys.executable, "-m", "personalize_connectors.cli", *arguments]
    environment = {**os.environ, "CONNECTORS_ROOT": str(tmp_path)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr.startswith(told)) == (code, True)
    assert bool(done.stdout) == (code == 0)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
@pytest.mark.parametrize(("arguments", "code"), [("--help", 0), ("jobs", 0), ("run nothing", 2)])
def test_closed_outputs_change_nothing(closed, arguments, code, tmp_path):
    """A command whose output or errors nobody wants does its work and ends with its own code."""
    program = f"{sys.executable} -m personalize_connectors.cli {arguments} {closed}"
    environment = {**os.environ, "CONNECTORS_ROOT": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", program], check=False, capture_output=True, text=True, env=environment
    )
    assert done.returncode == code
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [("schema", 141), ("jobs", 141), ("validate user_personalization/none", 2), ("jobs --runs x", 2)],
)
def test_a_reader_that_went_away_is_no_failed_command(arguments, code, bucket):
    """Nobody is there to read: the exit code is what a shell has for that, where the command has not one of its own."""
    bucket.mkdir()
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "personalize_connectors.cli", *arguments.split()]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)


@pytest.mark.parametrize("errors_too", [False, True])
def test_a_run_that_nobody_watches_ends_well(errors_too, bucket, command, emulator):
    """A run delivers and ends with 0, whoever reads what it prints went away before the first line."""
    command("new-job", "user_personalization", "daily")
    add_output(bucket, {"ana": ["lamp"]})
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "personalize_connectors.cli", "run", "user_personalization/daily"]
    errors = writer if errors_too else subprocess.DEVNULL
    done = subprocess.run(words, stdout=writer, stderr=errors, check=False)
    os.close(writer)
    assert (done.returncode, sorted(emulator.profiles())) == (0, ["ana"])
