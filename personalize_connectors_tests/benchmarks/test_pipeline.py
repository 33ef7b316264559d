import json

import pytest

from benchmarks.pipeline.command import Wall
from benchmarks.pipeline.floor import floor
from benchmarks.pipeline.inputs import DAYS, JOB, Size, fresh_bucket, output_folder, write_inputs
from benchmarks.pipeline.measure import Measured
from benchmarks.pipeline.packages import OURS
from benchmarks.pipeline.show import targets
from personalize_connectors import layout

SIZE = Size(users=40, items=10, length=3)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """A bucket with the inputs of three tiny days."""
    folder = tmp_path_factory.mktemp("benchmark")
    write_inputs(folder / "inputs", SIZE)
    fresh_bucket(folder / "inputs", folder / "bucket")
    return folder / "bucket"


def _lists(bucket, day):
    files = sorted(output_folder(bucket, DAYS[day]).iterdir())
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return {line["input"]["userId"]: line["output"]["recommendedItems"] for line in lines}


def test_inputs_have_the_size_that_was_asked_for(bucket):
    """Each user has a list of the asked length, of items that have metadata."""
    metadata = (bucket / layout.metadata_folder(JOB) / "items.json").read_text().splitlines()
    items = {json.loads(line)["id"] for line in metadata}
    lists = _lists(bucket, "first")
    assert (len(items), len(lists), {len(found) for found in lists.values()}) == (10, 40, {3})
    assert {item for found in lists.values() for item in found} <= items


def test_nobody_changes_on_the_quiet_day_and_one_in_twenty_on_the_normal_day(bucket):
    """The days differ in the lists of the users they say."""
    first, quiet, normal = (_lists(bucket, day) for day in DAYS)
    assert quiet == first
    assert {user for user in normal if normal[user] != first[user]} == {"user-0", "user-20"}


def test_a_whole_day_runs_and_has_a_floor(bucket):
    """All stages of a day run in one process, and the floor moves the bytes of its input and of its records' text."""
    figures = OURS.figures(bucket, "stage", "first", "whole")
    assert set(figures) == {"seconds", "peak", "read", "written"}
    inputs = [
        *output_folder(bucket, DAYS["first"]).iterdir(),
        *(bucket / layout.metadata_folder(JOB)).iterdir(),
    ]
    found = floor(bucket, "first")
    assert found["read"] == sum(file.stat().st_size for file in inputs)
    assert found["text"] > 40 * 3 * 100


def test_a_target_is_reached_by_the_median_of_the_rounds():
    """A figure of several rounds is their median, and the growth is that of ten times the users."""
    found = []
    for users, seconds in ((100, (1.0, 2.0, 9.0)), (1000, (20.0, 21.0, 90.0))):
        walls = [Wall(13.0, 9.0)]
        measured = Measured(Size(users, 10, 3), commands=walls, few=walls)
        for day in DAYS:
            measured.runs["ours", day, "whole"] = [{"seconds": second, "peak": 1 << 30} for second in seconds]
            measured.floors[day] = [{"read_seconds": 0.5, "write_seconds": 0.5, "threads_seconds": 0.4}]
        found.append(measured)
    reached = {target.figure: (target.found, target.reached) for target in targets(found)}
    assert reached["    of which Dagster and imports"] == ("4.0 s", True)
    assert reached["first run, from 100 to 1,000 users"] == ("10.5 x", True)
    assert reached["first run against its floor, 100 users x 3 of 10 items x 6 fields"] == ("2.0 x", True)
    assert reached["first run against its floor, 1,000 users x 3 of 10 items x 6 fields"] == ("21.0 x", False)
