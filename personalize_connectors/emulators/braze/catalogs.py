"""Catalogs: their fields and items, and the calls that change and read them (braze.md 3.1)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

from personalize_connectors.emulators.braze.answers import Answer, Headers, message
from personalize_connectors.emulators.braze.attribute_types import AttributeType
from personalize_connectors.emulators.braze.catalog_errors import (
    CatalogError,
    catalog_not_found,
    invalid_request,
    item_not_found,
)
from personalize_connectors.emulators.braze.catalog_items import (
    ITEMS_OF_A_REQUEST,
    Item,
    edited,
    id_errors,
    read_items,
    unreadable_items,
    without_empty,
)
from personalize_connectors.emulators.braze.catalog_schema import catalog_errors, field_errors
from personalize_connectors.emulators.braze.waiting import Waiting

PAGE_ITEMS = 50
"""The items of one page (documented, 3.1: the page of the list call)."""


@dataclass
class Catalog:
    """One catalog: the fields by name, the items by id."""

    name: str
    description: str
    fields: dict[str, AttributeType]
    updated_at: float
    items: dict[str, Item] = field(default_factory=dict)

    def shown(self) -> dict[str, object]:
        """As the list of catalogs has it (documented, 3.1)."""
        changed = datetime.fromtimestamp(self.updated_at, UTC).isoformat(timespec="milliseconds")
        return {
            "description": self.description,
            "fields": [{"name": name, "type": kind} for name, kind in self.fields.items()],
            "name": self.name,
            "num_items": len(self.items),
            "updated_at": changed,
        }


class Catalogs:
    """All catalogs of a workspace. Calls on many items are applied later, those on one at once (documented, 3.1)."""

    def __init__(self, waiting: Waiting, clock: Callable[[], float]) -> None:
        self._catalogs: dict[str, Catalog] = {}
        self._waiting = waiting
        self._clock = clock

    def everything(self) -> dict[str, object]:
        """Name to fields and items, for a test to look at."""
        return {
            name: {"fields": catalog.fields, "items": catalog.items}
            for name, catalog in self._catalogs.items()
        }

    def show(self) -> Answer:
        """Answer ``GET /catalogs``."""
        shown = [catalog.shown() for catalog in self._catalogs.values()]
        return Answer(200, orjson.dumps({"catalogs": shown, "message": "success"}))

    def create(self, request: object) -> Answer:
        """Answer ``POST /catalogs``: one catalog with its fields (documented, 3.1)."""
        given = request.get("catalogs") if isinstance(request, dict) else None
        errors = catalog_errors(given, self._catalogs)
        if errors or not isinstance(given, list):
            return invalid_request(400, *errors)
        fields = {one["name"]: one["type"] for one in given[0]["fields"]}
        name, description = given[0]["name"], given[0].get("description") or ""
        self._catalogs[name] = catalog = Catalog(name, description, fields, self._clock())
        return Answer(201, orjson.dumps({"catalogs": [catalog.shown()], "message": "success"}))

    def drop(self, name: str) -> Answer:
        """Answer ``DELETE /catalogs/{name}``."""
        return message(200, "success") if self._catalogs.pop(name, None) else catalog_not_found(name)

    def add_fields(self, name: str, request: object) -> Answer:
        """Answer ``POST /catalogs/{name}/fields``; the fields are there at once (assumed)."""
        catalog = self._catalogs.get(name)
        if catalog is None:
            return catalog_not_found(name)
        given = request.get("fields") if isinstance(request, dict) else None
        errors = field_errors(given, catalog.fields)
        if errors or not isinstance(given, list):
            return invalid_request(400, *errors)
        catalog.fields |= {one["name"]: one["type"] for one in given}
        return message(202, "success")

    def drop_field(self, name: str, field_name: str) -> Answer:
        """Answer ``DELETE /catalogs/{name}/fields/{field}``; the values go with it (assumed)."""
        catalog = self._catalogs.get(name)
        if catalog is None:
            return catalog_not_found(name)
        if field_name == "id" or field_name not in catalog.fields:
            return invalid_request(404, CatalogError("invalid-field-names", ("field_name",), [field_name]))
        del catalog.fields[field_name]
        for item in catalog.items.values():
            item.pop(field_name, None)
        return message(202, "success")

    def change_items(self, method: str, name: str, request: object) -> Answer:
        """Answer a call on ``/catalogs/{name}/items``: 202, or a 400 for all of it (documented, 3.1)."""
        catalog = self._catalogs.get(name)
        if catalog is None:
            return catalog_not_found(name)
        given = request.get("items") if isinstance(request, dict) else None
        errors = unreadable_items(given, ITEMS_OF_A_REQUEST)
        if errors or not isinstance(given, list):
            return invalid_request(400, *errors)
        errors = id_errors(given)
        items = given
        if method != "DELETE" and not errors:
            items, errors = read_items(catalog.fields, given, edits=method == "PATCH")
        if errors:
            return invalid_request(400, *errors)
        self._waiting.add(lambda: self._apply(method, catalog, items))
        return message(202, "success")

    def change_item(self, method: str, name: str, item_id: str, request: object) -> Answer:
        """Answer a call on ``/catalogs/{name}/items/{id}``, which is done when it is answered (documented, 3.1)."""
        catalog = self._catalogs.get(name)
        if catalog is None:
            return catalog_not_found(name)
        if method in {"PATCH", "DELETE"} and item_id not in catalog.items:
            return item_not_found(item_id)
        items: list[Item] = [{"id": item_id}]
        if method != "DELETE":
            given = request.get("items") if isinstance(request, dict) else None
            items, errors = _one_item(catalog, method, item_id, given)
            if errors:
                return invalid_request(400, *errors)
        self._apply(method, catalog, items)
        return message(201 if method == "POST" else 200, "success")

    def item(self, name: str, item_id: str) -> Answer:
        """Answer ``GET /catalogs/{name}/items/{id}``."""
        catalog = self._catalogs.get(name)
        if catalog is None:
            return catalog_not_found(name)
        found = catalog.items.get(item_id)
        if found is None:
            return item_not_found(item_id)
        return Answer(200, orjson.dumps({"items": [found], "message": "success"}))

    def page(self, name: str, cursor: str) -> Answer:
        """Answer ``GET /catalogs/{name}/items``: 50 items, and links to the pages beside it (documented, 3.1)."""
        catalog = self._catalogs.get(name)
        if catalog is None:
            return catalog_not_found(name)
        start = _start(cursor)
        if start is None:
            return invalid_request(400, CatalogError("invalid-cursor", ("cursor",), [cursor]))
        items = list(catalog.items.values())[start : start + PAGE_ITEMS]
        body = orjson.dumps({"items": items, "message": "success"})
        return Answer(200, body, _links(catalog, start, has_cursor=bool(cursor)))

    def _apply(self, method: str, catalog: Catalog, items: list[Item]) -> None:
        """Change the items.

        PUT replaces or creates, PATCH edits what is there (documented, 3.1). That POST leaves an item that is there,
        and PATCH and DELETE pass over one that is not, where the call is about many, is assumed.
        """
        catalog.updated_at = self._clock()
        for item in items:
            item_id = str(item["id"])
            old = catalog.items.get(item_id)
            if method == "DELETE":
                catalog.items.pop(item_id, None)
            elif method == "PUT" or (method == "POST" and old is None):
                catalog.items[item_id] = without_empty(item)
            elif method == "PATCH" and old is not None:
                catalog.items[item_id] = without_empty(edited(old, item))


def _one_item(
    catalog: Catalog, method: str, item_id: str, given: object
) -> tuple[list[Item], list[CatalogError]]:
    """The item of a call on one, which stands in an array of one and has no id there (documented, 3.1)."""
    errors = unreadable_items(given, 1)
    if errors or not isinstance(given, list):
        return [], errors
    if "id" in given[0]:
        return [], [CatalogError("id-in-body", ("id",), [item_id])]
    items = [{"id": item_id, **given[0]}]
    if errors := id_errors(items):
        return [], errors
    if method == "POST":
        if item_id in catalog.items:
            return [], [CatalogError("item-already-exists", ("id",), [item_id])]
        if items[0].keys() != catalog.fields.keys():
            return [], [CatalogError("fields-do-not-match", ("id",), [item_id])]
    return read_items(catalog.fields, items, edits=method == "PATCH")


def _cursor(start: int) -> str:
    return base64.b64encode(f"skip:{start}".encode()).decode()


def _start(cursor: str) -> int | None:
    """Where a page begins; the cursor is that of the documented example (3.1)."""
    if not cursor:
        return 0
    try:
        skip, _, start = base64.b64decode(cursor, validate=True).decode().partition(":")
        return int(start) if skip == "skip" and int(start) >= 0 else None
    except (binascii.Error, ValueError):
        return None


def _links(catalog: Catalog, start: int, *, has_cursor: bool) -> Headers:
    path = f"/catalogs/{catalog.name}/items?cursor="
    links = [f'<{path}{_cursor(max(0, start - PAGE_ITEMS))}>; rel="prev"'] if has_cursor else []
    if start + PAGE_ITEMS < len(catalog.items):
        links.append(f'<{path}{_cursor(start + PAGE_ITEMS)}>; rel="next"')
    return (("Link", ",".join(links)),) if links and len(catalog.items) > PAGE_ITEMS else ()
