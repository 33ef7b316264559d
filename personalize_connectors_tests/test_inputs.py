"""Item metadata and user-item mapping as files of a job."""

import pytest

from personalize_connectors.engine.mapping import SetAside
from personalize_connectors.errors import BadInput, NotFound
from personalize_connectors.inputs import bad_input_lines, input_files, item_mapping, item_metadata
from personalize_connectors.job_run import Job
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.engine.plain import metadata

SIMILAR = Job("related_items", "similar")
DAILY = Job("user_personalization", "daily")
FOLDER = "etl_jobs/related_items/similar/input"


@pytest.fixture
def bucket(tmp_path):
    """An empty bucket."""
    return open_storage(str(tmp_path))


def mapping(bucket):
    """The mapping's rows."""
    return [row for batch in item_mapping(bucket, SIMILAR, SetAside()) for row in batch.to_pylist()]


def test_finds_the_files_of_an_input(bucket):
    """Input files end as they should in any case, stand at any depth, and do not begin with _ or a dot."""
    for name in ("b.csv", "a.CSV", "deep/c.csv", "_d.csv", ".e.csv", "f.csv.bak", "g.json", "ü h.csv"):
        bucket.write(f"in/{name}", b"")
    assert [found.path for found in input_files(bucket, "in", ".csv")] == [
        "in/a.CSV",
        "in/b.csv",
        "in/deep/c.csv",
        "in/ü h.csv",
    ]


def test_reads_the_metadata_of_all_files(bucket):
    """The last line of an id wins, over all files by name, and earlier ones are counted."""
    bucket.write(f"{FOLDER}/item_metadata/b.json", b'{"id":"1","name":"new"}\n')
    bucket.write(f"{FOLDER}/item_metadata/a.json", b'{"id":"1","name":"old"}\n{"id":2,"name":"two"}')
    found = item_metadata(bucket, SIMILAR)
    lines = {"1": '{"id":"1","name":"new"}\n', "2": '{"id":2,"name":"two"}'}
    assert found == metadata(lines, repeated=1)


def test_a_job_can_be_without_metadata(bucket):
    """Without metadata files there is no metadata, and no error."""
    found = item_metadata(bucket, SIMILAR)
    assert found == metadata({})


def test_reads_the_mapping_of_all_files(bucket):
    """The mapping's rows are those of all files by name, in their order."""
    bucket.write(f"{FOLDER}/user_item_mapping/b.csv", b"ITEM_ID,USER_ID\ni3,u1\n")
    bucket.write(
        f"{FOLDER}/user_item_mapping/a.csv", b'\xef\xbb\xbfuser_id,x,item_id\r\nu1,,i2\r\n"u,2",,i1\r\n'
    )
    assert mapping(bucket) == [
        {"user_id": "u1", "item_id": "i2"},
        {"user_id": "u,2", "item_id": "i1"},
        {"user_id": "u1", "item_id": "i3"},
    ]


def test_a_job_of_related_items_needs_a_mapping(bucket):
    """Without a mapping file the error says where one is looked for and what it must hold."""
    bucket.write(f"{FOLDER}/user_item_mapping/mapping.txt", b"USER_ID,ITEM_ID\n")
    with pytest.raises(NotFound) as missing:
        mapping(bucket)
    assert str(missing.value) == (
        f"{bucket.url}/{FOLDER}/user_item_mapping holds no .csv file; related_items needs the columns USER_ID and ITEM_ID"
    )


def test_names_the_mapping_file_without_the_columns(bucket):
    """A mapping file without the two columns is an error that names it and shows its header."""
    bucket.write(f"{FOLDER}/user_item_mapping/good.csv", b"USER_ID,ITEM_ID\nu,i\n")
    bucket.write(f"{FOLDER}/user_item_mapping/wrong.csv", b"USER,ITEM\nu,i\n")
    with pytest.raises(BadInput) as refused:
        mapping(bucket)
    assert str(refused.value) == (
        f"{bucket.url}/{FOLDER}/user_item_mapping/wrong.csv has the header 'USER,ITEM'; it needs the columns USER_ID "
        "and ITEM_ID, each once, in any order and case."
    )


def test_keeps_the_lines_that_cannot_be_used(bucket):
    """Bad lines of metadata and mapping become rows with file, line, reason and text."""
    bucket.write(f"{FOLDER}/item_metadata/m.json", b'{"id":"1"}\nnot json\n[]\n{"name":"x"}\n')
    bucket.write(f"{FOLDER}/user_item_mapping/u.csv", b"USER_ID,ITEM_ID\nu,i\nu\n,i\n")
    assert bad_input_lines(bucket, SIMILAR) == [
        {"input": "item_metadata", "file": "m.json", "line": 2, "reason": "not_json", "text": "not json"},
        {"input": "item_metadata", "file": "m.json", "line": 3, "reason": "not_object", "text": "[]"},
        {"input": "item_metadata", "file": "m.json", "line": 4, "reason": "no_id", "text": '{"name":"x"}'},
        {
            "input": "user_item_mapping",
            "file": "u.csv",
            "line": 3,
            "reason": "1 fields where the header has 2",
            "text": "u",
        },
        {
            "input": "user_item_mapping",
            "file": "u.csv",
            "line": None,
            "reason": "no user or no item",
            "text": ",i",
        },
    ]


def test_looks_for_a_mapping_only_where_one_is_used(bucket):
    """A job of another type needs no mapping; a stray one of it is not read."""
    bucket.write("etl_jobs/user_personalization/daily/input/user_item_mapping/u.csv", b"nonsense")
    assert bad_input_lines(bucket, DAILY) == []
