"""What holds of all lines of a batch output, however they are written or damaged."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize_connectors_tests.engine.typed_rows import rows

ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
score_lists = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3)


@given(
    user=ids, items=st.lists(ids, min_size=1, max_size=4), scores=st.none() | score_lists, error=st.booleans()
)
def test_the_fast_and_the_careful_path_agree(session, user, items, scores, error):
    """A record reads the same however it is serialised: compact and plain, escaped, or with spaces."""
    output = {"recommendedItems": items} | ({} if scores is None else {"scores": scores})
    record = {"input": {"userId": user}, "output": output} | ({"error": None} if error else {})
    texts = [
        json.dumps(record, ensure_ascii=ascii_only, separators=separators)
        for ascii_only in (False, True)
        for separators in ((",", ":"), (", ", ": "))
    ]
    found = rows(session, "\n".join(texts))
    expected = (user, items, scores, None, None, None, None)
    assert [row[2:] for row in found] == [expected] * 4


scraps = st.sampled_from(
    [*'{}[]",:\\ -+.eE0129', "null", '"a"', "\t", "\x0b", "input", "NaN", "é", '""', "scores"]
)
damages = st.tuples(st.integers(0, 80), st.integers(0, 4), st.lists(scraps, max_size=3).map("".join))


def strict(line):
    """Query and list of a line by Python's own parser, without the constants that are no JSON."""
    parsed = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    return str(parsed["input"]["userId"]), [str(item) for item in parsed["output"]["recommendedItems"]]


@settings(max_examples=50)
@given(st.lists(damages, min_size=1, max_size=50))
def test_no_line_disappears(session, damaged):
    """A damaged line is either read as a strict parser reads it, or set aside: never lost, never half read."""
    good = '{"input":{"userId":"u"},"output":{"recommendedItems":["a","b"],"scores":[0.5,1e-3]},"error":null}'
    lines = [good[:start] + scrap + good[start + length :] for start, length, scrap in damaged]
    found = rows(session, "\n".join(lines))
    assert len(found) == len(lines)
    for line, (_, _, query, recommended, _, _, reason, _, text) in zip(lines, found, strict=True):
        if reason is None:
            assert (query, recommended) == strict(line)
        else:
            assert (recommended, text) == (None, line)
