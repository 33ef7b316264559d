"""One row per user out of typed lines."""

import pyarrow as pa
import pytest

from personalize_connectors.engine.recommendations import last_lines, of_segments, of_users, readable

RAW = pa.schema(
    [
        ("file", pa.string()),
        ("line", pa.int64()),
        ("query", pa.string()),
        ("recommended", pa.list_(pa.string())),
        ("scores", pa.list_(pa.float64())),
        ("reason", pa.string()),
    ]
)


def raw(*rows):
    """Typed lines."""
    return pa.Table.from_pylist([dict(zip(RAW.names, row, strict=True)) for row in rows], schema=RAW)


def by_query(lines, last):
    """Query to list and scores of the lines that count."""
    found = [row for batch in readable(lines.to_batches(), last) for row in batch.to_pylist()]
    assert len(found) == len({row["query"] for row in found})
    return {row["query"]: (row["recommended"], row["scores"]) for row in found}


def test_the_last_line_of_a_query_wins(session):
    """Of the same query in several lines the last counts: files by name, then line; the others are counted."""
    lines = raw(
        ("b.out", 2, "u", ["late"], None, None),
        ("a.out", 9, "u", ["early"], [0.5], None),
        ("a.out", 10, "v", ["ten"], [0.1], None),
        ("a.out", 9, "v", ["nine"], None, None),
        ("b.out", 1, "u", ["middle"], None, None),
        ("a.out", 1, "w", ["only"], None, None),
    )
    last = last_lines(session, lines)
    assert (by_query(lines, last), last.repeated) == (
        {"u": (["late"], None), "v": (["ten"], [0.1]), "w": (["only"], None)},
        3,
    )


def test_error_lines_are_no_lines_of_a_query(session):
    """A later line that carries no recommendation does not hide an earlier one that does."""
    lines = raw(
        ("a", 1, "u", ["x"], None, None),
        ("a", 2, "u", None, None, "empty_list"),
        ("a", 3, None, None, None, "no_id"),
    )
    last = last_lines(session, lines)
    assert (by_query(lines, last), last.repeated) == ({"u": (["x"], None)}, 0)


def test_no_lines(session):
    """An empty batch output gives no rows and no repeats."""
    lines = raw()
    last = last_lines(session, lines)
    assert (by_query(lines, last), last.repeated) == ({}, 0)


@pytest.mark.parametrize(
    ("longest", "row"),
    [
        (2, ("u", ["a", "b"], [0.5, 0.25], None)),
        (3, ("u", ["a", "b", "c"], [0.5, 0.25], None)),
        (9, ("u", ["a", "b", "c"], [0.5, 0.25], None)),
    ],
)
def test_users_get_their_list_cut(longest, row):
    """List and scores are cut at the longest list; shorter scores stay shorter."""
    lines = raw(("a", 1, "u", ["a", "b", "c"], [0.5, 0.25], None)).to_batches()
    assert [tuple(found.values()) for batch in of_users(lines, longest) for found in batch.to_pylist()] == [
        row
    ]


def test_users_get_the_queries_whose_segment_names_them(session):
    """Each user gets the queries that name the user, best rank first, then by query, cut; repeats count once."""
    lines = raw(
        ("a", 1, "z", ["u", "v"], None, None),
        ("a", 2, "y", ["w", "u", "u"], None, None),
        ("a", 3, "x", ["v", "u"], None, None),
        ("a", 4, "w", ["u"], None, None),
    )
    found = {row[0]: row[1:] for row in of_segments(session, iter(lines.to_batches()), 3).fetchall()}
    assert found == {
        "u": (["w", "z", "x"], None, None),
        "v": (["x", "z"], None, None),
        "w": (["y"], None, None),
    }
