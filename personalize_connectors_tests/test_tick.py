"""One tick over all jobs, in a folder and on S3, and two sensors at once."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from personalize_connectors import layout
from personalize_connectors.discovery import WHOLE_EVERY, Wanted
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.seen import Cursor
from personalize_connectors.storage import open_storage
from personalize_connectors.tick import Limits, Tick, look_around
from personalize_connectors_tests.outputs import DAILY, NOVEMBER, configure, folder, put_output

WEEKLY = Job("user_personalization", "weekly")


@pytest.fixture
def bucket(anywhere):
    """An empty bucket, in a folder and on S3."""
    return anywhere


def tick(bucket, cursor=None, *, runs=(), now=None, **more) -> Tick:
    """A tick of a Dagster that knows some runs."""
    now = now or datetime.now(UTC)
    return look_around(bucket, cursor or Cursor(), lambda wanted: wanted.key in runs, now, **more)


def keys(found: Tick) -> list[str]:
    """The partition keys of the runs that a tick requests."""
    return [wanted.run.key for wanted in found.requests]


def key(day: int, job: Job = DAILY) -> str:
    """The partition key of a day of November."""
    return JobRun(job, NOVEMBER[day - 1]).key


def put(bucket, *days: int, name: str = "daily", content: str = "{}") -> None:
    """The outputs of days of November."""
    for day in days:
        put_output(bucket, folder(NOVEMBER[day - 1], name), content)


def test_looks_at_every_job(bucket):
    """Each job gets the run of its newest source; after that there is nothing to do, and nothing to say."""
    for name in ("daily", "weekly"):
        configure(bucket, Job("user_personalization", name))
        put(bucket, 1, 2, name=name)
    first = tick(bucket)
    assert (keys(first), first.texts, first.problems, first.jobs) == ([key(2), key(2, WEEKLY)], [], [], 2)
    second = tick(bucket, first.cursor)
    assert (keys(second), second.texts, second.cursor.jobs) == ([], [], first.cursor.jobs)


def test_a_new_job_waits_for_its_config(bucket):
    """A job folder without a config.json waits; with one it just runs."""
    put(bucket, 1)
    bucket.write(f"{layout.metadata_folder(DAILY)}/items.json", b"")
    waiting = tick(bucket)
    assert (keys(waiting), waiting.texts, waiting.problems) == (
        [],
        [f"{DAILY}: waits for its config.json"],
        [],
    )
    configure(bucket)
    assert keys(tick(bucket, waiting.cursor)) == [key(1)]


def test_an_edited_config_starts_nothing(bucket):
    """Other settings, and the same path spelled in another way, request no run."""
    configure(bucket)
    put(bucket, 1)
    cursor = tick(bucket).cursor
    configure(bucket, itemsPerUser=3, batchInferencePath="./batch//daily/")
    assert keys(tick(bucket, cursor)) == []


def test_a_bad_config_stops_no_other_job(bucket):
    """What is wrong is told as validate tells it, the other jobs go on, and a mended job goes on where it was."""
    configure(bucket)
    put(bucket, 1)
    good = tick(bucket)
    configure(bucket, settleSeconds=-1, itemPerUser=3)
    configure(bucket, WEEKLY)
    put(bucket, 1, name="weekly")
    put(bucket, 2)
    bad = tick(bucket, good.cursor)
    uri = bucket.uri(layout.config_file(DAILY))
    assert (keys(bad), bad.problems) == (
        [key(1, WEEKLY)],
        [
            f"{DAILY}: {uri}: $.settleSeconds: is -1: input should be greater than or equal to 0",
            f"{DAILY}: {uri}: $.itemPerUser: unknown key; did you mean 'itemsPerUser'?",
        ],
    )
    assert tick(bucket, bad.cursor).cursor.problems == bad.cursor.problems != good.cursor.problems
    configure(bucket)
    mended = tick(bucket, bad.cursor)
    assert (keys(mended), mended.problems, mended.cursor.problems) == ([key(2)], [], good.cursor.problems)


def test_a_path_out_of_the_bucket_is_a_bad_config(bucket):
    """A batchInferencePath that leads nowhere is among what is wrong with configs."""
    configure(bucket, batchInferencePath="../other")
    assert tick(bucket).problems == [
        f"{DAILY}: batchInferencePath '../other' leads out of the bucket; write an absolute path or an s3:// address"
    ]


def test_a_place_that_cannot_be_read_stops_no_other_job(tmp_path, s3_bucket):
    """A bucket that is not there is told, and looked at again in the next tick."""
    bucket = open_storage(str(tmp_path))
    configure(bucket, batchInferencePath="s3://not-there-at-all/x")
    configure(bucket, WEEKLY, batchInferencePath=f"s3://{s3_bucket}/x y")
    put_output(open_storage(f"s3://{s3_bucket}"), "x y/weekly_2020_11_01_03_00_00")
    found = tick(bucket)
    assert (keys(found), len(found.texts), found.problems) == ([key(1, WEEKLY)], 1, [])
    assert found.texts[0].startswith(f"{DAILY}: S3 refuses GET ")
    assert found.texts[0].endswith("/not-there-at-all: there is no such bucket; make it, or mend the address")


def test_a_job_that_is_gone_is_forgotten(bucket):
    """The cursor keeps only the jobs that are there; one that comes back starts nothing twice."""
    configure(bucket)
    put(bucket, 1)
    first = tick(bucket)
    bucket.clear(layout.job_folder(DAILY))
    if bucket.local:
        shutil.rmtree(bucket.local / layout.job_folder(DAILY))
    gone = tick(bucket, first.cursor)
    assert (gone.jobs, gone.cursor.jobs) == (0, {})
    configure(bucket)
    assert keys(tick(bucket, gone.cursor, runs=[first.requests[0].key])) == []


def test_requests_no_more_runs_than_a_tick_may(bucket):
    """What is above the limit is requested by the next ticks, oldest first and each once, and only the newest delivers."""
    configure(bucket)
    put(bucket, 1)
    cursor = tick(bucket).cursor
    put(bucket, *range(2, 9))
    requested: list[Wanted] = []
    for _ in range(4):
        found = tick(bucket, cursor, limits=Limits(runs=3))
        requested, cursor = [*requested, *found.requests], found.cursor
    assert [(wanted.run.key, wanted.delivers) for wanted in requested] == [
        (key(day), day == 8) for day in range(2, 9)
    ]


def test_a_tick_that_is_cut_short_goes_on_where_it_was(bucket):
    """When the time is up, what was not looked at is the next tick's, and in the end every job had its turn once."""
    jobs = [Job("user_personalization", f"job-{number}") for number in range(5)]
    for job in jobs:
        configure(bucket, job)
        put(bucket, 1, name=job.name)
    requested, cursor, texts = [], Cursor(), []
    for _ in range(5):
        seconds = count(0, 4)  # each look at the clock takes 4 s: after three of them the time is up
        found = tick(bucket, cursor, limits=Limits(looking=30, at_once=1), clock=lambda s=seconds: next(s))
        requested, cursor, texts = [*requested, *keys(found)], found.cursor, [*texts, *found.texts]
    assert sorted(requested) == [key(1, job) for job in jobs]
    assert any(text.startswith("the time was up: ") for text in texts)


def test_looks_at_each_job_as_a_whole_in_turn(bucket):
    """An output whose name sorts before all others is found within as many ticks as it takes for every job to have its turn."""
    configure(bucket)
    put(bucket, *range(1, 9))
    cursor = tick(bucket).cursor
    put_output(bucket, "batch/daily/a_2020_11_20_03_00_00")
    found = []
    for _ in range(WHOLE_EVERY):
        found.append(tick(bucket, cursor))
        cursor = found[-1].cursor
    assert [request for one in found for request in keys(one)] == [key(20)]


def test_a_lost_cursor_starts_nothing_twice(bucket):
    """Without a cursor, the newest source of a job is not requested again when a run of it is known."""
    configure(bucket)
    put(bucket, 1, 2)
    first = tick(bucket)
    again = tick(bucket, runs=[first.requests[0].key])
    assert (keys(again), again.texts, again.cursor.jobs) == ([], [], first.cursor.jobs)


def test_a_lost_history_starts_nothing_twice(bucket):
    """Where Dagster knows no run, the manifest of the first stage tells that this version of the source was read."""
    configure(bucket)
    put(bucket, 1)
    (wanted,) = tick(bucket).requests
    manifest = {"source_version": wanted.version}
    bucket.write(f"{layout.stage(wanted.run, 'batch_inference_raw')}/_SUCCESS", json.dumps(manifest).encode())
    later = datetime.now(UTC) + timedelta(days=1)
    assert keys(tick(bucket, now=later)) == []
    put(bucket, 1, content="other")
    assert keys(tick(bucket, now=later)) == [key(1)]


def test_of_sensors_at_once_one_requests_a_run(bucket):
    """Of several sensors with the same cursor, looking at the same moment, each run is requested by exactly one."""
    for name in ("daily", "weekly"):
        configure(bucket, Job("user_personalization", name))
        put(bucket, 1, name=name)
    with ThreadPoolExecutor(4) as sensors:
        found = list(sensors.map(lambda _: tick(bucket), range(4)))
    assert sorted(request for one in found for request in keys(one)) == [key(1), key(1, WEEKLY)]
    waiting = [text for one in found for text in one.texts]
    assert sorted(set(waiting)) == [
        f"{key(1, job)} was requested by another sensor a moment ago" for job in (DAILY, WEEKLY)
    ]
    assert len(waiting) == 6


def test_a_request_that_was_lost_is_taken_over(bucket):
    """A run that was not started a while after its request is requested again, once; one that was started is not."""
    configure(bucket)
    put(bucket, 1)
    (wanted,) = tick(bucket).requests  # and then Dagster's daemon died, before it had started anything
    now = datetime.now(UTC)
    assert keys(tick(bucket, now=now + timedelta(seconds=60))) == []
    assert keys(tick(bucket, now=now + timedelta(seconds=120), runs=[wanted.key])) == []
    assert keys(tick(bucket, now=now + timedelta(seconds=120))) == [key(1)]
    assert keys(tick(bucket, now=now + timedelta(seconds=150))) == []
    assert keys(tick(bucket, now=now + timedelta(seconds=240))) == [key(1)]


def test_tells_folders_that_are_no_job(bucket):
    """A folder of an unknown type is told, so that a typing mistake hides no job."""
    bucket.write("etl_jobs/user_personalisation/daily/config.json", b"{}")
    uri = bucket.uri("etl_jobs/user_personalisation/daily")
    assert tick(bucket).texts == [f"{uri} is no job: its type is unknown or its name is not of the form"]


def test_an_empty_bucket_is_no_trouble(bucket):
    """Without any job there is nothing to look at."""
    found = tick(bucket)
    assert (found.requests, found.texts, found.problems, found.jobs) == ((), [], [], 0)
