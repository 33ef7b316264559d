"""What is found in the fields of an item, and what is left of them."""

import orjson
import pytest

from personalize_connectors.connectors.braze import CONNECTOR, BrazeSettings
from personalize_connectors.connectors.braze.values import broken_rules, without_nulls
from personalize_connectors.connectors.protocol import Finding, Payload

TEXT, NAME, TIME, NULL = "text_over_255_characters", "name_not_storable", "time_not_text", "null_inside"
LARGE, LONG_ARRAY, DEEP = "value_over_100_kb", "array_over_500_elements", "value_over_50_levels"
BIG = [f"{number:250}" for number in range(420)]


def deep(levels, inside="1"):
    """Objects and arrays in each other."""
    return orjson.loads('{"a":[' * (levels // 2) + inside + "]}" * (levels // 2))


@pytest.mark.parametrize(
    ("value", "rules"),
    [
        ("x" * 255, []),
        ("x" * 256, [TEXT]),
        (["a", "x" * 256], [TEXT]),
        ({"w": {"h": "x" * 256}}, [TEXT]),
        ({"a.b": 1}, [NAME]),
        ({"a b": 1}, [NAME]),
        ({"$a": 1}, [NAME]),
        ({"k" * 255: 1}, []),
        ({"k" * 256: 1}, [NAME]),
        ([{"a.b": None}], [NAME, NULL]),
        ({"$time": "2026-11-22T03:00:00Z"}, []),
        ({"$time": None}, [TIME]),
        ({"$time": 7}, [TIME]),
        ({"$time": "2026-11-22", "more": 1}, [NAME]),
        ({"w": 1, "h": None}, [NULL]),
        ([1, None, {"a": None}], [NULL]),
        (BIG, [LARGE]),
        ({"a": BIG}, [LARGE]),
        ([*BIG[:400], None], [NULL]),
        (list(range(500)), []),
        (list(range(501)), [LONG_ARRAY]),
        ([[number] for number in range(501)], []),
        (deep(50), []),
        (deep(50, "[]"), [DEEP]),
        (deep(1000, "null"), [DEEP]),
        ("", []),
        (0, []),
        (False, []),
        ([], []),
        ({}, []),
    ],
)
def test_finds_the_rules_that_a_value_breaks(value, rules):
    """Each rule that an attribute's value breaks is found, in the order of the rules."""
    assert broken_rules(value, attribute=True) == rules


def test_an_array_inside_a_value_may_be_long():
    """The 500 elements are a limit of an attribute that is an array, not of arrays inside one."""
    assert broken_rules(list(range(501)), attribute=False) == []


@pytest.mark.parametrize("value", [0, "", False, [], {}, [0, ""], {"a": {}}])
def test_leaves_empty_values_in(value):
    """Zero, false and empty values are values."""
    assert without_nulls(value) == value


@pytest.mark.parametrize("payload", ["objects", "flat", "arrays"])
def test_leaves_the_field_out(payload):
    """The payload is without a field that breaks a rule, but of a null without that alone; every rule is told."""
    fields = {"text": ["x" * 300, None], "size": {"w": 1, "h": None}, "a.b": 1, "name": "Lamp", "itemId": "l"}
    found = [(TEXT, "text"), (NULL, "text"), (NULL, "size"), (NAME, "a.b")]
    assert CONNECTOR.payload(BrazeSettings(payload=payload), fields) == Payload(
        b'{"size":{"w":1},"name":"Lamp","itemId":"l"}', tuple(Finding(*finding) for finding in found)
    )


@pytest.mark.parametrize(
    ("payload", "prefix", "name", "stored"),
    [
        ("objects", "p" * 100, "n" * 255, True),
        ("objects", "p", "n" * 256, False),
        ("flat", "p" * 100, "n" * 151, True),
        ("flat", "p" * 100, "n" * 152, False),
        ("arrays", "p" * 100, "n" * 155, True),
        ("arrays", "p" * 100, "n" * 156, False),
        ("arrays", "first_", "name", False),
        ("objects", "first_", "name", True),
    ],
)
def test_a_name_is_judged_as_it_stands_on_the_profile(payload, prefix, name, stored):
    """Where a field is an attribute of its own, prefix and place count, and Braze's own fields are no names for it."""
    settings = BrazeSettings(payload=payload, attributePrefix=prefix)
    found = CONNECTOR.payload(settings, {name: 1})
    assert found == (
        Payload(b'{"%s":1}' % name.encode()) if stored else Payload(b"{}", (Finding(NAME, name),))
    )
