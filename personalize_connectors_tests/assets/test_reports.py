"""Each run leaves a report, also where it was stopped or its delivery failed."""

import re

from personalize_connectors import layout
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors_tests.assets.runs import DAYS

JOB = Job.parse("user_personalization/daily")
ITEMS = {"lamp": {"name": "Desk lamp", "price": 39.9}, "tea": {"name": "<b>Tea</b>", "price": 6.5}}


def report(world, day):
    """The report of a day, with tags and spaces taken out."""
    text = world.bucket.read(layout.report(JobRun(JOB, DAYS[day]))).decode()
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", text, flags=re.DOTALL).split())


def test_two_days(world):
    """The report shows who was added and changed, how often Braze took it, and the users' items by name and price."""
    world.configure(JOB, maxErrorShare=0.5)
    world.metadata(JOB, ITEMS)
    world.answer(
        JOB, 0, {"ana": ["lamp"], "ben": ["tea"]}, '{"input":{"userId":"eve"},"output":null,"error":"no"}'
    )
    first = world.run(JOB, 0)
    assert first.success, first.failures
    link = str(world.root / layout.report(JobRun(JOB, DAYS[0])))
    assert {name: first.metadata[name]["report"] for name in ("braze_sync", "connector_state")} == {
        "braze_sync": link,
        "connector_state": link,
    }
    text = report(world, 0)
    for part in (
        "Delivered run of",
        "2 added",
        "accepted 2",
        "service error 1",
        "Desk lamp 39.90",
        "&lt;b&gt;Tea&lt;/b&gt; 6.50",
    ):
        assert part in text, part
    world.answer(JOB, 1, {"ana": ["tea"], "ben": ["tea"]})
    second = world.run(JOB, 1)
    assert second.metadata["braze_sync"]["last_runs"].startswith(
        "![added 0; changed 1; unchanged 1; rejected 0](data:"
    )
    text = report(world, 1)
    for part in (
        "The last 2 runs",
        "1 changed",
        "1 unchanged",
        "2026-11-22 03:00 0 1 1 0 2026-11-21 03:00 2 0 0 0",
    ):
        assert part in text, part


def test_a_run_that_was_stopped(world):
    """Where a check stops the run, the report says which and why."""
    world.configure(JOB)
    world.answer(JOB, 0, {"ana": ["lamp"]}, "no json")
    assert not world.run(JOB, 0).success
    assert "Stopped run of" in report(world, 0)
    assert "user_recommendations 1 of 2 lines carry no recommendation" in report(world, 0)


def test_a_delivery_that_failed(world, monkeypatch):
    """Where Braze refuses the key, the report says so, and shows who was to be sent."""
    monkeypatch.setenv("BRAZE_API_KEY", "wrong")
    world.configure(JOB)
    world.metadata(JOB, ITEMS)
    world.answer(JOB, 0, {"ana": ["lamp"]})
    assert list(world.run(JOB, 0).failures) == ["braze_sync"]
    text = report(world, 0)
    for part in (
        "Stopped run of",
        "braze_sync Braze answered 401",
        "to send 1",
        "ana added",
        "Desk lamp 39.90",
    ):
        assert part in text, part


def test_on_s3(s3_world):
    """On S3 the report stands in the bucket, and the UI links to its address."""
    s3_world.configure(JOB)
    s3_world.answer(JOB, 0, {"ana": ["lamp"]})
    path = layout.report(JobRun(JOB, DAYS[0]))
    assert s3_world.run(JOB, 0).metadata["braze_sync"]["report"] == s3_world.bucket.uri(path)
    assert b"Delivered" in s3_world.bucket.read(path)
