"""Outputs whose names tell a time that cannot be, as the sensor sees them, in a folder and on S3."""

from datetime import UTC, datetime

import pytest

from personalize_connectors.seen import Seen
from personalize_connectors_tests.outputs import put_output
from personalize_connectors_tests.test_discovery import PARENT, after, asked, look, put, run


@pytest.fixture
def bucket(anywhere):
    """An empty bucket, in a folder and on S3."""
    return anywhere


def test_a_source_with_a_time_to_come_stops_nothing(bucket):
    """It is told and not run, and what comes after it is, also where it was run before."""
    put(bucket, 1)
    ahead = f"{PARENT}/batch_daily_2999_11_01_03_00_00"
    put_output(bucket, ahead)
    found = look(bucket)
    assert (asked(found), found.waiting) == (
        [(run(1), True)],
        (f"{bucket.uri(ahead)} has a time that is to come: rename it; it is not run by itself",),
    )
    put(bucket, 2)
    assert asked(look(bucket, after(found))) == [(run(2), True)]
    ran = Seen(found.place, datetime(2999, 11, 1, 3, tzinfo=UTC), frozenset(), ahead.rpartition("/")[2])
    assert asked(look(bucket, ran)) == [(run(2), True)]


def test_tells_a_time_that_is_none(bucket):
    """Digits in a name that are no date are told, for then the files' time counts."""
    put_output(bucket, f"{PARENT}/batch_daily_2020_13_45_03_00_00")
    uri = bucket.uri(f"{PARENT}/batch_daily_2020_13_45_03_00_00")
    assert look(bucket).waiting == (
        f"{uri}: the time in its name is none; what counts is when its newest file was written",
    )
