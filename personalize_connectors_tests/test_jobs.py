"""The jobs of a bucket and their configs."""

import pytest

from personalize_connectors.errors import InvalidConfig, NotFound
from personalize_connectors.job_run import Job
from personalize_connectors.jobs import job_folders, jobs, read_config
from personalize_connectors.storage import open_storage

CONFIG = b'{"batchInferencePath": "in", "connectors": {"braze": {}}}'
DAILY = Job("user_personalization", "daily")


@pytest.fixture
def bucket(tmp_path):
    """A bucket with four jobs, one of them without a config, and four folders that are none."""
    bucket = open_storage(str(tmp_path))
    for folder in (
        "user_personalization/daily",
        "related_items/zebra",
        "related_items/Apple",
        "related_items/two words",
        "related_items/_hidden",
        "related_item/similar",
        "notes",
    ):
        bucket.write(f"etl_jobs/{folder}/config.json", CONFIG)
    bucket.write("etl_jobs/related_items/waiting/notes.txt", b"")
    bucket.write("other/related_items/none/config.json", CONFIG)
    return bucket


def test_finds_the_jobs(bucket):
    """Jobs are the folders with names of the form, in the order of the types and by name."""
    assert jobs(bucket) == [
        DAILY,
        Job("related_items", "Apple"),
        Job("related_items", "waiting"),
        Job("related_items", "zebra"),
    ]


def test_finds_what_looks_like_a_job_and_is_none(bucket):
    """Folders of another type or with another name are told, so that a typing error does not hide a job."""
    assert job_folders(bucket)[1] == [
        f"{bucket.url}/etl_jobs/{folder} is no job: its type is unknown or its name is not of the form"
        for folder in ("notes", "related_item/similar", "related_items/_hidden", "related_items/two words")
    ]


def test_an_empty_bucket_has_no_jobs(tmp_path):
    """An empty bucket has no job and nothing that looks like one."""
    bucket = open_storage(str(tmp_path))
    assert job_folders(bucket) == ([], [])


def test_a_type_without_jobs_is_not_misnamed(tmp_path):
    """The empty folder of a job type is fine."""
    (tmp_path / "etl_jobs/related_items").mkdir(parents=True)
    bucket = open_storage(str(tmp_path))
    assert job_folders(bucket) == ([], [])


def test_reads_a_config(bucket):
    """The config of a job is its config.json."""
    config = read_config(bucket, DAILY)
    assert (config.top.batchInferencePath, list(config.connectors)) == ("in", ["braze"])


def test_names_the_file_that_is_wrong(bucket):
    """An error in a config names the file with its whole address."""
    bucket.write("etl_jobs/user_personalization/daily/config.json", b"[]")
    with pytest.raises(InvalidConfig) as refused:
        read_config(bucket, DAILY)
    assert str(refused.value) == (
        f"{bucket.url}/etl_jobs/user_personalization/daily/config.json: $: is []; it must be an object {{...}}"
    )


@pytest.mark.parametrize(
    ("job", "hint"),
    [
        (Job("user_personalization", "dialy"), "Did you mean user_personalization/daily?"),
        (
            Job("user_segmentation", "x"),
            "Make it: personalize-connectors new-job user_segmentation x",
        ),
        (
            Job("related_items", "waiting"),
            "Make it: personalize-connectors new-job related_items waiting",
        ),
    ],
)
def test_says_what_to_do_without_a_config(bucket, job, hint):
    """A job without config.json is an error with its address, and the nearest job or how to make one."""
    with pytest.raises(NotFound) as missing:
        read_config(bucket, job)
    assert str(missing.value) == f"there is no {bucket.url}/etl_jobs/{job}/config.json. {hint}"
