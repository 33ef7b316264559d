"""Catalogs and their fields: braze.md 3.1, and the error bodies of Braze's pages."""

import pytest

from personalize_connectors.emulators.braze import BrazeEmulatorSettings, running
from personalize_connectors_tests.emulators.calls import answered, call
from personalize_connectors_tests.emulators.catalog_calls import (
    FIELDS,
    ITEMS,
    SUCCESS,
    change,
    create,
    refused,
)


def test_creates_a_catalog(catalogs):
    """A catalog is made with its fields, shown, and dropped."""
    catalogs.reset()
    shown = {
        "description": "All we sell",
        "fields": [{"name": "id", "type": "string"}, {"name": "price", "type": "number"}],
        "name": "a-b_1",
        "num_items": 0,
        "updated_at": "2027-01-15T08:00:00.000+00:00",
    }
    created = create(catalogs, "a-b_1", {"id": "string", "price": "number"}, description="All we sell")
    assert created == (201, {"catalogs": [shown], "message": "success"})
    assert answered(catalogs, "GET", "/catalogs") == (200, {"catalogs": [shown], "message": "success"})
    assert answered(catalogs, "DELETE", "/catalogs/a-b_1") == (200, SUCCESS)
    not_there = refused("catalog-not-found", "Could not find catalog", ["catalog_name"], ["a-b_1"], 404)
    assert answered(catalogs, "DELETE", "/catalogs/a-b_1") == not_there


@pytest.mark.parametrize(
    ("given", "code", "values"),
    [
        ("shop", "catalog-array-invalid", []),
        ([], "catalog-array-invalid", []),
        ([{}, {}], "too-many-catalog-atoms", []),
        ([{"name": "a b"}], "invalid-catalog-name", ["a b"]),
        ([{"name": [["a"]]}], "invalid-catalog-name", ["(list)"]),
        ([{"name": "x" * 251}], "catalog-name-too-large", ["x" * 251]),
        ([{"name": "shop"}], "catalog-name-already-exists", ["shop"]),
        ([{"name": "new", "description": "x" * 251}], "description-too-long", ["x" * 251]),
        ([{"name": "new", "fields": ["id"]}], "invalid-fields", []),
        ([{"name": "new", "fields": [{"name": "n", "type": "string"}]}], "id-not-first-column", ["n"]),
        ([{"name": "new", "fields": [{"name": "id", "type": "number"}]}], "id-not-first-column", ["id"]),
        ([{"name": "new", "fields": [{"name": "id", "type": "text"}]}], "invalid-field-types", ["text"]),
        ([{"name": "new", "fields": [{"name": "i d", "type": "string"}]}], "invalid-field-names", ["i d"]),
        (
            [{"name": "new", "fields": [{"name": "x" * 251, "type": "string"}]}],
            "field-names-too-large",
            ["x" * 251],
        ),
        (
            [{"name": "new", "fields": [{"name": "id", "type": "string"}] * 2}],
            "field-names-not-unique",
            ["id"],
        ),
        ([{"name": "new", "fields": [{"name": "id", "type": "string"}] * 1001}], "too-many-fields", []),
    ],
)
def test_refuses_a_catalog(shop, given, code, values):
    """A catalog that cannot be is refused with the documented code."""
    status, answer = answered(shop, "POST", "/catalogs", {"catalogs": given})
    found = [(error["id"], error["parameter_values"]) for error in answer["errors"]]
    assert (status, found, answer["message"]) == (400, [(code, values)], "Invalid Request")
    assert list(shop.catalogs()) == ["shop"]


def test_adds_and_drops_fields(shop):
    """Fields come and go later too; a field that is there is refused, and values go with their field."""
    path = "/catalogs/shop/fields"
    change(shop, "PUT", {"id": "a", "name": "A", "price": 1})
    assert answered(shop, "POST", path, {"fields": [{"name": "size", "type": "string"}]}) == (202, SUCCESS)
    assert answered(shop, "DELETE", f"{path}/price") == (202, SUCCESS)
    expected = {name: kind for name, kind in FIELDS.items() if name != "price"} | {"size": "string"}
    assert shop.catalogs() == {"shop": {"fields": expected, "items": {"a": {"id": "a", "name": "A"}}}}
    again = answered(shop, "POST", path, {"fields": [{"name": "size", "type": "number"}]})
    assert again == refused("field-names-not-unique", "Field names must be unique", ["fields"], ["size"])
    many = {"fields": [{"name": f"f{n}", "type": "string"} for n in range(51)]}
    assert answered(shop, "POST", path, many)[1]["errors"][0]["id"] == "request-includes-too-many-fields"
    assert [call(shop, "DELETE", f"{path}/{name}").status_code for name in ("id", "nothing")] == [404, 404]
    assert call(shop, "POST", "/catalogs/none/fields", many).status_code == 404


def test_needs_the_scope_of_each_call():
    """Each call on a catalog has a scope of its own."""
    settings = BrazeEmulatorSettings(keys={"k": frozenset({"catalogs.replace_items", "catalogs.get_item"})})
    calls = [("PUT", ITEMS), ("POST", ITEMS), ("GET", f"{ITEMS}/a"), ("GET", ITEMS), ("GET", "/catalogs")]
    with running(settings) as emulator:
        statuses = [answered(emulator, *one, body={}, key="k")[0] for one in calls]
    assert statuses == [404, 403, 404, 403, 403]
