"""The spelling of jobs, partition keys and typed timestamps."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors.errors import BadJobRun
from personalize_connectors.job_run import JOB_TYPES, KEY_FORM, Job, JobRun, parse_timestamp

DAILY = Job("user_personalization", "daily")
AT = datetime(2026, 11, 22, 3, tzinfo=UTC)

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", fullmatch=True)
RUNS = st.builds(
    JobRun,
    st.builds(Job, st.sampled_from(JOB_TYPES), NAMES),
    st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=0)),
)


def test_spells_a_key():
    """A key is the job, a bar, and the timestamp in UTC with dashes."""
    run = JobRun(DAILY, AT)
    assert (str(run.job), run.run, run.key) == (
        "user_personalization/daily",
        "2026-11-22T03-00-00Z",
        "user_personalization/daily|2026-11-22T03-00-00Z",
    )


@given(RUNS)
def test_reads_the_keys_that_it_spells(run):
    """Every job run comes back from its key and from its timestamp, in all years."""
    assert (JobRun.parse(run.key), Job.parse(str(run.job)), parse_timestamp(run.run)) == (
        run,
        run.job,
        run.run_at,
    )


@given(RUNS, RUNS)
def test_orders_keys_of_a_job_by_time(first, second):
    """The keys of one job sort as their timestamps do."""
    later = JobRun(first.job, second.run_at)
    assert (first.key < later.key) == (first.run_at < later.run_at)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", ""),
        ("user_personalization/daily", ""),
        ("user_personalization/daily/2026-11-22T03-00-00Z", ""),
        ("daily|2026-11-22T03-00-00Z", "'daily' is not a job: write <job_type>/<job_name>, one of"),
        ("user_personalisation/daily|2026-11-22T03-00-00Z", "Did you mean user_personalization?"),
        ("user_personalization/|2026-11-22T03-00-00Z", "job name '' is not of the form"),
        ("user_personalization/..|2026-11-22T03-00-00Z", "job name '..' is not of the form"),
        ("user_personalization/a/b|2026-11-22T03-00-00Z", "job name 'a/b' is not of the form"),
        ("user_personalization/daily|2026-11-22", "does not match format"),
        ("user_personalization/daily|2026-11-31T03-00-00Z", "day"),
        ("user_personalization/daily|2026-11-22T03:00:00Z", "does not match format"),
        ("user_personalization/daily|2026-11-22T03-00-00Z ", "unconverted data remains"),
        ("user_personalization/daily|2026-11-22T3-0-0Z", "it would be 'user_personalization/daily|2026-11-2"),
        ("user_personalization/daily|٢٠٢٦-11-22T03-00-00Z", "it would be 'user_personalization/daily|2026"),
        ("user_personalization/daily|2026-11-22T03-00-00Z|x", "unconverted data remains"),
    ],
)
def test_refuses_another_spelling(key, why):
    """A key of any other form is refused with the form and the reason."""
    with pytest.raises(BadJobRun) as refused:
        JobRun.parse(key)
    text = str(refused.value)
    assert text.startswith(f"partition key {key!r} is not of the form {KEY_FORM}")
    assert why in text


@pytest.mark.parametrize("name", ["a", "A.b_c-9", "0", "x" * 100])
def test_takes_names_of_the_form(name):
    """A name begins with a letter or digit and has at most 100 characters."""
    assert Job("related_items", name).name == name


@pytest.mark.parametrize("name", ["", ".", "..", "_a", "-a", "a b", "a/b", "a|b", "é", "a\n", "x" * 101])
def test_refuses_other_names(name):
    """A name that could be a path, a flag or another key is refused."""
    with pytest.raises(BadJobRun) as refused:
        Job("related_items", name)
    assert str(refused.value) == (
        f"job name {name!r} is not of the form [A-Za-z0-9][A-Za-z0-9_.-]*, at most 100 characters"
    )


@pytest.mark.parametrize(
    ("job_type", "hint"), [("related_item", " Did you mean related_items?"), ("x", ""), ("", "")]
)
def test_refuses_other_job_types(job_type, hint):
    """An unknown job type is refused with the known ones and the nearest."""
    with pytest.raises(BadJobRun) as refused:
        Job(job_type, "daily")
    assert str(refused.value) == (
        f"job type {job_type!r} is not one of user_personalization, related_items, personalized_ranking, "
        f"user_segmentation.{hint}"
    )


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 11, 22, 3),  # noqa: DTZ001 - that it has no zone is the point
        AT.replace(microsecond=1),
        AT.astimezone(timezone(timedelta(hours=1))),
    ],
)
def test_refuses_a_run_at_no_whole_second_of_utc(at):
    """A run timestamp without a zone, in another zone or between seconds is refused."""
    with pytest.raises(BadJobRun) as refused:
        JobRun(DAILY, at)
    assert str(refused.value) == f"run timestamp {at.isoformat()} is not in UTC with whole seconds"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-22T03-00-00Z", AT),
        ("2026-11-22T03:00:00Z", AT),
        ("2026-11-22T04:00:00+01:00", AT),
        ("2026-11-22 03:00", AT),
        ("2026-11-22T03:00:00.999999", AT),
        ("2026-11-22", AT.replace(hour=0)),
    ],
)
def test_reads_a_timestamp_as_a_person_types_it(text, at):
    """The key's form, ISO 8601 and a date are read, in UTC where no zone is given, to the whole second."""
    assert parse_timestamp(text) == at


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not of the form YYYY-MM-DDTHH-MM-SSZ, ISO 8601 (2026-11-22T03:00:00Z) or a date"),
        ("now", "is not of the form YYYY-MM-DDTHH-MM-SSZ, ISO 8601 (2026-11-22T03:00:00Z) or a date"),
        ("22.11.2026", "is not of the form YYYY-MM-DDTHH-MM-SSZ, ISO 8601 (2026-11-22T03:00:00Z) or a date"),
        ("0001-01-01T00:00:00+14:00", "is not in the years 1 to 9999 of UTC"),
    ],
)
def test_refuses_other_timestamps(text, why):
    """A text that is no time is refused with the forms that are."""
    with pytest.raises(BadJobRun) as refused:
        parse_timestamp(text)
    assert str(refused.value) == f"timestamp {text!r} {why}"
