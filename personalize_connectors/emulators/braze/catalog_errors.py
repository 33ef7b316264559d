"""The words in which Braze refuses a catalog call (braze.md 3.1, and the pages of the catalog endpoints)."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from personalize_connectors.emulators.braze.answers import Answer

MESSAGES = {
    # documented, 3.1, in the example bodies
    "catalog-name-already-exists": "A catalog with that name already exists",
    "catalog-not-found": "Could not find catalog",
    "fields-do-not-match": "Fields do not match with fields on the catalog",
    "invalid-cursor": "'cursor' is not valid",
    "invalid-fields": "Some of the fields given do not exist in the catalog",
    "item-not-found": "Could not find item",
    # The codes are documented (3.1), these sentences assumed.
    "catalog-array-invalid": "'catalogs' must be an array of objects",
    "catalog-exceeds-fields-limit": "A catalog cannot have that many fields",
    "catalog-name-too-large": "The catalog name is too long",
    "description-too-long": "The description is too long",
    "field-names-not-unique": "Field names must be unique",
    "field-names-too-large": "Field names are too long",
    "id-in-body": "The item must not have an id",
    "id-not-first-column": "'id' must be the first field and a string",
    "ids-not-strings": "Item ids must be strings",
    "ids-not-unique": "Item ids must be unique",
    "ids-too-large": "Item ids are too long",
    "invalid-catalog-name": "The catalog name has characters that are not allowed",
    "invalid-field-names": "Field names have characters that are not allowed",
    "invalid-field-types": "Field types are not valid",
    "invalid-ids": "Item ids have characters that are not allowed",
    "invalid-keys-in-value-object": "Keys of objects must not include '.' or '$'",
    "item-already-exists": "The item already exists",
    "item-array-invalid": "'items' must be an array of objects",
    "items-too-large": "Item values are too long",
    "request-includes-too-many-fields": "The request has too many fields",
    "request-includes-too-many-items": "The request has too many items",
    "too-deep-nesting-in-value-object": "Objects are nested too deep",
    "too-many-catalog-atoms": "Only one catalog may be created at a time",
    "too-many-fields": "The catalog has too many fields",
    "unable-to-coerce-value": "Values cannot be converted to the type of their field",
}


@dataclass(frozen=True)
class CatalogError:
    """One entry of ``errors``.

    Attributes:
        code: its ``id``.
        parameters: what ``values`` are about.
        values: for one parameter the values, item ids among them (documented, 3.1); for several an object for each
            with its ``id`` (recorded by others: Segment reads both, 3.1).
        text: its message where that is no constant.
    """

    code: str
    parameters: tuple[str, ...] = ()
    values: list[object] = field(default_factory=list)
    text: str = ""

    def entry(self) -> dict[str, object]:
        """As it stands in the answer."""
        return {
            "id": self.code,
            "message": self.text or MESSAGES[self.code],
            "parameters": list(self.parameters),
            "parameter_values": [_named(value) for value in self.values],
        }


def _named(value: object) -> object:
    """A value as an error can name it: what was sent in the place of a name may be nested without end."""
    if isinstance(value, dict) and set(value) == {"id", "field"}:
        return value
    return value if isinstance(value, str | int | float | None) else f"({type(value).__name__})"


def invalid_request(status: int, *errors: CatalogError) -> Answer:
    """The answer that refuses the whole call (documented, 3.1)."""
    entries = [error.entry() for error in errors]
    return Answer(status, orjson.dumps({"errors": entries, "message": "Invalid Request"}))


def catalog_not_found(name: str) -> Answer:
    """The 404 of a catalog that is not there (documented, 3.1)."""
    return invalid_request(404, CatalogError("catalog-not-found", ("catalog_name",), [name]))


def item_not_found(item_id: str) -> Answer:
    """The 404 of an item that is not there (documented, 3.1)."""
    return invalid_request(404, CatalogError("item-not-found", ("item_id",), [item_id]))
