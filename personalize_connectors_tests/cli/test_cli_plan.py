"""The command `plan`."""

import json
import re
from pathlib import Path

from personalize_connectors_tests.cli.one_job import KEY, add_output


def contents(folder: Path) -> dict[str, int]:
    """Every path below a folder with when it was changed."""
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_plan_says_what_a_run_would_do(tmp_path, bucket, command):
    """A plan needs no destination, changes nothing in the bucket or in Dagster, and shows each shape's data points."""
    command("new-job", "user_personalization", "daily")
    add_output(bucket, {"ana": ["lamp", "tea"], "ben": ["tea"]})
    before = contents(tmp_path)
    code, printed, error = command("plan", "user_personalization/daily")
    assert (code, error, contents(tmp_path)) == (0, "", before)
    assert f"{KEY}: what a run would do; nothing is sent or written now" in printed
    rows = [re.sub(r"[│┃ ]+", " ", line).split() for line in printed.splitlines()]
    assert [row for row in rows if row[:1] == ["requests"]] == [["requests", "1"]]
    assert [row for row in rows if row[:1] in (["objects"], ["ids"])] == [
        ["objects", "(chosen)", "2", "0", "3"],
        ["ids", "2", "0", "2"],
    ]
    assert "warning 2 of 2 recommended items have no metadata" in printed


def test_plan_as_json_is_for_scripts(bucket, command):
    """With --json the plan is one JSON object on standard output, and what stops the run is exit code 1."""
    command("new-job", "user_personalization", "daily")
    add_output(bucket, {"ana": ["lamp"]})
    code, printed, _ = command("plan", "user_personalization/daily", "--json")
    plan = json.loads(printed)
    assert (code, plan["run"], plan["users"], plan["stops"]) == (0, KEY, 1, [])
    assert [(one["name"], one["requests"], one["costs"][0]["data_points"]) for one in plan["connectors"]] == [
        ("braze", 1, 1)
    ]
    config = bucket / "etl_jobs/user_personalization/daily/config.json"
    config.write_text(config.read_text().replace('"braze": {', '"braze": {"maxUsers": 0,'))
    code, printed, _ = command("plan", "user_personalization/daily", "--json")
    assert code == 1
    assert json.loads(printed)["stops"] == [
        "braze: 1 are to be sent, over maxUsers (0); if that is right, raise connectors.braze.maxUsers in config.json, and run again"
    ]


def test_plan_without_a_batch_output_says_where_it_looked(command):
    """A job that has no source cannot be planned."""
    command("new-job", "user_personalization", "daily")
    code, _, error = command("plan", "user_personalization/daily")
    assert (code, "no .out file in personalize/batch_inference/daily" in error) == (2, True)


def test_plan_makes_no_bucket(tmp_path, command):
    """A plan in a bucket that is not there says so, and leaves it so."""
    code, _, error = command("plan", "user_personalization/daily")
    assert (code, error) == (2, f"error: CONNECTORS_ROOT: the folder '{tmp_path}/bucket' is not there\n")
    assert not (tmp_path / "bucket").exists()
