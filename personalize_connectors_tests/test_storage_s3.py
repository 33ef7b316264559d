"""S3 as storage, over HTTP."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from personalize_connectors.storage import open_storage
from personalize_connectors.storage_errors import STORAGE_ERRORS
from personalize_connectors_tests.s3 import impatient, serving
from personalize_connectors_tests.test_storage import ODD_NAMES, paths


@pytest.fixture
def storage(s3_bucket):
    """A prefix of a bucket, with a space."""
    return open_storage(f"s3://{s3_bucket}/some where")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_keeps_odd_names(storage, s3, s3_bucket, name):
    """A name with spaces, signs or other alphabets is the key below the prefix, and the same to every verb."""
    storage.write(name, b"content")
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=s3_bucket)["Contents"]]
    assert keys == [f"some where/{name}"]
    assert (paths(storage), storage.exists(name), storage.read(name)) == ([name], True, b"content")
    assert (list(storage.blocks(name)), storage.open_input(name).read()) == ([b"content"], b"content")
    storage.remove(name)
    assert (paths(storage), storage.exists(name)) == ([], False)


def test_finds_nothing_in_a_folder_that_is_not_there(storage):
    """A missing folder is an empty one; a missing object is Python's own FileNotFoundError, and can be removed."""
    assert (storage.objects("none"), storage.children("none"), storage.exists("none/x")) == (
        [],
        ([], []),
        False,
    )
    assert storage.manifest("none") is None
    storage.remove("none/x")
    with pytest.raises(FileNotFoundError):
        storage.read("none/x")


def test_lists_and_clears_more_than_a_page(storage, monkeypatch):
    """A listing goes on after the first page of keys, and clearing removes them all, and no neighbour."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    many = [f"many/{name}" for name in ("_SUCCESS", "a", "b/1", "b/2", "c", "d/1", "e", "f")]
    for path in [*many, "manyfold"]:
        storage.write(path, b"")
    folders, objects = storage.children("many")
    assert paths(storage, "many") == many
    assert (folders, [found.name for found in objects]) == (
        ["many/b", "many/d"],
        ["_SUCCESS", "a", "c", "e", "f"],
    )
    storage.clear("many")
    assert paths(storage) == ["manyfold"]


def test_puts_only_where_there_is_none(storage):
    """Of two conditional puts the second is refused and changes nothing."""
    assert (storage.create("a", b"1"), storage.create("a", b"2"), storage.read("a")) == (True, False, b"1")


@pytest.mark.parametrize("size", [0, 100, 20_000_000])
def test_writes_whole_objects(storage, size):
    """What a writer took, in one part or in several, is the object, and is not there before the writer is done."""
    content = bytes(range(250)) * (size // 250)
    with storage.writer("a/b.bin") as sink:
        sink.write(content)
        assert not storage.exists("a/b.bin")
    assert storage.read("a/b.bin") == content
    assert b"".join(storage.blocks("a/b.bin")) == content


def test_scans_parquet_lazily(storage):
    """A dataset is over the files that are named, from the same S3 as everything else."""
    content = pa.BufferOutputStream()
    pq.write_table(pa.table({"x": [1, 2]}), content)
    for name in ("a b%20.parquet", "ü#.parquet", "other.parquet"):
        storage.write(name, content.getvalue().to_pybytes())
    found = storage.dataset(["a b%20.parquet", "ü#.parquet"]).to_table()
    assert found == pa.table({"x": [1, 2, 1, 2]})


def test_tells_what_is_missing_from_what_is_out_of_reach(s3_bucket):
    """A file that is not there is Python's FileNotFoundError; that S3 does not answer is none, also for Arrow."""
    with serving() as url:
        storage = impatient(url, s3_bucket)
        with pytest.raises(FileNotFoundError):
            storage.open_input("none")
    for read in (storage.read, storage.open_input, lambda path: storage.dataset([path])):
        with pytest.raises(STORAGE_ERRORS) as failed:
            read("none")
        assert not isinstance(failed.value, FileNotFoundError)


def test_knows_a_folder_that_a_person_made(storage, s3, s3_bucket):
    """The empty object that marks a folder made in the S3 console is no object of the folder."""
    s3.put_object(Bucket=s3_bucket, Key="some where/data/", Body=b"")
    assert (paths(storage, "data"), storage.children("data")) == ([], ([], []))
    storage.write("data/a", b"")
    assert (paths(storage, "data"), [found.path for found in storage.children("data")[1]]) == (
        ["data/a"],
        ["data/a"],
    )
