"""What a profile keeps of each value and what that costs: braze.md 2.1 and 2.2."""

import json

import orjson
import pytest

from personalize_connectors.emulators.braze.profiles import profile_json, write_attributes

DROPPED = object()
LONG = "x" * 256
LIMIT = 100 * 1024


def written(*items):
    """The profile after these attribute objects, as JSON has it, and the points of the last one."""
    profile = {}
    points = [
        write_attributes(profile, {"external_id": "u", **orjson.loads(json.dumps(item))}) for item in items
    ]
    return orjson.loads(profile_json(profile)), points[-1]


@pytest.mark.parametrize(
    ("value", "kept", "points"),
    [
        ("red", "red", 1),
        ("", "", 1),
        ("x" * 255, "x" * 255, 1),
        (LONG, DROPPED, 0),
        (1, 1, 1),
        (1.5, 1.5, 1),
        (False, False, 1),
        ([], [], 1),
        (["b", "a", "b", "c"], ["b", "a", "c"], 1),
        ([9.99, 9.99, 5], [9.99, 5], 1),
        ([1, True, 1.0, "1", True], [1, True, 1.0, "1"], 1),
        ([str(n) for n in range(502)], [str(n) for n in range(2, 502)], 1),
        (["a", None], DROPPED, 0),
        (["a", LONG], DROPPED, 0),
        (["a", 1, LONG], DROPPED, 0),
        (
            [{"id": "a", "price": 1}, {"id": "a", "price": 1}],
            [{"id": "a", "price": 1}, {"id": "a", "price": 1}],
            4,
        ),
        ([{"id": "a", "tags": ["x", "x"]}, {"id": "b"}], [{"id": "a", "tags": ["x", "x"]}, {"id": "b"}], 3),
        ([{"id": n} for n in range(501)], [{"id": n} for n in range(501)], 501),
        ([{"id": "a"}, "b"], [{"id": "a"}, "b"], 2),
        ([{}], [{}], 1),
        ([{"id": "a", "price": None}], DROPPED, 0),
        ([{"id": "a", "deep": [{"price": None}]}], DROPPED, 0),
        ([{"id": LONG}], DROPPED, 0),
        ([{LONG: 1}], DROPPED, 0),
        ([{"a b": 1}], DROPPED, 0),
        ([{"a.b": 1}], DROPPED, 0),
        ([{"$add": 1}], DROPPED, 0),
        ([{"seen": {"$time": "2026-11-22T03:00:00Z"}}], [{"seen": {"$time": "2026-11-22T03:00:00Z"}}], 1),
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"a": 1, "b": {"c": 2, "d": 3}}, 2),
        ({}, {}, 1),
        ({"a": {"b": None}}, DROPPED, 0),
    ],
)
def test_keeps_a_value_or_drops_it(value, kept, points):
    """Arrays of scalars become sets, objects stay, and what does not fit is dropped and free."""
    assert written({"a": value}) == ({} if kept is DROPPED else {"a": kept}, points)


@pytest.mark.parametrize(
    "value", [[{"id": "i" * 100} for _ in range(1000)], {f"k{n}": "v" * 200 for n in range(600)}]
)
def test_drops_what_is_over_100_kb(value):
    """An array of objects or an object over 100 KB leaves the value that was there."""
    assert written({"a": "before"}, {"a": value, "b": 1}) == ({"a": "before", "b": 1}, 1)


def test_keeps_exactly_100_kb():
    """The limit itself still fits, counted as compact JSON."""
    items = [{"v": "x" * 91} for _ in range(1023)] + [{"v": ""}]
    items[-1]["v"] = "x" * (LIMIT - len(orjson.dumps(items)))
    assert (len(orjson.dumps(items)), written({"a": items})) == (LIMIT, ({"a": items}, 1024))


@pytest.mark.parametrize(
    ("before", "change", "after", "points"),
    [
        ({"a": 1, "b": 1}, {"a": None}, {"b": 1}, 1),
        ({"b": 1}, {"a": None}, {"b": 1}, 1),
        ({"a": 1}, {"a": 1}, {"a": 1}, 1),
        ({"a": ["x", "y"]}, {"a": ["y", "x"]}, {"a": ["y", "x"]}, 1),
        ({"a": "text"}, {"a": [{"id": 1}]}, {"a": [{"id": 1}]}, 1),
        ({"a": {"x": 1, "y": 1}}, {"a": {"x": 2}}, {"a": {"x": 2}}, 1),
        (
            {"a": {"x": {"p": 1, "q": 1}}},
            {"a": {"x": {"p": 2}}, "_merge_objects": False},
            {"a": {"x": {"p": 2}}},
            1,
        ),
        (
            {"a": {"x": {"p": 1, "q": 1}, "y": 1}},
            {"a": {"x": {"p": 2}, "z": 3}, "_merge_objects": True},
            {"a": {"x": {"p": 2, "q": 1}, "y": 1, "z": 3}},
            2,
        ),
        ({"a": "text"}, {"a": {"x": 1}, "_merge_objects": True}, {"a": {"x": 1}}, 1),
        ({"a": {"x": 1}}, {"a": {"y": None}, "_merge_objects": True}, {"a": {"x": 1}}, 0),
    ],
)
def test_changes_what_is_there(before, change, after, points):
    """Null removes and costs, unchanged values cost, and objects are replaced whole unless they are merged."""
    assert written(before, change) == (after, points)


def test_keeps_custom_attributes_only():
    """Identifiers, flags and profile fields are free and no custom attributes; names lose the spaces around them."""
    item = {
        "_update_existing_only": False,
        "_new": 1,
        "email": "a@b.c",
        "country": "DE",
        " a ": 1,
        "  ": 1,
        "A": 2,
    }
    assert written(item) == ({"a": 1, "A": 2}, 2)
