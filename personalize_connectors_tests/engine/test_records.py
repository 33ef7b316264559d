"""The decorated record: the documented JSON line."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors.engine.item_documents import Selection, render
from personalize_connectors.engine.pieces import joined, pieces_of
from personalize_connectors.engine.records import RecordForm, with_records
from personalize_connectors_tests.engine.plain import items as items_of
from personalize_connectors_tests.engine.plain import plain

USERS = pa.schema(
    [
        ("user_id", pa.string()),
        ("items", pa.list_(pa.string())),
        ("queries", pa.list_(pa.string())),
        ("kept", pa.int64()),
    ]
)
INFO = {"name": "daily", "runDateTime": "2026-11-22T03:00:00+00:00"}
ITEMS = {"a": '{"id":"a","name":"Lämp","price":9.5}', "b": None, 'c"|/,é': '{"id":"c","tags":["x"]}'}


def lines(users, items, form, batch_size=100):
    """The records as they are written, one after the other."""
    table = pa.Table.from_pylist([dict(zip(USERS.names, user, strict=True)) for user in users], schema=USERS)
    batches = list(
        with_records(table.to_batches(batch_size), render(items_of(items), Selection(), plain), form)
    )
    assert [row["kept"] for batch in batches for row in batch.to_pylist()] == [user[3] for user in users]
    texts = [text for batch in batches for text in joined(pieces_of(batch["record"], None))]
    return b"".join(line for text in texts for line in text.to_pylist()).decode()


@pytest.mark.parametrize(
    ("job_type", "user", "directives", "line"),
    [
        (
            "user_personalization",
            ("4638", ["b", "a"], None, 0),
            {},
            ('{"queryUserId":"4638","recommendations":[{"itemId":"b"},{"name":"Lämp","price":9.5,"itemId":"a"}],'
            '"jobInfo":{"name":"daily","runDateTime":"2026-11-22T03:00:00+00:00"}}\n'),
        ),
        (
            "personalized_ranking",
            ('é"|', ["b"], None, 0),
            {"attributePrefix": "recs_"},
            ('{"queryUserId":"é\\"|","recommendations":[{"itemId":"b"}],'
            '"jobInfo":{"name":"daily","runDateTime":"2026-11-22T03:00:00+00:00"},"syncDirectives":{"attributePrefix":"recs_"}}\n'),
        ),
        (
            "related_items",
            ("u", ["b"], ["q\\"], 0),
            {"attributePrefix": "recs_", "otherAttributes": {"ü": 1}},
            ('{"queryItemId":"q\\\\","userId":"u","recommendations":[{"itemId":"b"}],'
            '"jobInfo":{"name":"daily","runDateTime":"2026-11-22T03:00:00+00:00"},'
            '"syncDirectives":{"attributePrefix":"recs_","otherAttributes":{"ü":1}}}\n'),
        ),
        (
            "related_items",
            ("u", ["b"], ["q", "r\n"], 0),
            {"otherAttributes": {}},
            ('{"queryItemIds":["q","r\\n"],"userId":"u","recommendations":[{"itemId":"b"}],'
            '"jobInfo":{"name":"daily","runDateTime":"2026-11-22T03:00:00+00:00"},"syncDirectives":{"otherAttributes":{}}}\n'),
        ),
        (
            "user_segmentation",
            ("u", ['c"|/,é'], None, 0),
            {},
            ('{"userId":"u","recommendations":[{"tags":["x"],"itemId":"c\\"|/,é"}],'
            '"jobInfo":{"name":"daily","runDateTime":"2026-11-22T03:00:00+00:00"}}\n'),
        ),
    ],
)  # fmt: skip
def test_records_are_the_documented_line(job_type, user, directives, line):
    """Each job type's record is the documented line, to the byte."""
    assert lines([user], ITEMS, RecordForm(job_type, INFO, directives)) == line


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)
rows = st.tuples(
    texts,
    st.lists(st.sampled_from(list(ITEMS)), min_size=1, max_size=4),
    st.lists(texts, min_size=1, max_size=3),
    st.integers(0, 99),
)


@given(
    users=st.lists(rows, max_size=6),
    job_type=st.sampled_from(["user_personalization", "related_items"]),
    directives=st.dictionaries(st.sampled_from(["attributePrefix", "otherAttributes"]), texts, max_size=2),
    batch_size=st.integers(1, 4),
)
def test_records_equal_plain_json(users, job_type, directives, batch_size):
    """For any users, in any batches, the lines are what Python's JSON writes of the same record, key order included."""
    expected = []
    for user, items, queries, _ in users:
        of_job = {"queryUserId": user}
        if job_type == "related_items":
            one = len(queries) == 1
            of_job = {"queryItemId": queries[0]} if one else {"queryItemIds": queries}
            of_job |= {"userId": user}
        metadata = {item: json.loads(line or "{}") for item, line in ITEMS.items()}
        recommendations = [
            {key: value for key, value in metadata[item].items() if key != "id"} | {"itemId": item}
            for item in items
        ]
        record = of_job | {"recommendations": recommendations, "jobInfo": INFO}
        expected.append(record | ({"syncDirectives": directives} if directives else {}))
    found = lines(users, ITEMS, RecordForm(job_type, INFO, directives), batch_size)
    written = [json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n" for record in expected]
    assert found == "".join(written)
