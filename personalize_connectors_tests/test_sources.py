"""Which batch output a run reads."""

import os
from datetime import UTC, datetime

import pytest

from personalize_connectors.errors import NotFound
from personalize_connectors.job_config import JobConfig, TopLevel
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.sources import newest_source, source_of, sources
from personalize_connectors.storage import open_storage

JOB = Job("user_personalization", "daily")
AT = datetime(2026, 11, 21, 3, tzinfo=UTC)
WRITTEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def bucket(tmp_path):
    """An empty bucket."""
    return open_storage(str(tmp_path / "bucket"), create=True)


def config(path: str) -> JobConfig:
    """A config with this batchInferencePath."""
    return JobConfig(TopLevel(batchInferencePath=path, connectors={"braze": {}}), {})


def put(bucket, *paths, at=WRITTEN):
    """Empty files, written at a time."""
    for path in paths:
        bucket.write(path, b"")
        os.utime(bucket.local / path, (at.timestamp() + 0.5,) * 2)


def run(timestamp: str) -> JobRun:
    """A run of the job."""
    return JobRun.parse(f"{JOB}|{timestamp}")


def test_reads_the_folder_itself(bucket):
    """Where the folder holds .out files it is the one source, and folders in it are none."""
    put(bucket, "in/users_2.json.out", "in/users_1.json.out", "in/child/users.json.out")
    (source,) = sources(bucket, config("in"))
    assert (source.folder, source.at, source.uri) == ("in", WRITTEN, f"{bucket.url}/in")
    assert [file.name for file in source.files] == ["users_1.json.out", "users_2.json.out"]


def test_reads_each_child_of_the_parent(bucket):
    """Where the folder holds none, each folder in it that does is a source, oldest first."""
    put(bucket, "in/b_2026_11_20_03_00_00/u.out", "in/a_2026_11_21_03_00_00/u.out", "in/deep/er/u.out")
    assert [source.folder for source in sources(bucket, config("in"))] == [
        "in/b_2026_11_20_03_00_00",
        "in/a_2026_11_21_03_00_00",
    ]


@pytest.mark.parametrize("path", ["in", "/in/", "./in/", "in//"])
def test_takes_slashes_as_they_come(bucket, path):
    """A path below the bucket is the same with slashes and dots around it; one with a slash in front is absolute."""
    put(bucket, "in/u.out")
    path = str(bucket.local) + path if path[0] == "/" else path
    assert [file.name for source in sources(bucket, config(path)) for file in source.files] == ["u.out"]


def test_reads_the_bucket_itself(bucket):
    """The path . is the bucket."""
    put(bucket, "u.out")
    (source,) = sources(bucket, config("."))
    assert (source.folder, source.uri, source.files[0].path) == ("", bucket.url, "u.out")


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("batch_x_2026_11_21_03_00_00", AT),
        ("x_2026_11_21_03_00_00", AT),
        ("my-solution-v2_2026_11_21_03_00_00", AT),
        ("2026-11-21T03-00-00Z", AT),
        ("20261121T030000Z", AT),
        ("x-2026-11-21-03-00-00", AT),
        ("x_20261121", AT.replace(hour=0)),
        ("2026-11-21", AT.replace(hour=0)),
        ("x", WRITTEN),
        ("x_2026_11_21_03_00_00_old", WRITTEN),
        ("x_2026_11_31_03_00_00", WRITTEN),
        ("x_2026_11_21_25_00_00", WRITTEN),
        ("model_12345678", WRITTEN),
        ("x_2026_11", WRITTEN),
    ],
)
def test_tells_when_a_source_was_made(bucket, name, at):
    """The timestamp at the end of the folder's name counts, else the time when its newest file was written."""
    put(bucket, f"in/{name}/1.out", at=WRITTEN.replace(year=2020))
    put(bucket, f"in/{name}/2.out")
    (child,) = sources(bucket, config("in"))
    (itself,) = sources(bucket, config(f"in/{name}"))
    assert (child.at, itself.at) == (at, at)


def test_tells_when_a_source_at_an_absolute_path_was_made(bucket, tmp_path):
    """The name of an absolute folder counts like that of one in the bucket."""
    folder = tmp_path / "else where/x_2026_11_21_03_00_00"
    folder.mkdir(parents=True)
    (folder / "ü.out").touch()
    (source,) = sources(bucket, config(str(folder)))
    assert (source.at, source.uri, [file.name for file in source.files]) == (AT, str(folder), ["ü.out"])


def test_leaves_out_what_is_no_output(bucket):
    """_CHECK, other marker files, dot files and names that do not end in .out are no output."""
    put(bucket, "in/_CHECK", "in/_x.out", "in/.u.out", "in/u.json", "in/u.out.tmp", "in/out", "in/u.json.out")
    put(bucket, "other/_CHECK", "other/_x.out", "other/child/_CHECK")
    (source,) = sources(bucket, config("in"))
    assert ([file.name for file in source.files], sources(bucket, config("other"))) == (["u.json.out"], [])


@pytest.mark.parametrize(
    ("timestamp", "folder"),
    [
        ("2026-11-21T03-00-00Z", "in/x_2026_11_21_03_00_00"),
        ("2026-11-22T02-59-59Z", "in/x_2026_11_21_03_00_00"),
        ("2026-11-22T03-00-00Z", "in/x_2026_11_22_03_00_00"),
        ("2030-01-01T00-00-00Z", "in/x_2026_11_22_03_00_00"),
    ],
)
def test_a_run_reads_the_newest_source_that_is_not_younger(bucket, timestamp, folder):
    """A run reads the last output made until its timestamp, so that running it again reads the same."""
    put(bucket, "in/x_2026_11_22_03_00_00/u.out", "in/x_2026_11_21_03_00_00/u.out")
    assert source_of(bucket, config("in"), run(timestamp)).folder == folder


def test_finds_the_newest_source(bucket):
    """The newest source is the last of all, or an error where there is none."""
    put(bucket, "in/x_2026_11_22_03_00_00/u.out", "in/x_2026_11_21_03_00_00/u.out")
    assert newest_source(bucket, JOB, config("in")).folder == "in/x_2026_11_22_03_00_00"
    with pytest.raises(NotFound, match=r"no \.out file in none \(batchInferencePath, from "):
        newest_source(bucket, JOB, config("none"))


@pytest.mark.parametrize("path", ["none", "in/empty"])
def test_says_where_it_looked(bucket, path):
    """Where there is no output, the error has the job, the path as configured and the bucket it is below."""
    put(bucket, "in/empty/_CHECK")
    with pytest.raises(NotFound) as missing:
        source_of(bucket, config(path), run("2026-11-21T03-00-00Z"))
    assert str(missing.value) == (
        f"user_personalization/daily: no .out file in {path} (batchInferencePath, "
        f"from {bucket.url}) or the folders directly in it"
    )


def test_says_where_it_looked_outside_of_the_bucket(bucket, tmp_path):
    """An absolute path is told as it is, without the bucket, which has nothing to do with it."""
    with pytest.raises(NotFound) as missing:
        source_of(bucket, config(str(tmp_path)), run("2026-11-21T03-00-00Z"))
    assert str(missing.value) == (
        f"user_personalization/daily: no .out file in {tmp_path} (batchInferencePath) "
        "or the folders directly in it"
    )


def test_says_when_all_outputs_are_younger(bucket):
    """A run before the first output is told which one that is, and of when."""
    put(bucket, "in/x_2026_11_21_03_00_00/u.out")
    with pytest.raises(NotFound) as missing:
        source_of(bucket, config("in"), run("2026-11-21T02-59-59Z"))
    assert str(missing.value) == (
        "run user_personalization/daily|2026-11-21T02-59-59Z: the oldest batch output in in (batchInferencePath, "
        f"from {bucket.url}) is {bucket.url}/in/x_2026_11_21_03_00_00 of 2026-11-21T03:00:00+00:00, younger than the run"
    )


@pytest.mark.parametrize("path", ["..", "../other", "in/../../other", "in/.."])
def test_stays_in_the_bucket(bucket, path):
    """A relative path with two dots is refused, with the ways to read from elsewhere."""
    with pytest.raises(NotFound) as refused:
        sources(bucket, config(path))
    assert str(refused.value) == (
        f"batchInferencePath {path!r} leads out of the bucket; write an absolute path or an s3:// address"
    )


def test_says_what_is_wrong_with_an_absolute_path(bucket, tmp_path):
    """A missing absolute folder and an address of another kind are told with the key that names them."""
    for path, text in [
        (f"{tmp_path}/none", f"batchInferencePath: the folder '{tmp_path}/none' is not there"),
        ("gs://x/y", "batchInferencePath: 'gs://x/y' is neither a local folder nor s3://bucket[/prefix]"),
    ]:
        with pytest.raises(NotFound) as missing:
            sources(bucket, config(path))
        assert str(missing.value) == text
