"""Lines of files as Arrow columns, however the bytes arrive."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors.engine.lines import SCHEMA, line_batches

BOM = b"\xef\xbb\xbf"

contents = st.one_of(
    st.binary(max_size=60),
    st.lists(
        st.sampled_from([b"\n", b"\r\n", b"a", BOM, "é€😀".encode(), b"\xff", b"\xe2\x82"]), max_size=20
    ).map(b"".join),
)


def rows(*files):
    """Rows of files, each given as its blocks."""
    return [tuple(row.values()) for batch in line_batches(files) for row in batch.to_pylist()]


def blocks_of(content, cuts):
    """The content cut at these places."""
    places = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    return [content[start:end] for start, end in pairwise(places)]


def expected(file_no, content):
    """The same rows by splitting the whole content."""
    lines = [line + b"\n" for line in content.removeprefix(BOM).split(b"\n")]
    lines[-1] = lines[-1].removesuffix(b"\n")
    found = []
    for number, line in enumerate(lines if lines[-1] else lines[:-1], 1):
        try:
            found.append((file_no, number, True, line.decode()))
        except UnicodeDecodeError:
            found.append((file_no, number, False, line.decode("utf-8", "backslashreplace")))
    return found


@given(st.lists(st.tuples(contents, st.lists(st.integers(0, 100), max_size=8)), max_size=3))
def test_any_cut_gives_the_lines_of_splitting(files):
    """Any bytes cut into any blocks give the lines and numbers that splitting the whole gives."""
    found = rows(*(blocks_of(content, cuts) for content, cuts in files))
    assert found == [row for number, (content, _) in enumerate(files) for row in expected(number, content)]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", []),
        (BOM, []),
        (b"\n", [(0, 1, True, "\n")]),
        (b"a\nb", [(0, 1, True, "a\n"), (0, 2, True, "b")]),
        (b"a\r\nb\r\n", [(0, 1, True, "a\r\n"), (0, 2, True, "b\r\n")]),
        (BOM + b"a\n", [(0, 1, True, "a\n")]),
        (b"a\n" + BOM + b"b\n", [(0, 1, True, "a\n"), (0, 2, True, "\ufeffb\n")]),
        (b"a\rb\x0bc\n", [(0, 1, True, "a\rb\x0bc\n")]),
        (b"a\n\xe9\nb", [(0, 1, True, "a\n"), (0, 2, False, "\\xe9\n"), (0, 3, True, "b")]),
        ("\u2028\u0085\n".encode(), [(0, 1, True, "\u2028\u0085\n")]),
    ],
)
def test_lines_of_one_file(content, found):
    """A line keeps its newline; only a newline ends it, and bytes that are not UTF-8 come escaped."""
    assert rows([content]) == found


def test_line_numbers_begin_anew_in_each_file():
    """Files are numbered from 0, the lines of each from 1, and a file without a last newline does not run on."""
    assert rows([b"a\nb"], [], [b"c"]) == [(0, 1, True, "a\n"), (0, 2, True, "b"), (2, 1, True, "c")]


def test_batches_have_one_schema():
    """Every batch has the declared columns, with and without bytes that are not UTF-8."""
    assert {batch.schema for batch in line_batches([[b"a\n"], [b"\xff"]])} == {SCHEMA}


def test_files_are_read_block_by_block():
    """The lines of a block are there before the next block is read."""
    read = []

    def blocks():
        for block in (b"a\nb", b"c\n"):
            read.append(block)
            yield block

    batches = line_batches([blocks()])
    assert (next(batches)["text"].to_pylist(), read) == (["a\n"], [b"a\nb"])
