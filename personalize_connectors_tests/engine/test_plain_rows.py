"""Row groups of plain lines."""

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from personalize_connectors.engine import plain_rows as module
from personalize_connectors.engine.lines import stretches
from personalize_connectors.engine.plain_rows import SCHEMA, grammar, plain_rows

PLAIN = grammar("userId", "recommendedItems")
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**25), 10**25)
written = st.sampled_from(["{!r}", "{:.7f}", "{:.17g}", "{:.3e}", "{:.12E}", "{:g}", "{:.25f}"])


def line(user="u", items=("i",), scores="0.5"):
    """A line as Amazon Personalize writes it."""
    listed = json.dumps(items, separators=(",", ":"))
    return (
        f'{{"input":{{"userId":"{user}"}},"output":{{"recommendedItems":{listed},"scores":[{scores}]}},'
        '"error":null}\n'
    ).encode()


def read(*files):
    """The rows of files, each in blocks, and their other lines."""
    groups = list(plain_rows(stretches(files), PLAIN))
    assert all(rows.schema == SCHEMA for rows, _ in groups)
    for rows, _ in groups:
        rows.validate(full=True)
    return (
        [len(rows) for rows, _ in groups],
        [row for rows, _ in groups for row in rows.to_pylist()],
        [row for _, others in groups for batch in others for row in batch.to_pylist()],
    )


@given(number=numbers, form=written)
@example(number=1e22, form="{:.0f}")
@example(number=2**53 - 1, form="{!r}")
@example(number=2**53 + 1, form="{!r}")
@example(number=-0.0, form="{!r}")
def test_a_score_is_the_nearest_float_or_left_to_others(number, form):
    """A number that takes more than one exact operation is not plain; any other is what Python reads."""
    text = form.format(number)
    _, rows, others = read([line(scores=text)])
    assert len(rows) + len(others) == 1
    for row in rows:
        (found,) = row["scores"]
        assert (found, np.signbit(found)) == (float(text), np.signbit(float(text)))


@pytest.mark.parametrize(
    "text", ["0.0152238", "0", "-1", "1e-7", "9.99E-5", "0.6", "1234567.25", "1E+3", "-0.5e0"]
)
def test_scores_as_they_are_written_are_plain(text):
    """What Amazon Personalize writes is not left to others."""
    _, (row,), others = read([line(scores=text)])
    assert (row["scores"], others) == ([float(text)], [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+1",
        ".5",
        "1.",
        "01",
        "-",
        "1e",
        "1e+",
        "NaN",
        "0x1",
        "1,",
        ",1",
        "1 ",
        "--1",
        "null",
        "1.5.1",
        "-0",
        "-0.0",
    ],
)
def test_what_is_no_number_is_not_plain(text):
    """RFC 8259, 6: no plus, no bare point, no zero in front, and nothing else. An empty list is one; a zero with a sign is left to others."""
    _, rows, others = read([line(scores=text)])
    assert (len(rows), len(others)) == ((1, 0) if text == "" else (0, 1))


def test_rows_and_other_lines_keep_their_files_and_numbers():
    """Also where blocks end within lines, and where a file does not end with a newline."""
    first = line("a") + b"odd\n\n" + line("b") + line("c", scores="")
    blocks = [first[start : start + 7] for start in range(0, len(first), 7)]
    _, rows, others = read(blocks, [], [line("ü").removesuffix(b"\n")], [b"last"])
    assert [(row["file_no"], row["line"], row["query"], row["scores"]) for row in rows] == [
        (0, 1, "a", [0.5]),
        (0, 4, "b", [0.5]),
        (0, 5, "c", []),
        (2, 1, "ü", [0.5]),
    ]
    assert [(row["file_no"], row["line"], row["text"]) for row in others] == [
        (0, 2, "odd\n"),
        (0, 3, "\n"),
        (3, 1, "last\n"),
    ]


@given(counts=st.lists(st.integers(0, 2600), min_size=1, max_size=6), different=st.integers(1, 4000))
@example(counts=[511, 1, 1024, 513, 511, 2048], different=1000)
def test_lists_of_any_length_keep_their_ids(counts, different):
    """Ids of short lists are looked up together, those of long lists some at a time; a list of none is left to others."""
    ids = (f"i{number * 7919 % different}" for number in range(sum(counts)))
    lists = [[next(ids) for _ in range(count)] for count in counts]
    _, rows, others = read([line(str(user), items) for user, items in enumerate(lists)])
    assert [(row["query"], row["recommended"]) for row in rows] == [
        (str(user), items) for user, items in enumerate(lists) if items
    ]
    assert len(others) == counts.count(0)


def test_lines_that_are_not_utf8_are_left_to_others():
    """With all lines of their text: where such a line ends is known, and what it says is not."""
    _, rows, others = read([line("a"), line("b") + b"\xff\n"], [line("c")])
    assert [row["query"] for row in rows] == ["a", "c"]
    assert [(row["line"], row["utf8"]) for row in others] == [(2, True), (3, False)]


def test_groups_end_by_lines_and_by_text(monkeypatch):
    """A row group has enough lines, or as much text as there is room for; text beyond all room is left to others, in a group of its own."""
    monkeypatch.setattr(module, "ROWS_PER_GROUP", 5)
    sizes, rows, _ = read([line(f"{number:02}") for number in range(12)])
    assert (sizes, len(rows)) == ([5, 5, 2], 12)
    monkeypatch.setattr(module, "_TEXT_PER_GROUP", 3 * len(line("00")))
    sizes, rows, others = read([line(f"{number:02}") for number in range(7)], [line(items=["i"] * 400)])
    assert (sizes, len(rows), len(others)) == ([3, 3, 1, 0], 7, 1)


@pytest.mark.parametrize(
    ("groups", "sizes"),
    [
        (["abcd", "dcba", "abce", "a"], [4, 4, 5, 5]),
        (["abcd", "efgh", "ijkl", "abcd"], [4, 8, 4, 8]),
        (["", "abc", "abcd"], [0, 3, 4]),
        (["abcdefgh", "a", "b"], [8, 8, 1]),
        (["abcdefghi", "abcdefghi"], [9, 9]),
        (["abcdefghij", "abcdefghij"], [10, 10]),
        (["abcdefghijk", "abcdefghij"], [11, 10]),
    ],
)
def test_a_dictionary_is_kept_where_it_is_used_and_small(monkeypatch, groups, sizes):
    """Lists hold their own ids, whatever else their dictionary holds of the row groups before."""
    monkeypatch.setattr(module, "ROWS_PER_GROUP", 1)
    monkeypatch.setattr(module, "_MOST_LETTERS", 10)
    lines = [line(items=list(ids)) if ids else b"odd\n" for ids in groups]
    found = [rows["recommended"] for rows, _ in plain_rows(stretches([lines]), PLAIN)]
    assert [row for lists in found for row in lists.to_pylist()] == [list(ids) for ids in groups if ids]
    assert [len(lists.values.dictionary) for lists in found] == sizes
