"""A local folder as storage, and the addresses that are storages."""

import os
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from personalize_connectors.errors import BadInput, BadSettings
from personalize_connectors.storage import Object, Storage, open_storage

ODD_NAMES = [
    "a b.json",
    "ends .json",
    "ünï/日本/🦊.json",
    "100%.json",
    "a%20b.json",
    "a#b.json",
    "a?b=c&d+e.json",
    "[a]{b}(c)*.json",
    'it\'s "quoted".json',
    "back\\slash|bar:colon.json",
    "~tilde/.hidden",
    "year=2026/month=11/_SUCCESS",
]


@pytest.fixture
def storage(tmp_path):
    """A local folder."""
    return open_storage(str(tmp_path))


def paths(storage: Storage, folder: str = "") -> list[str]:
    """The paths of a listing."""
    return [found.path for found in storage.objects(folder)]


def die_writing(storage: Storage, path: str, size: int) -> None:
    """Write so many bytes, and fail before the end."""
    with suppress(KeyError), storage.writer(path) as sink:
        sink.write(bytes(size))
        raise KeyError


@pytest.mark.parametrize("name", ODD_NAMES)
def test_keeps_odd_names(storage, tmp_path, name):
    """A name with spaces, signs or other alphabets is the same in the folder, in listings and to every verb."""
    storage.write(name, b"content")
    assert (tmp_path / name).read_bytes() == b"content"
    assert (paths(storage), storage.exists(name), storage.read(name)) == ([name], True, b"content")
    assert (list(storage.blocks(name)), storage.open_input(name).read()) == ([b"content"], b"content")
    storage.remove(name)
    assert (paths(storage), storage.exists(name)) == ([], False)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_reads_files_that_others_made(storage, tmp_path, name):
    """A file that was put into the folder by other means is listed under its name and read."""
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"content")
    assert [(found.path, found.size, storage.read(found.path)) for found in storage.objects("")] == [
        (name, 7, b"content")
    ]


def test_lists_all_below_a_folder_by_path(storage):
    """A listing has every object below the folder at any depth, and none of a neighbour that begins alike."""
    for path in ("a/2", "a/1", "a/b/c/3", "ab/4", "5"):
        storage.write(path, b"")
    assert (paths(storage, "a"), paths(storage, "a/"), paths(storage)) == (
        ["a/1", "a/2", "a/b/c/3"],
        ["a/1", "a/2", "a/b/c/3"],
        ["5", "a/1", "a/2", "a/b/c/3", "ab/4"],
    )


def test_tells_folders_and_objects_directly_below(storage):
    """Children are the next level only, folders apart from objects, both by path."""
    for path in ("a/2", "a/1", "a/c/3", "a/b/4", "ab/5"):
        storage.write(path, b"xy")
    folders, objects = storage.children("a")
    assert (folders, [(found.path, found.name, found.size) for found in objects]) == (
        ["a/b", "a/c"],
        [("a/1", "1", 2), ("a/2", "2", 2)],
    )
    assert storage.children("")[0] == ["a", "ab"]


def test_finds_nothing_in_a_folder_that_is_not_there(storage):
    """A missing folder is an empty one; a missing object is Python's own FileNotFoundError."""
    assert (storage.objects("none"), storage.children("none"), storage.exists("none/x")) == (
        [],
        ([], []),
        False,
    )
    assert storage.manifest("none") is None
    with pytest.raises(FileNotFoundError):
        storage.read("none/x")


def test_tells_versions_apart(storage, tmp_path):
    """An object that was written again has another version."""
    storage.write("a", b"1")
    (before,) = storage.objects("")
    os.utime(tmp_path / "a", (1, 1))
    (after,) = storage.objects("")
    assert isinstance(before, Object)
    assert before.version != after.version


def test_names_the_file_that_no_bucket_takes(storage, tmp_path):
    """A file name with a control character is an error that names it."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a\tb.json").touch()
    for listing in (storage.objects, storage.children):
        with pytest.raises(BadInput) as refused:
            listing("data")
        assert str(refused.value).startswith(f"{tmp_path}/data: rename what no bucket takes: ")
        assert "a\tb.json" in str(refused.value)


@pytest.mark.parametrize("size", [0, 100, 20_000_000])
def test_writes_whole_objects(storage, size):
    """What a writer took is the object, and is not there before the writer is done."""
    content = bytes(range(250)) * (size // 250)
    with storage.writer("a/b.bin") as sink:
        sink.write(content)
        assert not storage.exists("a/b.bin")
    assert storage.read("a/b.bin") == content
    assert b"".join(storage.blocks("a/b.bin")) == content


@pytest.mark.parametrize("size", [100, 20_000_000])
def test_a_writer_that_fails_writes_nothing(storage, size):
    """Where the block of a writer fails, the old object stays as it was and listings show no other."""
    storage.write("a/b.bin", b"old")
    die_writing(storage, "a/b.bin", size)
    assert (paths(storage), storage.read("a/b.bin")) == (["a/b.bin"], b"old")


def test_clears_a_folder_with_what_dead_writers_left(storage, tmp_path):
    """Clearing leaves no file of the folder, also none that a writer left half-written, and no other folder's."""
    storage.write("a/_SUCCESS", b"{}")
    storage.write("ab/kept", b"")
    die_writing(storage, "a/b/c.bin", 20_000_000)
    storage.clear("a")
    assert [str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()] == ["ab/kept"]
    storage.clear("never there")


@pytest.mark.parametrize("path", ["../x", "a/../../x", "a//b"])
def test_refuses_paths_that_are_none(storage, tmp_path, path):
    """A path that leads out of the root, or has an empty part, is refused."""
    with pytest.raises(ValueError, match=r"^Could not parse path"):
        storage.write(path, b"")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "found"), [(b'{"rows": 1}', {"rows": 1}), (b"[]", None), (b"null", None)]
)
def test_takes_a_manifest_for_an_object(storage, content, found):
    """A manifest is a JSON object; a folder with anything else is not complete."""
    storage.write("a/_SUCCESS", content)
    assert storage.manifest("a") == found


def test_scans_parquet_lazily(storage, tmp_path):
    """A dataset is over the files that are named, odd names too."""
    table = pa.table({"x": [1, 2]})
    for name in ("a b%20.parquet", "ü#.parquet", "other.parquet"):
        pq.write_table(table, tmp_path / name)
    found = storage.dataset(["a b%20.parquet", "ü#.parquet"]).to_table()
    assert found == pa.table({"x": [1, 2, 1, 2]})


def test_tells_addresses_to_people(storage, tmp_path):
    """The address of a path is the root's with the path behind it."""
    assert (storage.uri(""), storage.uri("a/b")) == (str(tmp_path), f"{tmp_path}/a/b")


@pytest.mark.parametrize(
    ("url", "root", "prefix"),
    [
        ("s3://bucket", "s3://bucket", None),
        ("s3://bucket/", "s3://bucket", None),
        ("s3://bucket/a/b", "s3://bucket/a/b", "a/b"),
        ("s3://bucket/a/b/", "s3://bucket/a/b", "a/b"),
        ("s3://bucket//a", "s3://bucket/a", "a"),
    ],
)
@pytest.mark.usefixtures("s3")
def test_reads_s3_addresses(url, root, prefix):
    """An S3 address is a bucket and perhaps a prefix, whatever slashes stand around it."""
    storage = open_storage(url)
    assert (storage.url, storage.uri("k"), storage.local) == (root, f"{root}/k", None)
    assert (storage.store.config["bucket"], storage.store.prefix) == ("bucket", prefix)


@pytest.mark.parametrize("url", ["s3://", "s3:///key", "gs://bucket", "file:///tmp", "https://x/y"])
def test_refuses_other_addresses(url):
    """An address that is neither a folder nor S3 is refused with what can be."""
    with pytest.raises(BadSettings) as refused:
        open_storage(url, create=True)
    assert str(refused.value) == f"{url!r} is neither a local folder nor s3://bucket[/prefix]"


@pytest.mark.parametrize("url", ["s3:/bucket/x", "s3//bucket/x", "S3://bucket/x", "S3:/bucket/x"])
def test_knows_a_misspelled_s3_address(url):
    """What was to be an S3 address is no local folder, and the error says what was meant."""
    with pytest.raises(BadSettings) as refused:
        open_storage(url, create=True)
    assert str(refused.value) == (
        f"{url!r} is neither a local folder nor s3://bucket[/prefix]; did you mean s3://bucket/x?"
    )


def test_makes_a_folder_only_when_asked(tmp_path):
    """A local folder that is not there is an error, or is made where the caller says so."""
    url = str(tmp_path / "new/bucket")
    with pytest.raises(BadSettings) as refused:
        open_storage(url)
    assert str(refused.value) == f"the folder {url!r} is not there"
    assert (open_storage(url, create=True).local, Path(url).is_dir()) == (Path(url), True)


def test_refuses_what_is_no_folder(tmp_path):
    """A file, a folder below a file and the home of nobody are errors that name the address."""
    (tmp_path / "file").touch()
    for url, text in [
        (f"{tmp_path}/file", f"'{tmp_path}/file' is a file; a folder is needed"),
        (f"{tmp_path}/file/x", f"the folder '{tmp_path}/file/x' cannot be opened: "),
        ("~nobody-of-this-name/x", "the folder '~nobody-of-this-name/x' cannot be opened: "),
    ]:
        with pytest.raises(BadSettings) as refused:
            open_storage(url, create=True)
        assert str(refused.value).startswith(text)


def test_takes_a_relative_folder(tmp_path, monkeypatch):
    """A relative folder is below the working folder, and stays there when that changes."""
    monkeypatch.chdir(tmp_path)
    storage = open_storage("./bucket", create=True)
    monkeypatch.chdir("/")
    storage.write("a", b"1")
    assert (storage.url, (tmp_path / "bucket/a").read_bytes()) == (f"{tmp_path}/bucket", b"1")
