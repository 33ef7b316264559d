"""The command `explain`: what it prints, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from personalize_connectors.cli import main
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors_tests.assets.runs import DAYS
from personalize_connectors_tests.explain.conftest import TIME

PERSONAL = Job("user_personalization", "daily")
RUN = JobRun(PERSONAL, DAYS[0]).run
WEIRD = "[red]\x1b[2J\r\u202eé"


@pytest.fixture
def command(capsys):
    """Run the command for the job and give exit code, standard output and standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["explain", str(PERSONAL), *arguments])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


@pytest.fixture
def shop(world):
    """One delivered day, on which Braze rejected one user."""
    world.configure(PERSONAL, recordCompression="gzip")
    world.answer(PERSONAL, 0, {"ana": ["a", "b"], "ben": ["b"], WEIRD: ["a"]})
    world.emulator.faults(reject_users=["ben"], reject_type="EMAIL_BAD_FORMAT")
    world.run(PERSONAL, 0)
    return world


def test_a_user_is_told_in_lines(shop, command):
    """Line, list, decision, fingerprints, record and history are printed, newest last."""
    code, printed, _ = command("--user", "ben")
    lines = TIME.sub("T", printed).splitlines()
    fingerprint = lines[9].split()[2].rstrip(";")
    job = '"jobInfo":{"name":"daily","runDateTime":"2026-11-21T03:00:00+00:00"}'
    request = lines[-1].split("request ")[1].split(",")[0]
    assert (code, len(fingerprint)) == (0, 32)
    assert lines == [
        f"user ben of {PERSONAL}, run {RUN}",
        f"source         {shop.root}/batch/daily/2026_11_21_03_00_00",
        "line           input.json.out:2: b",
        "list           b",
        "",
        "braze: added",
        "  why          braze had accepted nothing of this user before",
        "               sent, and rejected on T: 'EMAIL_BAD_FORMAT'",
        "               redrive sends it again, and so does the next run",
        f"  fingerprint  now {fingerprint}; accepted none",
        "  note         'b' has no metadata",
        f'  record       of run {RUN}: {{"queryUserId":"ben","recommendations":[{{"itemId":"b"}}],{job}}}',
        f"  history      T  run {RUN}  delta: added",
        f"               T  run {RUN}  receipt: rejected  request {request}, attempt 1: EMAIL_BAD_FORMAT",
        f"               T  run {RUN}  dead letter  request {request}, attempt 1: EMAIL_BAD_FORMAT",
    ]


@pytest.mark.usefixtures("shop")
def test_all_of_it_is_json_on_request(command):
    """With --json a program gets all of it, the record as JSON and the payload of dead letters too."""
    code, printed, _ = command("--user", "ben", "--at", "2026-11-21T03:00:00Z", "--json")
    found = json.loads(printed)
    assert (code, found["job"], found["user"], found["found"], found["run"]) == (
        0,
        str(PERSONAL),
        "ben",
        True,
        RUN,
    )
    (delivery,) = found["deliveries"]
    assert delivery["record"]["text"]["recommendations"] == [{"itemId": "b"}]
    assert delivery["history"]["dead_letters"][0]["payload"]["external_id"] == "ben"


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("json_wanted", [False, True])
def test_nothing_that_is_printed_reaches_the_terminal_as_a_command(command, json_wanted):
    """Control characters and directions in an id are escaped, and markup is text."""
    code, printed, _ = command("--user", WEIRD, *(["--json"] if json_wanted else []))
    assert code == 0
    assert all(sign.isprintable() or sign == "\n" for sign in printed)
    assert ("[red]\\u001b[2J\\r\\u202e" if json_wanted else "[red]\\x1b[2J\\r\\u202eé") in printed


@pytest.mark.usefixtures("shop")
def test_an_unknown_user_ends_with_1(command):
    """Who is in no run is told with the runs that were looked into."""
    text = f"nothing is known of user 'nobody' in {PERSONAL}; looked in run {RUN}\n"
    assert command("--user", "nobody") == (1, text, "")


@pytest.mark.usefixtures("shop")
def test_a_run_that_is_not_there_is_told(command):
    """A timestamp without a run names what is not there."""
    code, printed, _ = command("--user", "ana", "--at", "2026-11-25")
    assert code == 0
    assert "not there      batch_inference_raw, inference_errors, user_recommendations," in printed
    assert "braze: not known" in printed


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Give either --user or --item."),
        (("--user", "a", "--item", "b"), "Give either --user or --item."),
        (("--item", "a"), "has no connector that delivers items"),
        (("--user", "a", "--connector", "x"), "has no connector 'x' that delivers users; it has braze"),
        (("--user", "\udcff"), "is not UTF-8, as the id of every user is"),
    ],
)
def test_what_cannot_be_asked_ends_with_2(command, arguments, said):
    """Wrong questions are answered with what would be right."""
    code, printed, error = command(*arguments)
    assert (code, printed, said in error) == (2, "", True)


def test_it_does_not_wait_for_dagster():
    """An explanation comes without the second that Dagster takes to load."""
    program = "import personalize_connectors.console_explain, sys; sys.exit('dagster' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
