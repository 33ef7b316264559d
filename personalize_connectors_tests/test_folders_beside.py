"""Rows for a later stage, written in the same pass as those of a folder."""

import pyarrow as pa
import pytest

from personalize_connectors.engine.frame import Beside, Frame
from personalize_connectors.errors import NotFound
from personalize_connectors.folders import open_folder, write_frames
from personalize_connectors.storage import open_storage

SCHEMA = pa.schema([("user", pa.string()), ("items", pa.list_(pa.string()))])
ROWS = [{"user": "zoë", "items": ["a", "b"]}, {"user": 'q"', "items": []}, {"user": "", "items": None}]


@pytest.fixture
def storage(tmp_path):
    """A local folder."""
    return open_storage(str(tmp_path))


def frame(rows):
    """A frame of one batch, and the names of its users beside it."""
    beside = Beside(pa.schema([("user", pa.string())]), "later", "made", users_of)
    return Frame(SCHEMA, iter([pa.RecordBatch.from_pylist(rows, schema=SCHEMA)]), "stage", beside=beside)


def users_of(rows):
    """The users of some rows, without those of no name."""
    named = [user for user in rows["user"].to_pylist() if user]
    return pa.record_batch([pa.array(named, pa.string())], names=["user"])


def test_writes_for_a_later_stage_in_the_same_pass(storage):
    """Rows for a later stage are no part of the folder, do not make that stage complete, and are told until they are gone."""
    folder = write_frames(storage, [frame(ROWS)])["stage"]
    ((path, file),) = folder.beside
    table = storage.dataset([f"{path}/{file['name']}"]).to_table()
    assert (path, file["frame"], file["rows"], folder.rows) == ("later", "made", 2, 3)
    assert table.to_pylist() == [{"user": "zoë"}, {"user": 'q"'}]
    with pytest.raises(NotFound):
        open_folder(storage, "later")
    storage.remove(f"{path}/{file['name']}")
    assert folder.beside == []


def test_rows_for_a_later_stage_can_be_none(storage):
    """Where none of a frame's rows are for the later stage, its file holds none."""
    folder = write_frames(storage, [frame(ROWS[2:])])["stage"]
    assert [(path, file["rows"]) for path, file in folder.beside] == [("later", 0)]
