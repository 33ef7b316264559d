"""What `validate` finds in the batch outputs of jobs."""

import pytest

from personalize_connectors.job_run import Job
from personalize_connectors.storage import open_storage
from personalize_connectors.validation import validate
from personalize_connectors_tests.outputs import DAILY, configure, put_output

WEEKLY = Job("user_personalization", "weekly")


@pytest.fixture
def bucket(tmp_path):
    """An empty bucket."""
    return open_storage(str(tmp_path))


def found(bucket, level: str, job: Job = DAILY) -> list[str]:
    """What is found on a job, of one level, without what is about the destination."""
    findings = [entry for entry in validate(bucket) if (entry.subject, entry.level) == (str(job), level)]
    return [entry.text for entry in findings if "BRAZE_" not in entry.text]


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_refused_is_the_jobs_own(bucket):
    """A job whose outputs are in a bucket that is not there is an error, and the jobs after it are checked."""
    configure(bucket, batchInferencePath="s3://not-there-at-all/x")
    configure(bucket, WEEKLY)
    (text,) = found(bucket, "error")
    assert text.startswith("S3 refuses GET ")
    assert text.endswith("/not-there-at-all: there is no such bucket; make it, or mend the address")
    assert len(found(bucket, "ok", WEEKLY)) == 1


def test_a_config_that_cannot_be_read_is_the_jobs_own(bucket):
    """A folder in the place of config.json is an error of its job, and the jobs after it are checked."""
    bucket.write(f"etl_jobs/{DAILY}/config.json/x", b"")
    configure(bucket, WEEKLY)
    assert len(found(bucket, "error")) == 1
    assert len(found(bucket, "ok", WEEKLY)) == 1


def test_warns_of_times_that_are_equal_to_come_or_none(bucket):
    """What a person would not expect of the times of outputs is told."""
    configure(bucket)
    names = ("a_2020_11_01_03_00_00", "b_2020_11_01_03_00_00", "b_2020_13_45", "b_2999_01_01")
    for name in names:
        put_output(bucket, f"batch/daily/{name}")
    a, b, none, ahead = (bucket.uri(f"batch/daily/{name}") for name in names)
    assert found(bucket, "warning") == [
        f"{a} is left out: {b} has the same time, and a run reads that one",
        f"{none}: the time in its name is none; what counts is when its newest file was written",
        f"{ahead} has a time that is to come: rename it; it is not run by itself",
    ]


@pytest.mark.parametrize(
    ("count", "who"),
    [
        (2, "p/j0 and p/j1 both write"),
        (5, "p/j0, p/j1, p/j2, p/j3 and p/j4 all write"),
        (40, "p/j0, p/j1, p/j10, p/j11 and 36 other jobs all write"),
    ],
)
def test_jobs_that_write_the_same_are_one_line(bucket, count, who):
    """However many jobs write the same attributes, they are told together; beside them only others that share others."""
    jobs = [Job("user_personalization", f"j{number}") for number in range(count)]
    for job in jobs:
        configure(bucket, job)
    other = {"connectors": {"braze": {"attributePrefix": "x_"}}}
    for name in ("y", "z"):
        configure(bucket, Job("user_personalization", name), **other)
    texts = [entry.text for entry in validate(bucket) if "runs last wins" in entry.text]
    assert [text.replace("user_personalization", "p") for text in texts] == [
        f"{who} recommendation_items of braze; the one that runs last wins",
        "p/y and p/z both write x_items of braze; the one that runs last wins",
    ]
    (of_one,) = [entry for entry in validate(bucket, jobs[-1]) if "runs last wins" in entry.text]
    assert (of_one.subject, of_one.text.partition(",")[0].partition(" ")[0]) == (str(jobs[-1]), str(jobs[-1]))


def test_says_where_there_is_no_output(bucket):
    """A place without an output is told with its whole address, and so is one that is a file."""
    configure(bucket)
    uri = bucket.uri("batch/daily")
    assert found(bucket, "warning") == [f"no batch output yet in {uri}"]
    bucket.write("batch/daily", b"")
    assert found(bucket, "warning") == [f"no batch output yet in {uri}, which is a file; a folder is needed"]


def test_knows_a_misspelled_s3_address(bucket):
    """A batchInferencePath that was to be an address of S3 is an error that says what was meant."""
    configure(bucket, batchInferencePath="s3:/bucket/x")
    assert found(bucket, "error") == [
        "batchInferencePath: 's3:/bucket/x' is neither a local folder nor s3://bucket[/prefix]; did you mean s3://bucket/x?"
    ]
