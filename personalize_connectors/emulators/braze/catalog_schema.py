"""Which catalogs and fields can be made (braze.md 3.1, and the page of the create call)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from typing import Any

from personalize_connectors.emulators.braze.catalog_errors import CatalogError
from personalize_connectors.emulators.braze.catalog_items import NAME, NAME_CHARACTERS

FIELDS = 1_000
"""The most fields of a catalog (documented, 3.1; older pages say 500 and 30)."""

FIELDS_OF_A_REQUEST = 50
"""The most fields of one call that adds some (documented, the page of that call)."""

FIELD_TYPES = frozenset({"string", "number", "boolean", "time", "object", "array"})
"""The types of fields (documented, the page of the create call)."""


def catalog_errors(given: object, existing: Container[str]) -> list[CatalogError]:
    """What is wrong with the ``catalogs`` of a create call; codes and rules are documented (3.1)."""
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        return [CatalogError("catalog-array-invalid")]
    if len(given) > 1:
        return [CatalogError("too-many-catalog-atoms")]
    catalog = given[0]
    if error := _name_error(catalog.get("name"), existing):
        return [error]
    description = catalog.get("description") or ""
    if not isinstance(description, str) or len(description) > NAME_CHARACTERS:
        return [CatalogError("description-too-long", ("description",), [description])]
    if errors := _wrong_fields(catalog.get("fields"), {}):
        return errors
    first = catalog["fields"][0]
    is_id = (first["name"], first["type"]) == ("id", "string")
    return [] if is_id else [CatalogError("id-not-first-column", ("fields",), [first["name"]])]


def field_errors(given: object, existing: Mapping[str, str]) -> list[CatalogError]:
    """What is wrong with the ``fields`` of a call that adds some.

    The limits are documented (3.1). That a field that is there is not unique, also with the same type, is assumed.
    """
    if isinstance(given, list) and len(given) > FIELDS_OF_A_REQUEST:
        return [CatalogError("request-includes-too-many-fields")]
    if isinstance(given, list) and len(given) + len(existing) > FIELDS:
        return [CatalogError("catalog-exceeds-fields-limit")]
    return _wrong_fields(given, existing)


def _name_error(name: object, existing: Container[str]) -> CatalogError | None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return CatalogError("invalid-catalog-name", ("name",), [name])
    if len(name) > NAME_CHARACTERS:
        return CatalogError("catalog-name-too-large", ("name",), [name])
    return CatalogError("catalog-name-already-exists", ("name",), [name]) if name in existing else None


def _wrong_fields(given: object, existing: Mapping[str, str]) -> list[CatalogError]:
    if not isinstance(given, list) or not given or not all(_is_field(one) for one in given):
        return [
            CatalogError("invalid-fields", ("fields",), text="'fields' must be objects with name and type")
        ]
    if len(given) > FIELDS:
        return [CatalogError("too-many-fields")]
    names = [one["name"] for one in given]
    counted = Counter([*names, *existing])
    found: dict[str, list[Any]] = {
        "field-names-too-large": [name for name in names if len(name) > NAME_CHARACTERS],
        "invalid-field-names": [name for name in names if not NAME.fullmatch(name)],
        "field-names-not-unique": [name for name in dict.fromkeys(names) if counted[name] > 1],
        "invalid-field-types": [one["type"] for one in given if one["type"] not in FIELD_TYPES],
    }
    return [CatalogError(code, ("fields",), which) for code, which in found.items() if which]


def _is_field(one: object) -> bool:
    return isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("type"), str)
