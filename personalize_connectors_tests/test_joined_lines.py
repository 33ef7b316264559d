"""Rows of pieces in a file: text, or matches that are known."""

import random
from concurrent.futures import ThreadPoolExecutor

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors import joined_lines, zstd_sequences
from personalize_connectors.engine import known_matches, pieces
from personalize_connectors.engine.pieces import joined, pieces_of, unjoined
from personalize_connectors.joined_lines import JoinedLines
from personalize_connectors.line_file import compressed, line_file
from personalize_connectors.storage import open_storage

TAIL = '],"jobInfo":{"name":"daily"}}\n'


def column_of(documents, rows, tail=TAIL):
    """Rows of heads and places among the documents."""
    bounds = np.cumsum([0, *(len(places) for _, places in rows)])
    codes = pa.array([place for _, places in rows for place in places], pa.int32())
    ids = pa.DictionaryArray.from_arrays(codes, documents)
    lists = pa.ListArray.from_arrays(pa.array(bounds, pa.int32()), ids)
    return unjoined(pa.array([head for head, _ in rows], pa.string()), lists, tail)


def plain(texts, rows, tail=TAIL):
    """The text of such rows."""
    return "".join(head + ",".join(texts[place] for place in places) + tail for head, places in rows).encode()


def made(lib, columns):
    """The parts of a file of some columns."""
    with ThreadPoolExecutor(1) as matching:
        lines = JoinedLines(lambda text: compressed(text, "zstd"), lib, matching)
        parts = [bytes(part()) for column in columns for part in lines.take(column)]
        return parts + [bytes(part()) for part in lines.end()]


def text_of(parts):
    """What Arrow reads of parts behind each other."""
    return pa.input_stream(pa.py_buffer(b"".join(parts)), compression="zstd").read()


def many(texts, number=3000, most=25, seed=1):
    """Rows of any of some documents, among them some twice in one list, and empty lists."""
    chance = random.Random(seed)
    places = [
        [chance.randrange(len(texts)) for _ in range(chance.randrange(most + 1))] for _ in range(number)
    ]
    return [(f'{{"queryUserId":"user-{row}","recommendations":[', each) for row, each in enumerate(places)]


@pytest.fixture(autouse=True, scope="module")
def _enough():
    """Little text is enough for known matches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known_matches, "_WORTH_COMPILING", 0)
        yield


TEXTS = [f'{{"name":"Lämp {n} 灯","price":{n * 7 % 91},"itemId":"item-{n}"}}' for n in range(40)]


@pytest.fixture
def lib():
    """The library that was tested."""
    found = zstd_sequences.libzstd()
    assert found, (
        "no libzstd of the version that was tested: read what became of the function, and test the new one"
    )
    return found


def test_matches_that_are_known_make_the_same_text(lib):
    """One frame of all columns holds the text of the rows, and is far smaller than it."""
    documents, rows = pa.array(TEXTS), many(TEXTS)
    parts = made(lib, [column_of(documents, rows[start : start + 500]) for start in range(0, 3000, 500)])
    assert (parts[0], parts[-1]) == (zstd_sequences.begun(23), zstd_sequences.END)
    assert text_of(parts) == plain(TEXTS, rows)
    assert len(b"".join(parts)) < len(plain(TEXTS, rows)) / 5


@pytest.mark.usefixtures("lib")
def test_every_reader_reads_it(tmp_path):
    """A file with known matches is one text for DuckDB, too, and its entry counts its rows and bytes."""
    documents, rows = pa.array(TEXTS), many(TEXTS)
    with line_file(open_storage(str(tmp_path)), "a.json.zst", "zstd") as lines:
        lines.write(column_of(documents, rows))
        lines.write(column_of(documents, []))
    found = (tmp_path / "a.json.zst").read_bytes()
    assert found.startswith(zstd_sequences.begun(23))
    assert lines.entry["rows"] == 3000
    assert lines.entry["bytes"] == len(found)
    read = duckdb.sql(
        f"SELECT count(*), sum(len(recommendations)) FROM read_json('{tmp_path}/a.json.zst', format='newline_delimited')"
    )
    assert read.fetchall() == [(3000, sum(len(places) for _, places in rows))]


_heads = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=9), min_size=1, max_size=5
    ),
    heads=st.lists(_heads, min_size=1, max_size=30),
    most=st.integers(0, 9),
    again=st.integers(1, 40),
    seed=st.integers(0, 99),
    cut=st.integers(1, 200),
)
def test_any_rows_make_the_text_that_they_make_without(texts, heads, most, again, seed, cut):
    """For any documents, heads, lists and columns the text is that of the usual way, whichever way was taken."""
    documents, chance = pa.array(texts), random.Random(seed)
    rows = [
        (head, [chance.randrange(len(texts)) for _ in range(chance.randrange(most + 1))])
        for head in heads * again
    ]
    columns = [column_of(documents, rows[start : start + cut]) for start in range(0, len(rows), cut)]
    wanted = plain(texts, rows)
    assert text_of(made(zstd_sequences.libzstd(), columns)) == text_of(made(None, columns)) == wanted


def _no_frame_of_ours(parts):
    return not any(parts[0].startswith(zstd_sequences.begun(window)) for window in range(23, 28))


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param(["a", "b", "c"], id="of one byte"),
        pytest.param(["x" * 200_000, *TEXTS], id="longer than a block"),
        pytest.param(["", *TEXTS], id="empty"),
    ],
)
def test_documents_that_no_match_can_be_are_compressed_as_usual(lib, texts):
    """Documents that are too short or too long for the format's matches make the same text, in frames of text."""
    rows = many(texts, number=400, most=4)
    parts = made(lib, [column_of(pa.array(texts), rows)])
    assert text_of(parts) == plain(texts, rows)
    assert _no_frame_of_ours(parts)


def test_a_day_with_few_records_is_compressed_as_usual(lib):
    """Where documents would be written as they are about as often as they stand in the text, text is compressed."""
    rows = many(TEXTS, number=10)
    parts = made(lib, [column_of(pa.array(TEXTS), rows)])
    assert text_of(parts) == plain(TEXTS, rows)
    assert _no_frame_of_ours(parts)


def test_a_catalogue_larger_than_the_window_is_compressed_as_usual():
    """Documents of more bytes than a window holds five times would mostly be forgotten before they come again."""
    texts = [f"{number:0200}" for number in range(140_000)]
    assert joined_lines.window_of(_texts(texts)) is None
    assert joined_lines.window_of(_texts(texts[:120_000])) == 27


def _texts(texts):
    return pieces_of(column_of(pa.array(texts), [("", [0])]), None).texts


def test_a_head_that_no_block_holds_is_written_as_it_is(lib):
    """One enormous head goes into plain blocks of the same frame, and matches go on behind it."""
    rows = many(TEXTS)
    rows[1500] = ("h" * 300_000, [3, 3])
    columns = [column_of(pa.array(TEXTS), rows[start : start + 100]) for start in range(0, 3000, 100)]
    parts = made(lib, columns)
    assert parts[0] == zstd_sequences.begun(23)
    assert text_of(parts) == plain(TEXTS, rows)


def test_blocks_that_the_library_refuses_are_written_as_they_are(lib, monkeypatch):
    """An error of the library costs room, not a record."""
    monkeypatch.setattr(joined_lines, "coded_blocks", lambda *_: None)
    rows = many(TEXTS)
    parts = made(lib, [column_of(pa.array(TEXTS), rows)])
    assert parts[0] == zstd_sequences.begun(23)
    assert text_of(parts) == plain(TEXTS, rows)


def test_other_documents_begin_anew(lib):
    """Columns of other documents than those before them are a frame of their own."""
    other, rows = [text.upper() for text in TEXTS], many(TEXTS)
    parts = made(lib, [column_of(pa.array(TEXTS), rows), column_of(pa.array(other), rows)])
    assert parts.count(zstd_sequences.END) == parts.count(zstd_sequences.begun(23)) == 2
    assert text_of(parts) == plain(TEXTS, rows) + plain(other, rows)


def test_a_match_never_lies_outside_the_window(lib):
    """A document that was written last before the window is written again; Arrow's decoder refuses a match so far back."""
    texts = [*TEXTS, "rare, and once more at the end"]
    filler = many(TEXTS, number=60_000, most=4)
    rows = [("head", [40]), *filler, ("head", [40])]
    assert len(plain(texts, rows)) > 1 << 23
    assert text_of(made(lib, [column_of(pa.array(texts), rows)])) == plain(texts, rows)


def test_rows_are_joined_a_few_at_a_time():
    """The text of many rows is made in slices that stay in the caches."""
    rows = many(TEXTS, number=20_000)
    slices = list(joined(pieces_of(column_of(pa.array(TEXTS), rows), None)))
    assert len(slices) > 1
    assert b"".join(text for each in slices for text in each.to_pylist()) == plain(TEXTS, rows)


def test_long_heads_do_not_lead_to_matches_outside_the_window(lib):
    """Rows that are worked out together can be longer than the window by their heads."""
    texts = [*TEXTS, "rare, and once more at the end"]
    filler = [("h" * 60_000, places) for _, places in many(TEXTS, number=200)]
    rows = [("head", [0, 40]), *filler, ("head", [0, 40])]
    assert len(plain(texts, rows)) > 1 << 23
    parts = made(lib, [column_of(pa.array(texts), rows)])
    assert (parts[0], text_of(parts)) == (zstd_sequences.begun(23), plain(texts, rows))


def test_of_a_large_catalogue_what_is_used_is_copied(monkeypatch):
    """Rows of few of many documents are put together without a copy of all of them."""
    monkeypatch.setattr(pieces, "_COPIED_WHOLE", 0)
    rows = [("head", [7, 39, 7]), ("empty", []), ("head", [39])]
    slices = joined(pieces_of(column_of(pa.array(TEXTS), rows), None))
    assert b"".join(text for each in slices for text in each.to_pylist()) == plain(TEXTS, rows)
