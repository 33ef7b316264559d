"""What a catalog does not take, by rule, against the emulator's catalog: braze.md 3.1."""

import json

import pytest

from personalize_connectors.connectors.braze_catalog import CONNECTOR
from personalize_connectors.connectors.braze_catalog.values import RULES
from personalize_connectors.connectors.protocol import Finding
from personalize_connectors.emulators.braze import running
from personalize_connectors_tests.connectors.braze_catalog.catalog_items import settings
from personalize_connectors_tests.emulators.calls import Clock
from personalize_connectors_tests.emulators.catalog_calls import change, create, items, nested

GOOD = {"name": "x" * 5000, "tags": ["x" * 5000] * 100, "more": nested(50), "price": 1.5}
REFUSED = [
    ("name_not_storable", "the name", "x"),
    ("name_not_storable", "x" * 251, "x"),
    ("value_over_5000_characters", "name", "x" * 5001),
    ("value_over_5000_characters", "tags", ["x" * 5001]),
    ("value_over_5000_characters", "more", {"k": "x" * 4993}),
    ("array_over_100_elements", "tags", ["x"] * 101),
    ("array_not_of_texts", "tags", ["x", 1]),
    ("array_not_of_texts", "tags", [["x"]]),
    ("array_not_of_texts", "tags", [{"k": "x"}]),
    ("object_over_50_levels", "more", nested(51)),
    ("object_over_50_levels", "more", nested(400)),
    ("object_over_50_levels", "more", {"k": [nested(49)]}),
    ("key_not_storable", "more", {"a.b": 1}),
    ("key_not_storable", "more", {"k": [{"$a": 1}]}),
]
SAME = object()


def delivered(metadata, **block):
    """What is delivered of an item `a`, read back, and the findings."""
    found = CONNECTOR.payload(settings(**block), {**metadata, "itemId": "a"})
    return json.loads(found.text), found.findings


@pytest.fixture(scope="module")
def shop():
    """An emulator with one catalog."""
    with running(clock=Clock()) as emulator:
        create(emulator)
        yield emulator


@pytest.mark.parametrize(("rule", "field", "value"), REFUSED)
def test_leaves_out_what_braze_refuses(shop, rule, field, value):
    """Braze refuses an item with the value, and takes what we deliver of it: the rest."""
    status, _ = change(shop, "PUT", {"id": "a", **GOOD, field: value})
    rest = {name: good for name, good in GOOD.items() if name != field}
    item, findings = delivered({**GOOD, field: value})
    assert (status, item, findings) == (400, {"id": "a", **rest}, (Finding(rule, field),))
    assert (change(shop, "PUT", item)[0], items(shop)["a"]) == (202, {"id": "a", **rest})


def test_takes_what_is_within_the_limits(shop):
    """The longest values and the deepest object are delivered as they are; an object's text may have 5,000 characters."""
    item, findings = delivered({**GOOD, "more": {"k": "x" * 4992}})
    assert (item, findings) == ({"id": "a", **GOOD, "more": {"k": "x" * 4992}}, ())
    assert change(shop, "PUT", item)[0] == 202
    assert delivered(GOOD) == ({"id": "a", **GOOD}, ())


def test_has_a_case_for_every_rule():
    """Each rule but those about types and ids, which have tests of their own, has a value here that breaks it."""
    assert {rule for rule, _, _ in REFUSED} == RULES.keys() - {"not_of_the_type", "id_too_long"}


def test_leaves_out_nulls():
    """A null is left out, wherever it stands, without a word."""
    metadata = {"name": None, "tags": ["x", None], "more": {"a": None, "b": [None, {"c": None}]}}
    assert delivered(metadata) == ({"id": "a", "tags": ["x"], "more": {"b": [{}]}}, ())


def test_the_id_is_the_items():
    """The item's own id stands in `id`, and what the metadata calls so is the same."""
    assert delivered({"id": "a", "name": "A"}) == ({"id": "a", "name": "A"}, ())


@pytest.mark.parametrize(
    ("wanted", "value", "expected"),
    [
        ("string", "x", SAME),
        ("string", 1.5, "1.5"),
        ("string", True, "true"),
        ("string", 2**70, str(2**70)),
        ("string", ["x", 1], '["x",1]'),
        ("string", {"k": 1}, '{"k":1}'),
        ("number", 2, SAME),
        ("number", "2", 2),
        ("number", "-2.5e1", -25.0),
        ("number", "2 pounds", None),
        ("number", "", None),
        ("number", "NaN", None),
        ("number", "1e999", None),
        ("number", True, None),
        ("number", "true", None),
        ("number", [2], None),
        ("boolean", False, SAME),
        ("boolean", "True", True),
        ("boolean", "false", False),
        ("boolean", "yes", None),
        ("boolean", 1, None),
        ("time", "2026-11-22", SAME),
        ("time", "2026-11-22T03:00:00.123+00:00", SAME),
        ("time", "2026-11-22T03:00:00Z", SAME),
        ("time", "2026-13-22", None),
        ("time", "20261122", None),
        ("time", 1_800_000_000, None),
        ("object", {"k": 1}, SAME),
        ("object", '{"k":1}', None),
        ("array", ["x"], SAME),
        ("array", "x", None),
    ],
)
def test_makes_values_of_the_type_that_is_given(shop, wanted, value, expected):
    """A value becomes one of the type in fieldTypes, which Braze takes, or is left out where it cannot."""
    field = {
        "string": "name",
        "number": "price",
        "boolean": "sold",
        "time": "made",
        "array": "tags",
        "object": "more",
    }[wanted]
    item, findings = delivered({field: value}, fieldTypes={field: wanted})
    sent = value if expected is SAME else expected
    if expected is None:
        assert (item, findings) == ({"id": "a"}, (Finding("not_of_the_type", field),))
    else:
        assert (item, type(item[field]), findings) == ({"id": "a", field: sent}, type(sent), ())
        assert change(shop, "PUT", item)[0] == 202


def test_the_rules_hold_for_what_a_value_becomes():
    """A value that is sent as text is as long as its text."""
    assert delivered({"tags": ["x" * 2500] * 2}, fieldTypes={"tags": "string"}) == (
        {"id": "a"},
        (Finding("value_over_5000_characters", "tags"),),
    )
