"""Parquet files of frames."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from personalize_connectors.engine.frame import ROWS_PER_GROUP
from personalize_connectors.engine.ids import in_dictionary
from personalize_connectors.storage import open_storage
from personalize_connectors.table_file import dictionaries, row_groups, table_file

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


@pytest.mark.parametrize(
    ("different", "coded"), [(1000, True), (32_768, True), (32_769, False), (70_000, False)]
)
def test_scores_are_in_a_dictionary_where_few_are_different(tmp_path, different, coded):
    """Numbers are places in a dictionary where at most half of a row group's first ones are different; they come back all the same."""
    scores = [[row % different * 1e-7] for row in range(90_000)] + [None, [], [None, 0.5]]
    rows = pa.record_batch([pa.array(scores, pa.list_(pa.float64()))], names=["scores"])
    with table_file(open_storage(str(tmp_path)), "some.parquet", rows.schema) as table:
        table.write(rows.slice(0, 90_000))
        table.end_group()
        table.write(rows.slice(90_000))
    file = pq.ParquetFile(tmp_path / "some.parquet")
    groups = [file.metadata.row_group(number).column(0) for number in range(file.metadata.num_row_groups)]
    assert [group.has_dictionary_page for group in groups] == [coded, coded]
    assert file.read()["scores"].to_pylist() == scores
    assert "told_by_dictionaries" not in table.entry


@pytest.mark.parametrize("rows", [[], [None], [[]]])
def test_nothing_is_said_of_scores_that_are_not_there(tmp_path, rows):
    """A file without a score, or without a row, can be read."""
    schema = pa.schema([("scores", pa.list_(pa.float64()))])
    with table_file(open_storage(str(tmp_path)), "some.parquet", schema) as table:
        table.write(pa.record_batch([pa.array(rows, schema.field("scores").type)], schema=schema))
    assert pq.read_table(tmp_path / "some.parquet")["scores"].to_pylist() == rows


def test_row_groups_come_in_order_with_their_lists_coded(tmp_path):
    """Row groups of several files come one after the other, each as one batch, columns as asked for, lists of ids in a dictionary."""
    storage, given = open_storage(str(tmp_path)), [batch(0, ROWS_PER_GROUP), batch(0, 5), batch(7, 9)]
    for path, some in (("a.parquet", given[:2]), ("b.parquet", given[2:])):
        with table_file(storage, path, SCHEMA) as table:
            for rows in some:
                table.write(rows)
    found = list(row_groups(storage, ["a.parquet", "b.parquet"], ["items", "user_id"]))
    assert [rows.to_pylist() for rows in found] == [
        rows.select(["items", "user_id"]).to_pylist() for rows in given
    ]
    assert all(pa.types.is_dictionary(rows["items"].type.value_type) for rows in found)


def test_little_is_read_ahead(tmp_path):
    """Whoever stops early never meets what is more than one row group ahead, even where it cannot be read."""
    storage = open_storage(str(tmp_path))
    for path in ("a.parquet", "b.parquet"):
        with table_file(storage, path, SCHEMA) as table:
            table.write(batch(0, 3))
    groups = row_groups(storage, ["a.parquet", "b.parquet", "missing.parquet"], ["user_id"])
    assert len(next(groups)) == 3
    groups.close()
    with pytest.raises(FileNotFoundError):
        list(row_groups(storage, ["a.parquet", "missing.parquet"], ["user_id"]))


def told(tmp_path, *batches):
    """What the dictionaries of a file tell, each batch a row group of it; None where they tell nothing."""
    storage = open_storage(str(tmp_path))
    with table_file(storage, "some.parquet", SCHEMA) as table:
        for some in batches:
            table.write(some)
            table.end_group()
    found = dictionaries(storage, "some.parquet", table.entry, "items")
    return None if found is None else [ids.to_pylist() for ids in found]


def users(lists):
    """A user for each list."""
    return pa.record_batch([pa.array(["u"] * len(lists)), lists], names=SCHEMA.names)


def test_dictionaries_tell_the_ids_of_a_file(tmp_path):
    """Of each row group all its ids, also where its first users, a thousand of them, have no list; nothing of one without ids."""
    without = pa.array([None, []] * 1000, pa.list_(pa.string()))
    given = (
        users(pa.concat_arrays([without, pa.array([["b", "a"], ["c"]])])),
        users(without),
        users(pa.array([["a"]])),
    )
    assert told(tmp_path, *given) == [["b", "a", "c"], ["a"]]


def test_a_dictionary_with_other_ids_tells_nothing(tmp_path):
    """Where lists were left out, or cut, their ids are still in the dictionary; then the lists have to be read."""
    lists = in_dictionary(pa.array([["a"], ["b"]]))
    assert told(tmp_path, users(lists)) == [["a", "b"]]
    assert told(tmp_path, users(lists.slice(1))) is None


def test_a_manifest_of_an_earlier_version_tells_nothing(tmp_path):
    """It does not say of its dictionaries whether they tell all."""
    assert (
        dictionaries(open_storage(str(tmp_path)), "some.parquet", {"name": "some.parquet"}, "items") is None
    )
