"""The four shapes against a straightforward oracle of dicts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors.connectors.protocol import Finding
from personalize_connectors_tests.connectors.braze.shape_cases import (
    CHAIR,
    LAMP,
    LONGEST,
    PAYLOADS,
    Case,
    User,
    cases,
    small,
    texts,
)

CATALOGUE = {"l": LAMP, "c": CHAIR, "x": None}


@pytest.mark.parametrize("payload", PAYLOADS)
@given(st.data())
def test_renders_what_the_oracle_renders(payload, data):
    """Every user's fragment is the attributes object that a dict would give, key for key in order, and a comma."""
    case = data.draw(cases(payload))
    found = texts(case.rendered())
    assert {text[-1] for text in found} <= {","}
    assert [json.loads(text[:-1], object_pairs_hook=list) for text in found] == [
        json.loads(json.dumps(case.expected(user)), object_pairs_hook=list) for user in case.users
    ]


@pytest.mark.parametrize("payload", PAYLOADS)
@given(st.data())
def test_refuses_what_the_oracle_refuses(payload, data):
    """Users whose arrays Braze would shift are found, and nobody else."""
    case = data.draw(cases(payload))
    refusals = {place: case.refusal(user) for place, user in enumerate(case.users)}
    assert case.judged() == {place: finding for place, finding in refusals.items() if finding}


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (
            "objects",
            '{"external_id":"u0","r_items":[{"name":"Lamp","price":9.99,"itemId":"l"},{"name":"Ch\\"air","price":9.99,"itemId":"c"},{"itemId":"x"}]},',
        ),
        ("ids", '{"external_id":"u0","r_items":["l","c","x"]},'),
        (
            "flat",
            '{"external_id":"u0","r_1_name":"Lamp","r_1_price":9.99,"r_1_itemId":"l","r_2_name":"Ch\\"air","r_2_price":9.99,"r_2_itemId":"c","r_3_itemId":"x"},',
        ),
        (
            "arrays",
            '{"external_id":"u0","r_name":["Lamp","Ch\\"air"],"r_price":[9.99,9.99],"r_itemId":["l","c","x"]},',
        ),
    ],
)
def test_renders_the_shapes_of_the_design(payload, text):
    """Each shape reads, byte for byte, as in the design's table; missing metadata leaves a key out."""
    assert texts(small(payload, CATALOGUE, [["l", "c", "x"]]).rendered()) == [text]


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ("objects", '{"external_id":"u","_update_existing_only":true,"source":null,"r_items":null},'),
        ("ids", '{"external_id":"u","_update_existing_only":true,"source":null,"r_items":null},'),
        (
            "arrays",
            '{"external_id":"u","_update_existing_only":true,"source":null,"r_name":null,"r_price":null,"r_itemId":null},',
        ),
    ],
)
def test_removes_all_that_was_written(payload, text):
    """A user who is removed gets a null for each attribute of the job, and is not created."""
    case = small(payload, CATALOGUE, [], otherAttributes={"source": "x"})
    assert texts(Case(case.items, [User("u", [], "removed")], case.settings).rendered()) == [text]


def test_creates_no_profile_where_none_is_wanted():
    """With updateExistingOnly each object says so."""
    (text,) = texts(small("ids", {"l": None}, [["l"]], updateExistingOnly=True).rendered())
    assert text == '{"external_id":"u0","_update_existing_only":true,"r_items":["l"]},'


@pytest.mark.parametrize("allowed", [False, True])
def test_refuses_arrays_that_braze_would_shift(allowed):
    """With arrays, users with equal or missing values are refused with the field, unless allowMisaligned."""
    items = {
        "l": LAMP,
        "c": CHAIR,
        "x": {"name": "Lamp", "price": 1},
        "y": {"name": "Rug"},
        "z": {"name": "Z", "price": 2},
    }
    users = [["l", "z"], ["l", "c"], ["l", "x"], ["z", "y"], ["z", "z"], ["z"]]
    case = small("arrays", items, users, allowMisaligned=allowed)
    fields = {1: "price", 2: "name", 3: "price", 4: "name"}
    found = {place: Finding("misaligned", field) for place, field in fields.items()}
    assert case.judged() == ({} if allowed else found)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_renders_no_users(payload):
    """A batch without users gives no fragments."""
    case = small(payload, {"l": LAMP}, [])
    assert (texts(case.rendered()), case.judged()) == ([], {})


@pytest.mark.parametrize("payload", PAYLOADS)
def test_keeps_long_numbers(payload):
    """A whole number over 64 bits, and a price with many digits, come out as they went in."""
    items = {"l": {"number": 123456789012345678901, "price": 0.1234567890123456}}
    (text,) = texts(small(payload, items, [["l"]]).rendered())
    assert ("123456789012345678901" in text, "0.1234567890123456" in text) == (payload != "ids",) * 2


def test_flat_unsets_what_falls_away():
    """Who was delivered before gets every place and field of `flat`, those that fell away as null."""
    case = small("flat", {"l": LAMP, "x": None}, [])
    (text,) = texts(Case(case.items, [User("u", ["x"], "changed")], case.settings).rendered())
    sent = json.loads(text[:-1])
    assert [sent["r_1_name"], sent["r_1_price"], sent["r_1_itemId"]] == [None, None, "x"]
    assert {key for key, value in sent.items() if value is not None} == {"external_id", "r_1_itemId"}
    assert len(sent) == 1 + 3 * LONGEST


def test_a_name_that_cannot_be_stored_is_not_unset():
    """A field that Braze would never store is nowhere in the records, also where it is asked for by name."""
    block = {"itemMetadataFields": ["name", "a b"], "otherAttributes": {}}
    items = {"l": {"name": "Lamp", "a b": 1}}
    for payload in ("flat", "arrays"):
        case = small(payload, items, [["l"]], **block)
        known = Case(case.items, [User("u", ["l"], "changed"), User("v", [], "removed")], case.settings)
        assert [text for text in texts(known.rendered()) if "a b" in text] == []
        assert known.judged() == {}
