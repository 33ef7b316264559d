"""Parquet files of frames."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from personalize_connectors.engine.ids import in_dictionary
from personalize_connectors.storage import open_storage
from personalize_connectors.table_file import ROWS_PER_GROUP, table_file

SCHEMA = pa.schema([("user_id", pa.string()), ("items", pa.list_(pa.string()))])


def batch(first, count, form=lambda lists: lists):
    """So many users with a list each."""
    users = [f"user-{number}" for number in range(first, first + count)]
    lists = pa.array(
        [[f"item-{number % 7}", "é"] if number % 5 else None for number in range(first, first + count)]
    )
    return pa.record_batch([pa.array(users), form(lists)], names=SCHEMA.names)


def test_lists_come_back_however_they_were_handed_over(tmp_path):
    """Lists as text and in dictionaries that differ are one file of plain lists, in row groups, of which each has one dictionary."""
    given = [
        batch(0, 70_000),
        batch(70_000, 70_000, in_dictionary),
        batch(140_000, 10, in_dictionary),
        batch(140_010, 3),
    ]
    with table_file(open_storage(str(tmp_path)), "some.parquet", SCHEMA) as table:
        for some in given:
            table.write(some)
    wanted = [row for some in given for row in some.to_pylist()]
    file = pq.ParquetFile(tmp_path / "some.parquet")
    assert (table.entry["rows"], file.metadata.num_row_groups) == (140_013, 2)
    assert file.metadata.row_group(0).num_rows >= ROWS_PER_GROUP
    assert file.schema_arrow.field("items").type == pa.list_(pa.field("element", pa.string()))
    assert file.read().to_pylist() == wanted
    coded = pq.read_table(tmp_path / "some.parquet", read_dictionary=["items.list.element"])
    assert pa.types.is_dictionary(coded["items"].type.value_type)
    assert coded.to_pylist() == wanted


def test_an_error_while_a_group_is_encoded_is_raised(tmp_path):
    """Rows that do not fit the columns fail the file, though another thread writes them, and nothing is left there."""
    wrong = pa.record_batch([pa.array(["u"]), pa.array([1.5])], names=SCHEMA.names)
    with (
        pytest.raises(pa.ArrowException),
        table_file(open_storage(str(tmp_path)), "some.parquet", SCHEMA) as table,
    ):
        table.write(wrong)
    assert list(tmp_path.iterdir()) == []
