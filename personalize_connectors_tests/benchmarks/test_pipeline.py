import io
import json

import pytest
from rich.console import Console

from benchmarks.pipeline.command import Wall
from benchmarks.pipeline.floor import floor
from benchmarks.pipeline.inputs import DAYS, JOB, Size, fresh_bucket, output_folder, write_inputs
from benchmarks.pipeline.measure import STAGES, Measured
from benchmarks.pipeline.packages import OURS, other_package
from benchmarks.pipeline.profile import place_table, thread_table
from benchmarks.pipeline.show import targets
from personalize_connectors import layout
from personalize_connectors.errors import BadSettings

SIZE = Size(users=40, items=10, length=3)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """A bucket with the inputs of three tiny days."""
    return _bucket_in(tmp_path_factory.mktemp("benchmark"))


def _bucket_in(folder):
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
    assert found["scan_seconds"] > 0
    assert found["parquet_seconds"] > 0


def test_a_profile_says_of_each_stage_where_it_was_and_what_its_threads_used(tmp_path):
    """Of each stage some looks are told, at places of the package too, and the main thread used the processor in each."""
    found = OURS.figures(_bucket_in(tmp_path), "sampled", "quiet")
    assert {stage for stage, *_ in found["places"]} == set(STAGES)
    assert any(place.startswith(("assets/", "engine/")) for _, place, *_ in found["places"])
    assert {stage for stage, name, seconds in found["threads"] if name == "MainThread" and seconds} == set(
        STAGES
    )
    shown = Console(width=150, file=io.StringIO())
    shown.print(place_table("quiet", found["places"]), thread_table("quiet", found["threads"]))
    assert all(stage in shown.file.getvalue() for stage in STAGES)


def _measured(users, seconds, length=25, peak=1 << 30):
    walls = [Wall(13.0, 9.0)]
    measured = Measured(Size(users, 10, length), commands=walls, few=walls)
    for day in DAYS:
        measured.runs["ours", day, "whole"] = [{"seconds": second, "peak": peak} for second in seconds]
        beside = {"threads_seconds": 0.4, "scan_seconds": 1.1, "parquet_seconds": 7.4}
        measured.floors[day] = [{"read_seconds": 0.5, "write_seconds": 0.5, **beside}]
        measured.spark[day] = [{"seconds": 31.0}]
    return measured


def _verdicts(*found):
    return [(target.figure.split(",")[0].strip(), target.found, target.verdict) for target in targets(found)]


def test_a_target_is_judged_by_the_median_of_the_rounds_at_the_size_it_is_for():
    """A figure of several rounds is their median; memory and growth are for ten million users, all else for one million."""
    found = _measured(1_000_000, (1.0, 2.0, 9.0)), _measured(10_000_000, (20.0, 21.0, 90.0), peak=5 << 30)
    assert _verdicts(*found) == [
        ("first run against plain PySpark", "15.5 x", "reached"),
        ("normal run against plain PySpark", "15.5 x", "NOT REACHED"),
        ("quiet day by the command", "13.0 s", "NOT REACHED"),
        ("of which Dagster and imports", "4.0 s", "reached"),
        ("first run against its floor", "2.0 x", "reached"),
        ("peak memory", "1,024 MiB", "not judged at this size"),
        ("first run against plain PySpark", "1.5 x", "not judged at this size"),
        ("normal run against plain PySpark", "1.5 x", "not judged at this size"),
        ("quiet day by the command", "13.0 s", "not judged at this size"),
        ("of which Dagster and imports", "4.0 s", "not judged at this size"),
        ("first run against its floor", "21.0 x", "not judged at this size"),
        ("peak memory", "5,120 MiB", "NOT REACHED"),
        ("first run", "10.5 x", "reached"),
        ("a run of 10 users by the command", "13.0 s", "NOT REACHED"),
    ]


@pytest.mark.parametrize(("users", "length"), [(1_000_000, 10), (100_000, 25), (10_000_000, 100)])
def test_at_another_size_only_the_run_of_ten_users_is_judged(users, length):
    """The run of ten users is of the same size always."""
    verdicts = [verdict for _, _, verdict in _verdicts(_measured(users, (1.0,), length))]
    assert verdicts == ["not judged at this size"] * 6 + ["NOT REACHED"]


def test_growth_between_other_sizes_is_shown_and_not_judged():
    """Ten times the users of any size is a figure, and no target."""
    *_, growth, _ = _verdicts(_measured(100, (1.0,)), _measured(1_000, (20.0,)))
    assert growth == ("first run", "20.0 x", "not judged at this size")


def test_the_package_of_a_commit_that_is_not_there_cannot_be_had():
    """The commit is named, with what git says."""
    with (
        pytest.raises(BadSettings, match="the package of commit 'no-such-commit' cannot be had: "),
        other_package("no-such-commit"),
    ):
        pass
