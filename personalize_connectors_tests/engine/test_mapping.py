"""The user-item mapping: CSV files as people write them."""

import pytest

from personalize_connectors.engine.mapping import BadRow, SetAside, items_by_user, mapping_rows
from personalize_connectors.errors import BadInput
from personalize_connectors.storage import open_storage

HEADER = "USER_ID,ITEM_ID\n"


def read(folder, *contents):
    """The pairs of files a.csv, b.csv, ... with these contents, and what was set aside."""
    names = [f"{letter}.csv" for letter in "abcdef"[: len(contents)]]
    for name, content in zip(names, contents, strict=True):
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    set_aside = SetAside()
    batches = list(mapping_rows(open_storage(str(folder)), names, set_aside))
    return [tuple(row.values()) for batch in batches for row in batch.to_pylist()], set_aside


@pytest.mark.parametrize(
    ("content", "pairs"),
    [
        (HEADER + "u,a\nv,b\n", [("u", "a"), ("v", "b")]),
        (HEADER + "u,a", [("u", "a")]),
        (HEADER, []),
        ("USER_ID,ITEM_ID", []),
        ("item_id,User_Id\na,u\n", [("u", "a")]),
        (" Item_ID , note,USER_ID\na,n,u\n", [("u", "a")]),
        ('"USER_ID","ITEM_ID"\n"u","a"\n', [("u", "a")]),
        ('USER_ID,"a, note",ITEM_ID\nu,n,a\n', [("u", "a")]),
        ('USER_ID,"two\nlines",ITEM_ID\nu,n,a\n', [("u", "a")]),
        ("note,note,USER_ID,ITEM_ID\n1,2,u,a\n", [("u", "a")]),
        ("\ufeffUSER_ID,ITEM_ID\nu,a\n", [("u", "a")]),
        ('\ufeff"USER_ID","ITEM_ID"\r\nu,a\r\n', [("u", "a")]),
        ("USER_ID,ITEM_ID\r\nu,a\r\nv,b\r\n", [("u", "a"), ("v", "b")]),
        (HEADER + 'u,"a,b"\n"v ""x""","c\nd"\n', [("u", "a,b"), ('v "x"', "c\nd")]),
        (HEADER + "u|/,é日本\n", [("u|/", "é日本")]),
        (HEADER + "007,1e5\nNULL,nan\n", [("007", "1e5"), ("NULL", "nan")]),
        (HEADER + "u,a\n\n\nv,b\n\n", [("u", "a"), ("v", "b")]),
    ],
)
def test_reads_a_file(tmp_path, content, pairs):
    """Headers in any order and case, quotes, BOM and CRLF: ids come as they stand, as text."""
    assert read(tmp_path, content) == (pairs, SetAside())


def test_keeps_the_order_of_files_and_rows(tmp_path):
    """Rows come in the order of the files, then of their rows, repeats included."""
    pairs, _ = read(tmp_path, HEADER + "v,b\nu,a\n", "ITEM_ID,USER_ID\nz,v\na,u\n", HEADER + "a,a\n")
    assert pairs == [("v", "b"), ("u", "a"), ("v", "z"), ("u", "a"), ("a", "a")]


@pytest.mark.parametrize(
    ("row", "bad"),
    [
        ("u", BadRow("a.csv", 3, "1 fields where the header has 2", "u")),
        ("u,a,b", BadRow("a.csv", 3, "3 fields where the header has 2", "u,a,b")),
        (",a", BadRow("a.csv", None, "no user or no item", ",a")),
        ("u,", BadRow("a.csv", None, "no user or no item", "u,")),
        (',""', BadRow("a.csv", None, "no user or no item", ",")),
    ],
)
def test_sets_bad_rows_aside(tmp_path, row, bad):
    """A row with too few or too many fields, or without user or item, is counted and kept; the others are read."""
    assert read(tmp_path, f"{HEADER}u,a\n{row}\nv,b\n") == ([("u", "a"), ("v", "b")], SetAside(1, [bad]))


def test_counts_all_bad_rows_and_keeps_some(tmp_path):
    """All bad rows are counted, also those too many to keep."""
    pairs, set_aside = read(tmp_path, HEADER + "u\n" * 10_100 + ",\n" * 10)
    assert (pairs, set_aside.total, len(set_aside.rows)) == ([], 10_110, 10_000)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "has the header ''; it needs the columns USER_ID and ITEM_ID"),
        ("user,item\nu,a\n", "has the header 'user,item'; it needs the columns USER_ID and ITEM_ID"),
        ('"USER_ID,ITEM_ID\nu,a\n', "it needs the columns USER_ID and ITEM_ID"),
        ("\nUSER_ID,ITEM_ID\n", "has the header ''; it needs the columns USER_ID and ITEM_ID"),
        ("USER_ID\nu\n", "has the header 'USER_ID'; it needs the columns USER_ID and ITEM_ID"),
        ("USER_ID;ITEM_ID\nu;a\n", "The fields are separated by commas, not by semicolons or tabs."),
        ("USER_ID,user_id,ITEM_ID\nu,v,a\n", "each once, in any order and case"),
        (HEADER.encode() + b"caf\xe9,a\n", "cannot be read as CSV"),
        (HEADER.encode("utf-16"), "it needs the columns USER_ID and ITEM_ID"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, content, reason):
    """The error for a file without the columns, or that is no CSV in UTF-8, names the file and says why."""
    with pytest.raises(BadInput) as error:
        read(tmp_path, HEADER + "u,a\n", content)
    assert str(error.value).startswith(f"{tmp_path}/b.csv ")
    assert reason in str(error.value)


def test_users_have_their_items_in_mapping_order(tmp_path, session):
    """Each user comes once, with each item once, where it stood first."""
    (tmp_path / "a.csv").write_text(HEADER + "u,b\nv,x\nu,a\nu,b\n")
    (tmp_path / "b.csv").write_text("ITEM_ID,USER_ID\n0,u\nx,v\n")
    rows = mapping_rows(open_storage(str(tmp_path)), ["a.csv", "b.csv"], SetAside())
    assert sorted(items_by_user(session, rows).fetchall()) == [("u", ["b", "a", "0"]), ("v", ["x"])]


def test_the_error_of_a_file_survives_the_engine(tmp_path, session):
    """What is wrong with a file arrives as our own error, also when the engine reads it."""
    (tmp_path / "a.csv").write_text("who,what\n")
    rows = mapping_rows(open_storage(str(tmp_path)), ["a.csv"], SetAside())
    with pytest.raises(BadInput, match=r"a\.csv has the header 'who,what'"):
        items_by_user(session, rows)
