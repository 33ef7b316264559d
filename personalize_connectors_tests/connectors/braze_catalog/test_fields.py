"""The fields that items need in a catalog: braze.md 3.1."""

import pytest

from personalize_connectors.connectors.braze_catalog.fields import field_types, missing_fields
from personalize_connectors.errors import BadInput, DeliveryRefused
from personalize_connectors_tests.connectors.braze_catalog.catalog_items import documents, settings

ITEMS = {
    "a": {"name": "A", "price": 1, "sold": True, "tags": ["x"], "more": {"k": 1}, "made": "2026-11-22"},
    "b": {"name": "B", "price": 2.5, "colour": "red"},
    "c": {},
}


def types(items, **given):
    """The types of the fields that items have, with these fieldTypes."""
    return field_types(documents(items, settings(fieldTypes=given)), given)


def test_a_field_is_what_its_values_are():
    """Each field that some item has is of the type of its values; a time is one where it is said to be."""
    found = {
        "name": "string",
        "price": "number",
        "sold": "boolean",
        "tags": "array",
        "more": "object",
        "made": "string",
        "colour": "string",
    }
    assert (types(ITEMS), types(ITEMS, made="time")) == (found, found | {"made": "time"})


def test_a_type_that_is_given_wins():
    """A field of the type in fieldTypes needs no values of one kind, and one that no item has is none."""
    items = {"a": {"size": 40}, "b": {"size": "XL"}}
    assert (types(items, size="string"), types(items, size="number", colour="string")) == (
        {"size": "string"},
        {"size": "number"},
    )


def test_says_where_values_are_of_several_types():
    """A field with values of several types is told with an item of each, and with the way out."""
    with pytest.raises(BadInput) as refused:
        types({"a": {"size": 40, "made": 1}, "b": {"size": "XL", "made": True}, "c": {"size": "L"}})
    assert str(refused.value) == (
        "the metadata field size is number (item 'a') and string (item 'b'); the metadata field made is number (item 'a') "
        "and boolean (item 'b'). A catalog field has one type: name it in fieldTypes of braze_catalog. With string every "
        "value is sent as text; with another type the values that cannot be of it are left out."
    )


def test_misses_what_is_not_there():
    """The fields that are not in the catalog are missing, whatever else it has."""
    wanted = {"name": "string", "price": "number"}
    assert missing_fields("shop", wanted, {"id": "string", "name": "string", "old": "time"}) == {
        "price": "number"
    }


def test_says_where_the_catalog_has_another_type():
    """A field that has another type in the catalog is told with both types and the two ways out."""
    there = {"id": "string", "name": "string", "price": "string", "made": "time"}
    with pytest.raises(DeliveryRefused) as refused:
        missing_fields("shop", {"name": "string", "price": "number", "made": "string", "new": "array"}, there)
    assert str(refused.value) == (
        "the catalog 'shop' has fields of another type than the items: price is string, our values are number; made is time, "
        "our values are string. Braze cannot change the type of a field. Name the catalog's type in fieldTypes of "
        "braze_catalog, and what can be of that type is sent as such; or name in itemMetadataFields all fields but these, and "
        "they are not sent."
    )
