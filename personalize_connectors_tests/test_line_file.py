"""Files of lines, compressed in pieces."""

import gzip
import sys

import duckdb
import pyarrow as pa
import pytest

from personalize_connectors.line_file import compressed, line_ending, line_file
from personalize_connectors.storage import open_storage

CODECS = {"none": None, "gzip": "gzip", "zstd": "zstd"}


def written(tmp_path, form, pieces):
    """The file of some columns of lines, and its entry."""
    name = f"lines{line_ending(form)}"
    with line_file(open_storage(str(tmp_path)), name, form) as lines:
        for piece in pieces:
            lines.write(piece)
    return tmp_path / name, lines.entry


def text_of(path, form):
    """What Arrow reads of a file."""
    with pa.input_stream(str(path), compression=CODECS[form]) as stream:
        return stream.read()


@pytest.mark.parametrize("form", CODECS)
def test_pieces_are_one_text_for_every_reader(tmp_path, form):
    """Many pieces, of which some are cut from a larger column, are read as one text in their order, by Arrow, DuckDB and gzip."""
    column = pa.array([f'{{"n":{number}}}\n'.encode() * 50 for number in range(400)], pa.large_binary())
    path, entry = written(tmp_path, form, [column.slice(start, 9) for start in range(0, 400, 9)])
    wanted = b"".join(column.to_pylist())
    assert (text_of(path, form), entry["rows"], entry["bytes"]) == (wanted, 400, path.stat().st_size)
    read = duckdb.sql(
        f"SELECT count(*), sum(n) FROM read_json('{path}', format = 'newline_delimited')"
    ).fetchall()
    assert read == [(20_000, 50 * sum(range(400)))]
    if form == "gzip":
        assert gzip.decompress(path.read_bytes()) == wanted


@pytest.mark.parametrize("form", CODECS)
def test_a_file_without_lines_can_be_read(tmp_path, form):
    """No line is an empty text, not a broken file."""
    path, entry = written(tmp_path, form, [])
    assert (text_of(path, form), entry["rows"]) == (b"", 0)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_compressed_piece_takes_no_more_memory_than_it_is_long(compression):
    """Storage holds many small pieces before it sends them, so what they were compressed in must be gone."""
    piece = compressed(pa.py_buffer(bytes(4 << 20)), compression)
    assert sys.getsizeof(piece) < len(piece) + 100 < 10_000
