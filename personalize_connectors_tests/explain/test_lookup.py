"""One id out of many."""

from __future__ import annotations

import gzip

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from personalize_connectors.explain.lookup import lines_with, rows_of, text_blocks
from personalize_connectors.storage import open_storage


@pytest.fixture
def scan(tmp_path):
    """Two files of some row groups."""
    for number in (0, 1):
        ids = [f"u{place}" for place in range(number, 100 + number)]
        pq.write_table(
            pa.table({"id": ids, "file": [number] * 100, "place": range(100)}),
            tmp_path / f"{number}.parquet",
            row_group_size=7,
        )
    return ds.dataset([str(tmp_path / "0.parquet"), str(tmp_path / "1.parquet")])


def test_rows_come_from_every_file_in_order(scan, tmp_path):
    """All rows of the ids are found, with the file that each is of."""
    assert rows_of(scan, "id", ["u0", "u50"]) == [
        {"id": "u0", "file": 0, "place": 0, "path": str(tmp_path / "0.parquet")},
        {"id": "u50", "file": 0, "place": 50, "path": str(tmp_path / "0.parquet")},
        {"id": "u50", "file": 1, "place": 49, "path": str(tmp_path / "1.parquet")},
    ]


def test_only_the_columns_that_are_asked_for_are_read(scan):
    """The column that is searched need not be among them."""
    rows = rows_of(scan, "id", ["u100"], ["place"])
    assert [list(row) for row in rows] == [["place", "path"]]


@pytest.mark.parametrize("ids", [[], ["nobody"], ["u1 "]])
def test_no_id_is_no_row(scan, ids):
    """Who is not there has no row."""
    assert rows_of(scan, "id", ids) == []


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_lines_are_found_wherever_blocks_are_cut(size):
    """A line that holds the bytes comes whole and once, also the last one without an end."""
    text = b"one ab ab\ntwo\n\nab\nthree\nab end"
    blocks = [text[place : place + size] for place in range(0, len(text), size)]
    assert list(lines_with(blocks, b"ab")) == [b"one ab ab", b"ab", b"ab end"]


def test_text_is_decompressed_by_its_name(tmp_path):
    """Plain, gzip and zstd files give the same text."""
    text = b"line\n" * 2_000_000
    (tmp_path / "a.json").write_bytes(text)
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(text))
    with pa.CompressedOutputStream(str(tmp_path / "a.json.zst"), "zstd") as file:
        file.write(text)
    bucket = open_storage(str(tmp_path))
    for name in ("a.json", "a.json.gz", "a.json.zst"):
        blocks = list(text_blocks(bucket, name))
        assert (len(blocks) > 1, b"".join(blocks) == text) == (True, True)
