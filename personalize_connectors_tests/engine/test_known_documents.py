"""Item documents of an earlier run: taken over where the metadata line is the same."""

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors.engine.item_documents import SCHEMA, Selection, dump, render
from personalize_connectors.engine.known_documents import documents
from personalize_connectors_tests.engine.plain import items

LINES = st.dictionaries(
    st.sampled_from("abcdefé"), st.none() | st.sampled_from(['{"n":1}', '{"n":2}', '{"n":1,"m":"é"}'])
).map(lambda lines: dict(sorted(lines.items())))


def payload(fields):
    """Another text than the document, and a finding where there is an m."""
    return dump([*fields.values()]), [("rule", "m")] if "m" in fields else []


def counting(counted):
    """A payload that notes what it is asked for."""

    def noted(fields):
        counted.append(fields["itemId"])
        return payload(fields)

    return noted


def rendered(lines):
    """The documents of item id to line, as nothing is known."""
    return render(items(lines), Selection(), payload)


@given(before=LINES, now=LINES)
def test_documents_are_what_rendering_gives(before, now):
    """For any lines then and now the documents are those that rendering gives; no more is rendered than what differs."""
    asked = []
    found, count = documents(items(now), Selection(), counting(asked), ds.dataset(rendered(before)))
    new = [item for item, line in now.items() if item not in before or before[item] != line]
    assert found.equals(rendered(now))
    assert (asked, count) == (new, len(new))


def test_nothing_is_known():
    """Without known documents all are rendered."""
    assert documents(items({"a": None}), Selection(), payload, None) == (rendered({"a": None}), 1)


def test_known_documents_come_from_a_file(tmp_path):
    """As the files of a run hold them, of several row groups, they are the same table."""
    lines = {f"i{number}": f'{{"m":{number}}}' for number in range(9)}
    pq.write_table(rendered(lines), tmp_path / "a.parquet", row_group_size=2, store_schema=False)
    known = ds.dataset(tmp_path / "a.parquet")
    found, count = documents(items(lines), Selection(), payload, known)
    assert (found.schema, found.equals(rendered(lines)), count) == (SCHEMA, True, 0)
    some = {"i0": '{"m":0}', "i7": None, "i8": '{"m":8}'}
    found, count = documents(items(some), Selection(), payload, known)
    assert (pa.table(found).equals(rendered(some)), count) == (True, 1)
