"""Partition folders on a local storage: written whole, with the manifest last."""

import gzip
import hashlib
import json
from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors.engine.frame import Frame, Lines
from personalize_connectors.engine.ids import distinct, in_dictionary
from personalize_connectors.errors import NotFound
from personalize_connectors.folders import open_folder, write_frames, write_parts
from personalize_connectors.storage import open_storage

SCHEMA = pa.schema([("user", pa.string()), ("items", pa.list_(pa.string()))])
WITH_RECORD = SCHEMA.append(pa.field("record", pa.large_binary()))
ROWS = [{"user": "zoë", "items": ["a", "b"]}, {"user": 'q"', "items": []}, {"user": "", "items": None}]
READERS = {
    "none": (".json", bytes),
    "gzip": (".json.gz", gzip.decompress),
    "zstd": (".json.zst", lambda data: pa.input_stream(pa.py_buffer(data), compression="zstd").read()),
}


@pytest.fixture
def storage(tmp_path):
    """A local folder."""
    return open_storage(str(tmp_path))


def batch(rows, schema=SCHEMA):
    """Rows as a batch."""
    return pa.RecordBatch.from_pylist(rows, schema=schema)


def frame(rows, folder="stage", **options):
    """A frame of one batch."""
    return Frame(SCHEMA, iter([batch(rows)]), folder, **options)


def files_below(folder):
    """Names of all files below a local folder."""
    return sorted(file.name for file in folder.rglob("*") if file.is_file())


def lost_connection():
    """A batch, and then an error."""
    yield batch(ROWS)
    raise ConnectionError("lost")


def test_reads_back_what_was_written(storage):
    """A frame comes back through the lazy scan of its folder, row for row, in the types of its schema."""
    folder = write_frames(storage, [frame(ROWS)])["stage"]
    assert folder.scan().to_table() == pa.Table.from_pylist(ROWS, SCHEMA)
    assert (folder.rows, folder.rows_of("part"), folder.rows_of("other")) == (3, 3, 0)
    assert open_folder(storage, "stage") == folder
    assert folder.uri == f"{storage.url}/stage"


def test_keeps_batches_in_order(storage):
    """Batches of any size, sliced or empty, come back as one table in their order."""
    whole = batch(ROWS)
    batches = [whole.slice(1, 1), whole.slice(0, 0), whole, whole.slice(2)]
    folder = write_frames(storage, [Frame(SCHEMA, iter(batches), "stage")])["stage"]
    assert folder.scan().to_table().to_pylist() == [ROWS[1], *ROWS, ROWS[2]]


def test_tells_files_rows_bytes_and_digests(storage, tmp_path):
    """The manifest names every file with its frame, rows, bytes and SHA-256, and what the frame adds."""
    lines = Lines("record", "output", "gzip")
    rows = [row | {"record": b"line\n"} for row in ROWS]
    frames = [
        Frame(WITH_RECORD, iter([batch(rows, WITH_RECORD)]), "stage", "braze", lines, {"source": "s3://x"}),
        frame(ROWS[:1], name="braze.items"),
    ]
    write_frames(storage, frames)
    for folder, of_frames in (("stage", [("braze", 3), ("braze.items", 1)]), ("output", [("braze", 3)])):
        manifest = json.loads((tmp_path / folder / "_SUCCESS").read_bytes())
        contents = {
            entry["name"]: (tmp_path / folder / entry["name"]).read_bytes() for entry in manifest["files"]
        }
        extra = {"source": "s3://x"} if folder == "stage" else {}
        of_lists = {"told_by_dictionaries": ["items"]} if folder == "stage" else {}
        assert datetime.fromisoformat(manifest.pop("written_at")).utcoffset() is not None
        assert manifest == {
            "rows": sum(rows for _, rows in of_frames),
            "bytes": sum(map(len, contents.values())),
            "files": [
                {
                    "name": name,
                    "frame": of_frame,
                    "rows": rows,
                    "bytes": len(content),
                    "sha256": hashlib.sha256(content).hexdigest(),
                    **of_lists,
                }
                for (of_frame, rows), (name, content) in zip(of_frames, contents.items(), strict=True)
            ],
            **extra,
        }
        assert files_below(tmp_path / folder) == sorted(["_SUCCESS", *contents])


def test_puts_several_frames_into_one_folder(storage):
    """Frames of one folder keep apart by name, with schemas of their own; the folder's rows are those of all."""
    other = pa.schema([("n", pa.int64())])
    frames = [
        frame(ROWS, name="braze"),
        Frame(other, iter([pa.RecordBatch.from_pylist([{"n": 1}], schema=other)]), "stage", "braze.items"),
    ]
    folder = write_frames(storage, frames)["stage"]
    assert (
        folder.scan("braze").to_table().to_pylist(),
        folder.scan("braze.items").to_table().to_pylist(),
    ) == (
        ROWS,
        [{"n": 1}],
    )
    assert (folder.rows, folder.rows_of("braze"), folder.rows_of("braze.items")) == (4, 3, 1)


def test_starts_a_new_file_after_a_million_rows(storage):
    """A long frame is several files, read in order."""
    schema = pa.schema([("n", pa.int64())])
    batches = [
        pa.record_batch([pa.array(range(start, start + 600_000))], schema)
        for start in (0, 600_000, 1_200_000)
    ]
    folder = write_frames(storage, [Frame(schema, iter(batches), "stage")])["stage"]
    assert [entry["rows"] for entry in folder.manifest["files"]] == [1_200_000, 600_000]
    assert folder.scan().to_table()["n"].to_numpy().tolist() == list(range(1_800_000))


@pytest.mark.parametrize("compression", READERS)
@given(st.lists(st.lists(st.binary(min_size=1, max_size=50), max_size=4), max_size=4))
def test_writes_lines_byte_for_byte(tmp_path_factory, compression, batches):
    """The lines of all batches stand one after the other in a file of their own, also when it is compressed."""
    root = tmp_path_factory.mktemp("lines")
    made = (
        batch([{"user": "u", "items": [], "record": line} for line in lines], WITH_RECORD)
        for lines in batches
    )
    written = Frame(WITH_RECORD, made, "stage", lines=Lines("record", "output", compression))
    folders = write_frames(open_storage(str(root)), [written])
    (entry,) = folders["output"].manifest["files"]
    ending, read = READERS[compression]
    assert entry["name"].endswith(ending)
    assert read((root / "output" / entry["name"]).read_bytes()) == b"".join(
        line for lines in batches for line in lines
    )
    assert folders["output"].rows == folders["stage"].rows == sum(map(len, batches))
    assert folders["stage"].scan().schema == SCHEMA


@pytest.mark.parametrize("column", [pa.binary(), pa.large_binary(), pa.string(), pa.large_string()])
def test_takes_lines_of_every_text_type(storage, column):
    """Lines can be text or bytes, short or large, and slices of a longer column."""
    schema = pa.schema([("user", pa.string()), ("record", column)])
    texts = ["left out\n", "zoë\n", "second\n", "left out\n"]
    whole = pa.record_batch([pa.array(["u"] * 4), pa.array(texts).cast(column)], schema)
    written = Frame(schema, iter([whole.slice(1, 2)]), "stage", lines=Lines("record", "output", "none"))
    (entry,) = write_frames(storage, [written])["output"].manifest["files"]
    assert storage.read(f"output/{entry['name']}").decode() == "zoë\nsecond\n"


def test_writes_a_frame_without_rows(storage):
    """A frame without batches is a complete folder with an empty table and an empty file of lines."""
    empty = Frame(WITH_RECORD, iter(()), "stage", lines=Lines("record", "output", "none"))
    folders = write_frames(storage, [empty])
    assert (folders["stage"].rows, folders["output"].rows, folders["output"].size) == (0, 0, 0)
    assert folders["stage"].scan().to_table() == SCHEMA.empty_table()


@pytest.mark.parametrize("replaces_last", [False, True])
def test_replaces_the_folder_whole(storage, tmp_path, replaces_last):
    """Writing again leaves nothing of the content before, also files that no manifest names."""
    before = write_frames(storage, [frame(ROWS), frame(ROWS, name="gone")])["stage"]
    storage.write("stage/part-of-a-dead-run.parquet", b"?")
    storage.write("stage_of_another/kept", b"")
    after = write_frames(storage, [frame(ROWS[:1], replaces_last=replaces_last)])["stage"]
    assert after.scan().to_table().to_pylist() == ROWS[:1]
    assert files_below(tmp_path / "stage") == sorted(
        ["_SUCCESS", *(e["name"] for e in after.manifest["files"])]
    )
    assert not {e["name"] for e in before.manifest["files"]} & {e["name"] for e in after.manifest["files"]}
    assert storage.exists("stage_of_another/kept")


def test_reads_the_old_content_while_it_writes_the_new(storage):
    """A frame that replaces last can be made from the content that it replaces."""
    before = write_frames(storage, [frame(ROWS)])["stage"]
    twice = (batch(rows.to_pylist() * 2) for rows in before.scan().to_batches())
    after = write_frames(storage, [Frame(SCHEMA, twice, "stage", replaces_last=True)])["stage"]
    assert after.scan().to_table().to_pylist() == ROWS * 2


def test_a_folder_whose_writing_died_is_not_there(storage):
    """Where a frame fails, readers find neither its folder nor the folder of its lines, not even the content before."""
    lines = Lines("record", "output", "none")
    rows = [row | {"record": b"line\n"} for row in ROWS]
    write_frames(storage, [Frame(WITH_RECORD, iter([batch(rows, WITH_RECORD)]), "stage", lines=lines)])
    failing = (batch([rows[place]], WITH_RECORD) for place in (0, 1, 3))
    with pytest.raises(IndexError):
        write_frames(storage, [Frame(WITH_RECORD, failing, "stage", lines=lines)])
    for path in ("stage", "output"):
        with pytest.raises(NotFound) as missing:
            open_folder(storage, path)
        assert str(missing.value) == (
            f"{storage.url}/{path} is not there or not complete (no _SUCCESS); materialize the asset that writes it"
        )


def test_no_folder_is_complete_before_all_are_written(storage):
    """Where the second of two frames fails, the first one's folder is not complete either."""
    frames = [frame(ROWS, "first"), Frame(SCHEMA, lost_connection(), "second")]
    with pytest.raises(ConnectionError):
        write_frames(storage, frames)
    assert (storage.manifest("first"), storage.manifest("second")) == (None, None)


def test_a_replacement_that_died_leaves_the_old_content(storage):
    """Where a frame that replaces last fails, readers find the content before, and the next one cleans up."""
    before = write_frames(storage, [frame(ROWS)])["stage"]
    with pytest.raises(ConnectionError):
        write_frames(storage, [Frame(SCHEMA, lost_connection(), "stage", replaces_last=True)])
    assert open_folder(storage, "stage") == before
    assert before.scan().to_table().to_pylist() == ROWS
    after = write_frames(storage, [frame(ROWS[:1], replaces_last=True)])["stage"]
    assert [found.name for found in storage.objects("stage")] == [
        "_SUCCESS",
        after.manifest["files"][0]["name"],
    ]


def test_success_comes_last(storage, tmp_path):
    """While the last batch is made, no folder has its manifest yet."""
    seen = []

    def batches():
        yield batch(ROWS)
        seen.append(files_below(tmp_path))
        yield batch(ROWS)

    write_frames(storage, [frame(ROWS, "first"), Frame(SCHEMA, batches(), "second")])
    assert [name for names in seen for name in names if name == "_SUCCESS"] == []
    assert files_below(tmp_path).count("_SUCCESS") == 2


def test_counts_values_without_reading_them(storage):
    """The files tell how many values are not null, and how many entries lists have, of which none is empty."""
    rows = [{"user": "u", "items": ["a", "b"]}, {"user": None, "items": ["a"]}]
    folder = write_frames(storage, [frame(rows), frame(rows, name="other")])["stage"]
    assert [folder.values_of(column, "other") for column in ("user", "items.list.element")] == [1, 3]


def test_gives_each_file_of_a_frame_by_itself(storage):
    """A folder can be taken file by file, without the files of its other frames."""
    schema, big = pa.schema([("n", pa.int64())]), pa.table({"n": range(1_000_001)})
    frames = [Frame(schema, iter(big.to_batches(500_000)), "stage"), frame(ROWS, name="other")]
    files = write_frames(storage, frames)["stage"].files("part")
    assert [file.scan().count_rows() for file in files] == [1_000_000, 1]


@pytest.mark.parametrize("start", [0, 1])
def test_tells_the_ids_of_a_frame(storage, start):
    """Out of the dictionaries where they hold no others, else out of the lists."""
    schema = pa.schema([("items", pa.list_(pa.string()))])
    lists = in_dictionary(pa.array([["a"], ["b", "c"], ["b"]])).slice(start)
    rows = pa.record_batch([lists], names=["items"])
    folder = write_frames(storage, [Frame(schema, iter([rows]), "stage")])["stage"]
    told = [entry.get("told_by_dictionaries") for entry in folder.manifest["files"]]
    assert told == [None if start else ["items"]]
    assert distinct(folder.ids("items")).to_pylist() == ["a", "b", "c"][start:]


def test_rows_that_others_wrote_are_part_of_a_frame(storage):
    """Files that other machines wrote under the frame's token are in the manifest, and count; what they left besides is removed."""

    def spread(token):
        storage.write("stage/left-behind.parquet", b"")
        (storage.local / "stage/part-00009.parquet#1").write_bytes(b"half of it")
        return list(write_parts(storage, frame(ROWS), token, piece="00007-"))

    folder = write_frames(storage, [frame(ROWS[:1], spread=spread)])["stage"]
    assert sorted(row["user"] for row in folder.scan().to_table().to_pylist()) == ["", 'q"', "zoë", "zoë"]
    assert len(files_below(storage.local)) == 3
