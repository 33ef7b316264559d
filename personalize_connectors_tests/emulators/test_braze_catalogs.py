"""Items of catalogs: braze.md 3.1, and the error bodies of Braze's pages."""

import pytest

from personalize_connectors.emulators.braze import BrazeEmulatorSettings, running
from personalize_connectors_tests.emulators.calls import Clock, answered, call
from personalize_connectors_tests.emulators.catalog_calls import (
    FIELDS,
    ITEMS,
    SUCCESS,
    change,
    create,
    items,
    nested,
    refused,
)


def test_puts_edits_and_deletes_items(shop):
    """PUT replaces or creates, PATCH edits what is there, POST creates, DELETE removes; all of it is 202."""
    item = {"id": "a", "name": "A", "price": 1, "tags": ["x", "y"], "more": {"k": {"l": [1]}}}
    assert change(shop, "POST", item, {"id": "b", "name": "B"}) == (202, SUCCESS)
    assert change(shop, "POST", {"id": "b", "name": "other"}) == (202, SUCCESS)
    assert items(shop) == {"a": item, "b": {"id": "b", "name": "B"}}
    edit = {"id": "a", "price": None, "tags": {"$add": ["z"], "$remove": ["x"]}, "sold": True}
    assert change(shop, "PATCH", edit, {"id": "unknown", "name": "?"}) == (202, SUCCESS)
    assert items(shop)["a"] == {
        "id": "a",
        "name": "A",
        "tags": ["y", "z"],
        "more": {"k": {"l": [1]}},
        "sold": True,
    }
    assert change(shop, "PUT", {"id": "a", "name": "New"}, {"id": "c", "price": "2.5"}) == (202, SUCCESS)
    assert change(shop, "DELETE", {"id": "b"}, {"id": "unknown"}) == (202, SUCCESS)
    assert items(shop) == {"a": {"id": "a", "name": "New"}, "c": {"id": "c", "price": 2.5}}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], refused("item-array-invalid", "'items' must be an array of objects")),
        ([1], refused("item-array-invalid", "'items' must be an array of objects")),
        (
            [{"id": str(n)} for n in range(51)],
            refused("request-includes-too-many-items", "The request has too many items"),
        ),
        (
            [{"id": "ok"}, {}, {"id": None}],
            refused("items-missing-ids", "There are 2 item(s) that do not have ids"),
        ),
        (
            [{"id": 7}, {"id": {}}],
            refused("ids-not-strings", "Item ids must be strings", ["id"], [7, "(dict)"]),
        ),
        (
            [{"id": "a"}, {"id": "b"}, {"id": "a"}],
            refused("ids-not-unique", "Item ids must be unique", ["id"], ["a"]),
        ),
        ([{"id": "x" * 251}], refused("ids-too-large", "Item ids are too long", ["id"], ["x" * 251])),
        (
            [{"id": "ok"}, {"id": "a.b"}, {"id": "ä"}, {"id": "a\n"}],
            refused(
                "invalid-ids", "Item ids have characters that are not allowed", ["id"], ["a.b", "ä", "a\n"]
            ),
        ),
    ],
)
def test_refuses_ids(shop, method, given, expected):
    """A wrong id refuses the whole request, and the answer names it."""
    assert (change(shop, method, *given), items(shop)) == (expected, {})


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"colour": "red"}, "invalid-fields"),
        ({"name": "x" * 5001}, "items-too-large"),
        ({"tags": ["x"] * 101}, "items-too-large"),
        ({"tags": ["x" * 5001]}, "items-too-large"),
        ({"more": {"k": "x" * 5000}}, "items-too-large"),
        ({"more": nested(51)}, "too-deep-nesting-in-value-object"),
        ({"more": nested(400)}, "too-deep-nesting-in-value-object"),
        ({"more": {"a": [{"b.c": 1}]}}, "invalid-keys-in-value-object"),
        ({"more": {"$a": 1}}, "invalid-keys-in-value-object"),
    ],
)
def test_refuses_values(shop, method, bad, code):
    """A wrong value refuses the request and its innocent neighbours; the answer names the item."""
    status, answer = change(
        shop, method, {"id": "good", "name": "G"}, {"id": "bad", **bad}, {"id": "too", **bad}
    )
    found = [(error["id"], error["parameters"], error["parameter_values"]) for error in answer["errors"]]
    assert (status, found, items(shop)) == (400, [(code, ["id"], ["bad", "too"])], {})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("price", "cheap"),
        ("sold", "perhaps"),
        ("made", "yesterday"),
        ("tags", "x"),
        ("tags", [1]),
        ("more", "x"),
        ("name", ["x"]),
        ("tags", {"$add": ["x"]}),
    ],
)
def test_refuses_values_of_another_type(shop, field, value):
    """A value that cannot be coerced is named by item and field, in objects."""
    expected = refused(
        "unable-to-coerce-value",
        "Values cannot be converted to the type of their field",
        ["id", "field"],
        [{"id": "a", "field": field}],
    )
    assert change(shop, "PUT", {"id": "a", field: value}) == expected


@pytest.mark.parametrize("tags", [{"$add": "x"}, {"$add": None}, {"$add": ["x"], "$set": []}, {}])
def test_refuses_operators_it_does_not_know(shop, tags):
    """PATCH knows $add and $remove of string arrays, and nothing else."""
    assert change(shop, "PATCH", {"id": "a", "tags": tags})[1]["errors"][0]["id"] == "unable-to-coerce-value"


def test_takes_values_at_their_limits(shop):
    """The longest id and values and the deepest object pass."""
    item = {"id": "x" * 250, "name": "x" * 5000, "tags": ["x"] * 100, "more": nested(50)}
    assert change(shop, "PUT", item, *({"id": str(n)} for n in range(49))) == (202, SUCCESS)
    assert items(shop)["x" * 250] == item


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/catalogs/none/items"),
        ("GET", "/catalogs/none/items"),
        ("GET", "/catalogs/none/items/a"),
        ("PUT", "/catalogs/none/items/a"),
        ("DELETE", "/catalogs/none/fields/a"),
    ],
)
def test_does_not_find_a_catalog(shop, method, path):
    """Every call on a catalog that is not there is the same 404."""
    expected = refused("catalog-not-found", "Could not find catalog", ["catalog_name"], ["none"], 404)
    assert answered(shop, method, path, {"items": [{"id": "a"}]}) == expected


def test_changes_and_reads_one_item(shop):
    """The calls on one item are done when they are answered, each with its own status."""
    path, item = f"{ITEMS}/a", dict.fromkeys(FIELDS) | {"name": "A", "price": 1}
    del item["id"]
    assert answered(shop, "POST", path, {"items": [item]}) == (201, SUCCESS)
    assert answered(shop, "PATCH", path, {"items": [{"price": 2}]}) == (200, SUCCESS)
    read = {"items": [{"id": "a", "name": "A", "price": 2}], "message": "success"}
    assert answered(shop, "GET", path) == (200, read)
    assert answered(shop, "PUT", path, {"items": [{"name": "B"}]}) == (200, SUCCESS)
    assert answered(shop, "GET", path)[1]["items"] == [{"id": "a", "name": "B"}]
    assert answered(shop, "DELETE", path) == (200, SUCCESS)
    gone = refused("item-not-found", "Could not find item", ["item_id"], ["a"], 404)
    calls = [("GET", None), ("PATCH", {"items": [{"price": 2}]}), ("DELETE", None)]
    assert [answered(shop, method, path, body) for method, body in calls] == [gone] * 3


@pytest.mark.parametrize(
    ("method", "item_id", "given", "code"),
    [
        ("POST", "here", [{}], "item-already-exists"),
        ("POST", "new", [{"name": "only this"}], "fields-do-not-match"),
        ("PUT", "new", [{"id": "new"}], "id-in-body"),
        ("PUT", "new", [{}, {}], "request-includes-too-many-items"),
        ("PUT", "new", "x", "item-array-invalid"),
        ("PUT", "a.b", [{}], "invalid-ids"),
        ("PUT", "new", [{"colour": "red"}], "invalid-fields"),
    ],
)
def test_refuses_one_item(shop, method, item_id, given, code):
    """A wrong item of a call on one is refused with the documented code."""
    change(shop, "PUT", {"id": "here"})
    status, answer = answered(shop, method, f"{ITEMS}/{item_id}", {"items": given})
    assert (status, [error["id"] for error in answer["errors"]]) == (400, [code])


def test_lists_items_by_the_page(shop):
    """Pages of 50 link to the pages beside them, and a cursor that is none is refused."""
    ids = [f"item-{number:03}" for number in range(120)]
    for start in range(0, 120, 50):
        change(shop, "PUT", *({"id": one} for one in ids[start : start + 50]))
    path, found, links = ITEMS, [], []
    while path:
        response = call(shop, "GET", path)
        found += [item["id"] for item in response.json()["items"]]
        links.append(sorted(response.links))
        path = response.links.get("next", {}).get("url")
    assert (found, links) == (ids, [["next"], ["next", "prev"], ["prev"]])
    for cursor in ("bad-cursor", "c2tpcDotMQ=="):
        expected = refused("invalid-cursor", "'cursor' is not valid", ["cursor"], [cursor])
        assert answered(shop, "GET", f"{ITEMS}?cursor={cursor}") == expected


def test_applies_many_items_later():
    """Calls on many items wait like any accepted request, those on one do not."""
    settings = BrazeEmulatorSettings(apply_delay=10)
    with running(settings, clock=Clock()) as emulator:
        create(emulator)
        change(emulator, "PUT", {"id": "many"})
        answered(emulator, "PUT", f"{ITEMS}/one", {"items": [{}]})
        before = list(items(emulator))
        emulator.flush()
        assert (before, list(items(emulator))) == (["one"], ["one", "many"])


def test_costs_no_data_points(shop):
    """Catalog writes are free."""
    change(shop, "PUT", {"id": "a", "name": "A"})
    assert shop.stats()["data_points"] == 0
