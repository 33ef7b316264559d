"""What was missed, and the command that runs it."""

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from personalize_connectors import layout
from personalize_connectors.backfill import missed
from personalize_connectors.instance import open_instance
from personalize_connectors.job_run import JobRun
from personalize_connectors.runs import successful_versions
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.outputs import DAILY, NOVEMBER, configure, folder, put_output

ASSETS = {
    "batch_inference_raw",
    "inference_errors",
    "user_recommendations",
    "decorated_recommendations",
}


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """An empty bucket in a folder, with Dagster's instance beside it and no destination."""
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster/dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("CONNECTORS_ROOT", str(tmp_path / "bucket"))
    for name in ("BRAZE_REST_ENDPOINT_URL", "BRAZE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return open_storage(str(tmp_path / "bucket"), create=True)


def key(day: int) -> str:
    """The partition key of a day of November."""
    return JobRun(DAILY, NOVEMBER[day - 1]).key


def put(bucket, *days: int, item: str | None = None) -> None:
    """The outputs of days of November: one user, who gets an item of the day."""
    for day in days:
        answer = {"input": {"userId": "ana"}, "output": {"recommendedItems": [item or f"item-{day}"]}}
        put_output(bucket, folder(NOVEMBER[day - 1]), json.dumps(answer) + "\n")


def find(bucket, since: int, until: int | None = None, done=(), now=None):
    """What was missed from a day of November on."""
    last = NOVEMBER[until - 1] if until else None
    return missed(bucket, DAILY, NOVEMBER[since - 1], last, done, now or datetime.now(UTC))


def days(found) -> list[tuple[int, bool]]:
    """The days that are to be run, and whether they are delivered."""
    return [(wanted.run.run_at.day, wanted.delivers) for wanted in found.runs]


def test_finds_what_was_missed(bucket):
    """All outputs in the given time that no run has read, oldest first; only the newest is delivered."""
    configure(bucket)
    put(bucket, *range(1, 8))
    done = {(wanted.run.run, wanted.version) for wanted in find(bucket, 3).runs if wanted.run.run_at.day == 4}
    assert days(find(bucket, 3)) == [(3, False), (4, False), (5, False), (6, False), (7, True)]
    assert days(find(bucket, 3, 5, done)) == [(3, False), (5, True)]
    assert days(find(bucket, 8)) == []


def test_an_overwritten_output_was_missed(bucket):
    """A run of another version does not count."""
    configure(bucket)
    put(bucket, 1)
    done = {(wanted.run.run, wanted.version) for wanted in find(bucket, 1).runs}
    assert days(find(bucket, 1, done=done)) == []
    put(bucket, 1, item="other")
    assert days(find(bucket, 1, done=done)) == [(1, True)]


def test_delivers_nothing_older_than_what_was_delivered(bucket):
    """Where a younger run was delivered, all of them are run for the record."""
    configure(bucket)
    put(bucket, 1, 2)
    state = layout.delivered_run(JobRun(DAILY, NOVEMBER[2]), "braze", "state")
    bucket.write(f"{state}/x.parquet", b"")
    assert days(find(bucket, 1)) == [(1, False), (2, False)]


def test_leaves_out_what_is_not_complete(bucket):
    """An output that is still being written is left out, in words."""
    configure(bucket, settleSeconds=60)
    put(bucket, 1)
    written = bucket.objects(folder(NOVEMBER[0]))[0].modified
    found = find(bucket, 1, now=written + timedelta(seconds=18))
    assert (found.runs, found.waiting) == ((), (f"{bucket.uri(folder(NOVEMBER[0]))} settles in 42 s",))


def test_runs_all_and_delivers_the_newest(bucket, emulator, command):
    """The older outputs leave their stages and no delivery, the newest is delivered, and then nothing is missing."""
    configure(bucket)
    put(bucket, 1, 2, 3)
    code, shown, _ = command("backfill", str(DAILY), "--since", "2020-11-02", "--dry-run")
    assert (code, shown.splitlines()) == (
        0,
        [
            f"{key(2)}  {bucket.uri(folder(NOVEMBER[1]))}",
            f"{key(3)}  {bucket.uri(folder(NOVEMBER[2]))}  and deliver it",
        ],
    )
    code, shown, _ = command("backfill", str(DAILY), "--since", "2020-11-02")
    assert (code, [line for line in shown.splitlines() if "daily|" in line]) == (0, [key(2), key(3)])
    assert emulator.profiles()["ana"]["recommendation_items"] == [{"itemId": "item-3"}]
    assert emulator.stats()["requests"] == 1
    with open_instance() as instance:
        records = instance.get_run_records(dg.RunsFilter(tags={"job": str(DAILY)}))
        older = records[1].dagster_run
        assert {asset.path[-1] for asset in older.asset_selection} == ASSETS
        assert {run_at for run_at, _ in successful_versions(instance, DAILY)} == {
            "2020-11-02T03-00-00Z",
            "2020-11-03T03-00-00Z",
        }
    assert command("backfill", str(DAILY), "--since", "2020-11-02")[:2] == (
        0,
        f"{DAILY}: nothing was missed\n",
    )


def test_leaves_out_what_has_a_time_to_come(bucket, command):
    """An output whose name tells a time far in the future is not run, with or without --until."""
    configure(bucket)
    put(bucket, 1)
    put_output(bucket, "batch/daily/batch_daily_2999_11_01_03_00_00")
    assert command("backfill", str(DAILY), "--since", "2020-11-01", "--dry-run")[1].count("daily|") == 1


def test_a_date_ends_with_its_day(bucket, command):
    """--until takes a date with the whole of its day, and a timestamp as it is."""
    configure(bucket)
    put(bucket, 1, 2, 3)
    until = {
        text: command("backfill", str(DAILY), "--since", "2020-11-01", "--until", text, "--dry-run")[1].count(
            "daily|"
        )
        for text in ("2020-11-02", "2020-11-02T00:00:00Z")
    }
    assert until == {"2020-11-02": 2, "2020-11-02T00:00:00Z": 1}


def test_a_run_that_fails_is_the_exit_code(bucket, command):
    """Where a run fails the others are run all the same, and the exit code is that of a failed run."""
    configure(bucket)
    put(bucket, 1, 2)
    code, _, error = command("backfill", str(DAILY), "--since", "2020-11-01")
    assert (code, error.count("failed batch_inference_raw: BRAZE_REST_ENDPOINT_URL")) == (1, 2)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--since", "yesterday"), "timestamp 'yesterday' is not of the form"),
        (("--since", "2020-11-01"), f"there is no {{uri}}/{layout.config_file(DAILY)}"),
        ((), "Missing option '--since'"),
        (("--since", "2999-01-01"), "--since 2999-01-01T00:00:00Z is in the future"),
        (
            ("--since", "2020-11-02", "--until", "2020-11-01"),
            "--until 2020-11-01 is before --since 2020-11-02T00:00:00Z",
        ),
    ],
)
def test_says_what_is_wrong(bucket, command, arguments, text):
    """A time that is none or that nothing was missed in, a job that is not there and a missing option are told, with the exit code of such."""
    code, _, error = command("backfill", str(DAILY), *arguments)
    assert code == 2
    assert text.format(uri=bucket.url) in error
