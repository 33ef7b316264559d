"""The four shapes against a straightforward oracle of dicts."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors_tests.connectors.shape_cases import (
    CHAIR,
    LAMP,
    LONGEST,
    MISSING,
    PAYLOADS,
    SEVERAL,
    cases,
    small,
    texts,
)


@pytest.mark.parametrize("payload", PAYLOADS)
@given(st.data())
def test_renders_what_the_oracle_renders(payload, data):
    """Every user's fragment is the attributes object that a dict would give, key for key in order, and a comma."""
    case = data.draw(cases(payload))
    rendered = case.rendered()
    assert rendered.refused == {
        place: reason for place, (_, items) in enumerate(case.users) if (reason := case.refusal(items))
    }
    found = texts(rendered)
    assert {text[-1] for text in found} <= {","}
    assert [json.loads(text[:-1], object_pairs_hook=list) for text in found] == [
        json.loads(json.dumps(case.expected(*user)), object_pairs_hook=list) for user in case.users
    ]


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
    case = small(payload, {"l": LAMP, "c": CHAIR, "x": None}, [["l", "c", "x"]], allowMisaligned=True)
    assert texts(case.rendered()) == [text]


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
    refused = {
        1: SEVERAL.format("price"),
        2: SEVERAL.format("name"),
        3: MISSING.format("price"),
        4: SEVERAL.format("name"),
    }
    rendered = case.rendered()
    assert rendered.refused == ({} if allowed else refused)
    assert len(texts(rendered)) == len(users)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_renders_no_users(payload):
    """A batch without users gives no fragments."""
    assert texts(small(payload, {"l": LAMP}, []).rendered()) == []


@pytest.mark.parametrize("payload", PAYLOADS)
def test_keeps_long_numbers(payload):
    """A whole number over 64 bits, and a price with many digits, come out as they went in."""
    items = {"l": {"number": 123456789012345678901, "price": 0.1234567890123456}}
    (text,) = texts(small(payload, items, [["l"]]).rendered())
    assert ("123456789012345678901" in text, "0.1234567890123456" in text) == (payload != "ids",) * 2


def test_flat_unsets_what_falls_away():
    """Who was delivered before gets every place and field of `flat`, those that fell away as null."""
    case = replace(small("flat", {"l": LAMP, "x": None}, [["x"]]), change="changed")
    (text,) = texts(case.rendered())
    sent = json.loads(text[:-1])
    assert [sent["r_1_name"], sent["r_1_price"], sent["r_1_itemId"]] == [None, None, "x"]
    assert {key for key, value in sent.items() if value is not None} == {"external_id", "r_1_itemId"}
    assert len(sent) == 1 + 3 * LONGEST


def test_refuses_a_list_that_braze_would_drop():
    """A list over 100 KB, which Braze drops with a success answer, is refused."""
    items = {f"i{number}": {"text": "x" * 250, "more": ["y" * 250] * 20} for number in range(20)}
    rendered = small("objects", items, [list(items)[:19], list(items)]).rendered()
    assert list(rendered.refused) == [1]
    assert "over 100 KB, which Braze drops without a word" in rendered.refused[1]
