"""The sensor's cursor."""

from datetime import UTC, datetime

import pytest

from personalize_connectors.job_run import Job
from personalize_connectors.seen import Cursor, Seen, mark, read_cursor

AT = datetime(2026, 11, 22, 3, tzinfo=UTC)
DAILY = Job("user_personalization", "daily")


def test_reads_what_it_wrote():
    """A cursor comes back as it was, with nothing in it and with all of it."""
    seen = Seen(mark("s3://x", "y"), AT, frozenset([mark("a", "1"), mark("b", "2")]), "batch_2026_11_22")
    full = Cursor({DAILY: seen}, tick=7, begin=str(DAILY), problems=mark("wrong"))
    assert (read_cursor(Cursor().text()), read_cursor(full.text())) == (Cursor(), full)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "2026-11-22",
        "[]",
        "{}",
        '{"format":2,"tick":0,"begin":"","problems":null,"jobs":{}}',
        '{"format":1,"tick":0,"begin":"","problems":null,"jobs":[]}',
        '{"format":1,"tick":0,"begin":"","problems":null,"jobs":{"no_job":["",1,"",""]}}',
        '{"format":1,"tick":0,"begin":"","problems":null,"jobs":{"related_items/x":["",1]}}',
        '{"format":1,"tick":0,"begin":"","problems":null,"jobs":{"related_items/x":["","1","",""]}}',
        '{"format":1,"tick":0,"begin":"","problems":null,"jobs":{"related_items/x":["",1e99,"",""]}}',
    ],
)
def test_takes_what_cannot_be_read_for_none(text):
    """No cursor, one of another format, and one that somebody typed are all no cursor."""
    assert read_cursor(text) is None


def test_stays_small():
    """With 200 jobs, whatever their past, the cursor has less than 30 kB."""
    marks = frozenset(mark("a", str(number)) for number in range(6))
    jobs = {
        Job("user_personalization", f"job-{number:03}"): Seen(
            mark("x"), AT, marks, f"batch_job-{number}_2026_11_22_03_00_00"
        )
        for number in range(200)
    }
    assert len(Cursor(jobs).text()) < 30_000
