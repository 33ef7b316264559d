"""Item documents: selected metadata, rendered once."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors.engine.item_documents import SCHEMA, Selection, dump, render, unseen_fields
from personalize_connectors_tests.engine.plain import items, plain

LINE = '{"price": 9.90, "id": "a", "name": "Lämp \\"x\\"", "none": null, "tags": ["b", {"c": null}], "itemId": "no"}'


def documents(lines, fields=None):
    """Item id to document text."""
    table = render(items(lines), Selection(fields), plain)
    return dict(zip(table["item_id"].to_pylist(), table["document"].to_pylist(), strict=True))


@pytest.mark.parametrize(
    ("fields", "document"),
    [
        (None, '{"price":9.9,"name":"Lämp \\"x\\"","tags":["b",{"c":null}],"itemId":"a"}'),
        (("name", "price"), '{"name":"Lämp \\"x\\"","price":9.9,"itemId":"a"}'),
        (("id", "none", "absent"), '{"id":"a","itemId":"a"}'),
        (("itemId", "price"), '{"price":9.9,"itemId":"a"}'),
        (("absent",), '{"itemId":"a"}'),
    ],
)
def test_selects_fields_in_order(fields, document):
    """The wanted fields in their order, or all but id in the file's; null and missing ones left out, itemId last."""
    assert documents({"a": LINE}, fields) == {"a": document}


def test_an_item_without_metadata_is_its_id():
    """An item that has no metadata line is rendered as its id alone, and says so."""
    table = render(items({"é\"'|/": None, "a": '{"id":"a"}'}), Selection(), plain)
    assert table.schema == SCHEMA
    assert table.select(["document", "has_metadata"]).to_pylist() == [
        {"document": '{"itemId":"é\\"\'|/"}', "has_metadata": False},
        {"document": '{"itemId":"a"}', "has_metadata": True},
    ]


def test_the_digest_is_of_what_the_connector_delivers():
    """Digests differ where payloads do, and only there."""
    found = items({"a": '{"price":1}', "b": '{"price":2}', "c": '{"price":1,"name":"x"}'})
    table = render(found, Selection(), lambda fields: (dump(fields.get("price")), [("rule", "price")]))
    digests = table["digest"].to_pylist()
    assert table["payload"].to_pylist() == ["1", "2", "1"]
    assert (digests[0] == digests[2], digests[0] == digests[1]) == (True, False)
    assert {len(digest) for digest in digests} == {16}


@pytest.mark.parametrize(
    "number",
    ["9223372036854775808", "123456789012345678901234567890", "-1", "0.1", "1e-7", "1234567890.123456789"],
)
def test_numbers_keep_their_value(number):
    """Numbers of any size come out with the value that they went in with."""
    document = documents({"a": f'{{"n":{number}}}'})["a"]
    assert json.loads(document) == {"n": json.loads(number), "itemId": "a"}


def test_a_field_that_no_item_has_is_told():
    """Of the fields that are asked for, those that no item has; where there is no item nothing can be said."""
    selection = Selection(("name", "absent"))
    assert unseen_fields(render(items({"a": '{"name":"x"}', "b": None}), selection, plain), selection) == [
        "absent"
    ]
    assert unseen_fields(render(items({}), selection, plain), selection) == []


def test_nothing_to_render():
    """No items give an empty table of the same columns."""
    table = render(items({}), Selection(), plain)
    assert (len(table), table.schema) == (0, SCHEMA)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(
    metadata=st.dictionaries(texts, values, max_size=5),
    fields=st.none() | st.lists(texts, max_size=5, unique=True),
)
def test_documents_equal_plain_json(metadata, fields):
    """For any metadata the document is what a dict comprehension and Python's JSON give, key order included."""
    wanted = [key for key in metadata if key != "id"] if fields is None else fields
    expected = {key: metadata[key] for key in wanted if key != "itemId" and metadata.get(key) is not None} | {
        "itemId": "x"
    }
    document = documents({"x": json.dumps(metadata)}, tuple(fields) if fields is not None else None)["x"]
    parsed = json.loads(document)
    assert (parsed, list(parsed)) == (expected, list(expected))
