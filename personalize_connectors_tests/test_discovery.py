"""What the sensor finds out about one job, in a folder and on S3."""

from datetime import UTC, datetime, timedelta

import pytest

from personalize_connectors.discovery import LOOK_BACK, Look, look_at, settles
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.seen import Seen
from personalize_connectors.sources import Place, newest_sources
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.outputs import DAILY, NOVEMBER, folder, put_output

PARENT = "batch/daily"
AT_ONCE = timedelta(0)


@pytest.fixture
def bucket(anywhere):
    """An empty bucket, in a folder and on S3."""
    return anywhere


def look(bucket, seen: Seen | None = None, *, path=PARENT, settle=AT_ONCE, now=None, whole=False) -> Look:
    """A look at the job daily."""
    now = now or datetime.now(UTC)
    return look_at(DAILY, Place(bucket, path), settle, seen, now, settles(settle, now), whole=whole)


def asked(found: Look) -> list[tuple[str, bool]]:
    """The runs that a look wants, and whether they deliver."""
    return [(wanted.run.run, wanted.delivers) for wanted in found.wanted]


def run(day: int) -> str:
    """The timestamp of a day of November as it stands in a key."""
    return JobRun(DAILY, NOVEMBER[day - 1]).run


def put(bucket, *days: int, content: str = "{}") -> None:
    """The outputs of days of November, with the mark that Amazon Personalize leaves."""
    for day in days:
        put_output(bucket, folder(NOVEMBER[day - 1]), "", file="_CHECK")
        put_output(bucket, folder(NOVEMBER[day - 1]), content)


def after(found: Look) -> Seen:
    """What is known when all that a look wanted was dealt with."""
    seen = found.seen(found.wanted)
    assert seen
    return seen


def test_a_new_job_gets_one_run_of_its_newest_source(bucket):
    """Of many old outputs only the newest is wanted; then nothing, until there is a new one."""
    put(bucket, *range(1, 21))
    first = look(bucket)
    assert asked(first) == [(run(20), True)]
    assert asked(look(bucket, after(first))) == []
    put(bucket, 21)
    assert asked(look(bucket, after(first))) == [(run(21), True)]


def test_a_new_job_waits_for_an_output(bucket):
    """Where there is nothing, or only the mark of a batch job, nothing is wanted and nothing is remembered."""
    assert (look(bucket).wanted, look(bucket).seen([])) == ((), None)
    assert look(bucket).waiting == (f"no batch output yet in {bucket.uri(PARENT)}",)
    put_output(bucket, folder(NOVEMBER[0]), "", file="_CHECK")
    assert (look(bucket).wanted, look(bucket).seen([])) == ((), None)


def test_what_was_not_dealt_with_is_wanted_again(bucket):
    """A run that could not be requested yet is wanted by the next look, of a new job and of a known one."""
    put(bucket, 1)
    first = look(bucket)
    assert (first.seen([]), asked(look(bucket, first.seen([])))) == (None, [(run(1), True)])
    put(bucket, 2, 3)
    second = look(bucket, after(first))
    rest = look(bucket, second.seen(second.wanted[:1]))
    assert (asked(second), asked(rest)) == ([(run(2), False), (run(3), True)], [(run(3), True)])


def test_of_several_new_sources_the_newest_delivers(bucket):
    """After a pause every new output is wanted, oldest first, however many they are; only the newest is delivered."""
    put(bucket, 1)
    seen = after(look(bucket))
    put(bucket, *range(2, 21))
    assert asked(look(bucket, seen)) == [(run(day), day == 20) for day in range(2, 21)]


def test_an_overwritten_source_is_wanted_again(bucket):
    """Another content is another version, of the newest output and of one before it, which is not delivered."""
    put(bucket, 1, 2)
    seen = after(look(bucket))
    put(bucket, 2, content='{"other": 1}')
    newest = look(bucket, seen)
    put(bucket, 1, content='{"other": 2}')
    older = look(bucket, after(newest))
    assert (asked(newest), asked(older)) == ([(run(2), True)], [(run(1), False)])
    assert newest.wanted[0].key != older.wanted[0].key
    assert asked(look(bucket, after(older))) == []


def test_another_file_is_another_version(bucket):
    """A file more in the same output makes another version, and so another key of the same run."""
    put(bucket, 1)
    first = look(bucket)
    put_output(bucket, folder(NOVEMBER[0]), file="users_2.json.out")
    second = look(bucket, after(first))
    assert asked(second) == [(run(1), True)]
    assert [found.wanted[0].key.partition(":")[0] for found in (first, second)] == [f"{DAILY}|{run(1)}"] * 2
    assert first.wanted[0].version != second.wanted[0].version


def test_looks_back_at_the_last_sources_only(bucket):
    """A change is seen in the last sources before the youngest; what is before them is left to a backfill."""
    put(bucket, *range(1, 11))
    seen = after(look(bucket))
    seen = after(look(bucket, seen))
    put(bucket, 9 - LOOK_BACK, content="other")
    assert asked(look(bucket, seen, whole=True)) == []
    put(bucket, 10 - LOOK_BACK, content="other")
    assert asked(look(bucket, seen)) == [(run(10 - LOOK_BACK), False)]


def test_a_late_source_is_run_for_the_record(bucket):
    """An output that arrives after a younger one is wanted without delivery."""
    put(bucket, 1, 3)
    seen = after(look(bucket))
    put(bucket, 2)
    assert asked(look(bucket, seen)) == [(run(2), False)]


def test_waits_until_nothing_changes(bucket):
    """A source is complete when its youngest object, whichever it is, is old enough; until then the words say how long."""
    put(bucket, 1)
    first = after(look(bucket))
    put(bucket, 2)
    written = max(found.modified for found in bucket.objects(folder(NOVEMBER[1])))
    minute = timedelta(minutes=1)
    early = look(bucket, first, settle=minute, now=written + timedelta(seconds=18))
    late = look(bucket, first, settle=minute, now=written + minute)
    assert (early.wanted, early.waiting) == ((), (f"{bucket.uri(folder(NOVEMBER[1]))} settles in 42 s",))
    assert (asked(late), late.waiting) == ([(run(2), True)], ())


def test_a_new_job_does_not_wait_for_its_newest_source(bucket):
    """What is being written does not hold back the newest complete output; it gets its own run later."""
    put(bucket, 1, 2)
    written = max(found.modified for found in bucket.objects(""))
    settled, wait = written + timedelta(hours=2), timedelta(hours=1)
    found = sources_of(bucket)

    def incomplete(source):
        return "is being written" if source == found[-1] else None

    first = look_at(DAILY, Place(bucket, PARENT), wait, None, settled, incomplete)
    assert (asked(first), first.waiting) == ([(run(1), True)], ("is being written",))
    assert asked(look(bucket, after(first))) == [(run(2), True)]


def sources_of(bucket):
    """All sources, oldest first."""
    return newest_sources(Place(bucket, PARENT), 100)


def test_a_new_job_waits_while_old_outputs_are_copied(bucket):
    """While several outputs are being written to the place of a new job, none is wanted; then only the newest."""
    put(bucket, *range(1, 4))
    written = max(found.modified for found in bucket.objects(""))
    copying = look(bucket, settle=timedelta(minutes=1), now=written)
    assert (copying.wanted, len(copying.waiting), copying.seen([])) == ((), 3, None)
    done = look(bucket, settle=timedelta(minutes=1), now=written + timedelta(minutes=1))
    assert asked(done) == [(run(3), True)]


def test_an_edited_path_is_a_new_beginning(bucket):
    """Another batchInferencePath gets one run of its newest source, which is delivered unless a younger one was."""
    put(bucket, 5)
    seen = after(look(bucket))
    for day in (3, 4):
        put_output(bucket, f"other/{NOVEMBER[day - 1]:%Y-%m-%dT%H-%M-%SZ}")
    other = look(bucket, seen, path="other")
    assert asked(other) == [(run(4), False)]
    assert asked(look(bucket, after(other), path="other")) == []
    put_output(bucket, f"other/{NOVEMBER[5]:%Y-%m-%dT%H-%M-%SZ}")
    assert asked(look(bucket, after(other), path="other")) == [(run(6), True)]


def test_a_place_without_complete_sources_forgets_nothing(bucket):
    """While another batchInferencePath is empty, nothing is remembered of it, so that what was known stays."""
    put(bucket, 5)
    seen = after(look(bucket))
    assert look(bucket, seen, path="other").seen([]) is None


def test_finds_folders_without_a_time(bucket):
    """A folder whose name has no time counts by its newest file; from then on every look goes over all names."""
    put(bucket, 1)
    seen = after(look(bucket))
    put_output(bucket, f"{PARENT}/a", "{}")
    found = look(bucket, seen, whole=True)
    assert [(wanted.uri, wanted.delivers) for wanted in found.wanted] == [(bucket.uri(f"{PARENT}/a"), True)]
    assert (after(found).first, asked(look(bucket, after(found)))) == ("", [])
    put_output(bucket, f"{PARENT}/a", "other")
    assert [wanted.uri for wanted in look(bucket, after(found)).wanted] == [bucket.uri(f"{PARENT}/a")]


def test_lists_from_the_last_sources_on(bucket):
    """What sorts before the last known sources is seen only when the job is looked at as a whole."""
    put(bucket, *range(1, 9))
    seen = after(look(bucket, after(look(bucket))))
    assert seen.first == folder(NOVEMBER[7 - LOOK_BACK]).rpartition("/")[2]
    put_output(bucket, f"{PARENT}/a_{NOVEMBER[20]:%Y_%m_%d_%H_%M_%S}")
    assert asked(look(bucket, seen)) == []
    assert asked(look(bucket, seen, whole=True)) == [(run(21), True)]


def test_goes_on_where_old_outputs_were_removed(bucket):
    """An output that is removed, even the one a look begins with, changes nothing for the others."""
    put(bucket, *range(1, 8))
    seen = after(look(bucket))
    bucket.clear(folder(NOVEMBER[2]))
    found = look(bucket, seen)
    assert asked(found) == []
    put(bucket, 8)
    assert asked(look(bucket, after(found))) == [(run(8), True)]


def test_old_outputs_do_not_become_new(bucket):
    """Where the youngest outputs are removed, those before them, which never had a run, are still a backfill's."""
    put(bucket, *range(1, 13))
    seen = after(look(bucket, after(look(bucket))))
    for day in (11, 12):
        bucket.clear(folder(NOVEMBER[day - 1]))
    found = look(bucket, seen, whole=True)
    assert (asked(found), asked(look(bucket, after(found)))) == ([], [])
    for day in (7, 8, 9, 10):
        bucket.clear(folder(NOVEMBER[day - 1]))
    found = look(bucket, after(found), whole=True)
    assert (asked(found), asked(look(bucket, after(found), whole=True))) == ([], [])
    put(bucket, 13)
    assert asked(look(bucket, after(found))) == [(run(13), True)]


def test_the_path_can_be_one_source(bucket):
    """Where batchInferencePath is itself an output, it is wanted once, and again when it is overwritten."""
    path = folder(NOVEMBER[0])
    put(bucket, 1)
    first = look(bucket, path=path)
    assert (asked(first), after(first).first) == ([(run(1), True)], "")
    assert asked(look(bucket, after(first), path=path)) == []
    put(bucket, 1, content="other")
    assert asked(look(bucket, after(first), path=path)) == [(run(1), True)]


def test_of_two_sources_at_one_time_the_last_counts(bucket):
    """Two outputs of the same time are one run, which reads the last by name."""
    for name in ("a", "b"):
        put_output(bucket, f"{PARENT}/{name}_2020_11_01_03_00_00")
    found = look(bucket)
    first, second = (bucket.uri(f"{PARENT}/{name}_2020_11_01_03_00_00") for name in ("a", "b"))
    assert [wanted.uri for wanted in found.wanted] == [second]
    assert found.waiting == (f"{first} is left out: {second} has the same time, and a run reads that one",)


def test_goes_past_folders_that_hold_nothing(bucket):
    """Newer folders without an output, as failed batch jobs leave them, do not hide the newest output."""
    put(bucket, 1)
    for day in range(2, 22):
        put_output(bucket, folder(NOVEMBER[day - 1]), "", file="_CHECK")
    assert asked(look(bucket)) == [(run(1), True)]


def test_lists_page_by_page(s3_bucket, monkeypatch):
    """On S3 a listing goes on behind its first page."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    bucket = open_storage(f"s3://{s3_bucket}")
    put(bucket, *range(1, 8))
    seen = after(look(bucket))
    put(bucket, 8, 9)
    assert asked(look(bucket, seen)) == [(run(8), False), (run(9), True)]


def test_the_version_is_that_of_the_content(s3_bucket):
    """The same content written again, as when an event is delivered twice, is the same version on S3."""
    bucket = open_storage(f"s3://{s3_bucket}")
    put(bucket, 1)
    first = look(bucket)
    put(bucket, 1)
    assert (look(bucket).wanted, look(bucket, after(first)).wanted) == (first.wanted, ())


def test_jobs_that_share_a_place_have_keys_of_their_own(bucket):
    """Two jobs that read the same output each get a run."""
    put(bucket, 1)
    other = Job("user_personalization", "weekly")
    now = datetime.now(UTC)
    found = look_at(other, Place(bucket, PARENT), AT_ONCE, None, now, settles(AT_ONCE, now))
    assert found.wanted[0].key == look(bucket).wanted[0].key.replace("daily|", "weekly|")
