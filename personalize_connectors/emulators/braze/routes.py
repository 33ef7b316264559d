"""Braze's paths: which call each is, the scope that it needs and the rate limit that it shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qs

from personalize_connectors.emulators.braze.answers import Answer, message
from personalize_connectors.emulators.braze.presets import RateGroup
from personalize_connectors.emulators.braze.workspace import Workspace


class Call(NamedTuple):
    """What a call brings with it.

    Attributes:
        method: of HTTP.
        names: the catalog, and the item or field, that the path names.
        query: as it stands in the URL.
        request: the parsed body.
        body: as it came.
    """

    method: str
    names: tuple[str, ...]
    query: bytes
    request: object
    body: bytes


class Route(NamedTuple):
    """One method on one path.

    Attributes:
        scope: what the key must be allowed to (documented, 1.1 and 3.1).
        group: whose rate limit it shares.
        answer: the call itself.
        has_body: whether it takes a body, which must be JSON.
    """

    scope: str
    group: RateGroup
    answer: Callable[[Workspace, Call], Answer]
    has_body: bool = True


def _items(method: str, scope: str) -> Route:
    return Route(
        scope,
        "catalog_items",
        lambda at, call: at.catalogs.change_items(method, call.names[0], call.request),
    )


def _item(method: str, scope: str, *, has_body: bool = True) -> Route:
    return Route(
        scope,
        "catalog_item",
        lambda at, call: at.catalogs.change_item(method, call.names[0], call.names[1], call.request),
        has_body,
    )


def _cursor(call: Call) -> str:
    return parse_qs(call.query.decode("latin-1")).get("cursor", [""])[0]


ROUTES: dict[str, dict[str, Route]] = {
    "/users/track": {
        "POST": Route("users.track", "track", lambda at, call: at.tracker.track(call.request, call.body))
    },
    "/users/track/bulk": {
        "POST": Route(
            "users.track.bulk", "track_bulk", lambda at, call: at.tracker.bulk(call.request, call.body)
        )
    },
    "/users/track/sync": {
        "POST": Route("users.track.sync", "track_sync", lambda at, call: at.tracker.sync(call.request))
    },
    "/users/export/ids": {
        "POST": Route("users.export.ids", "export", lambda at, call: at.export_ids(call.request))
    },
    "/catalogs": {
        "GET": Route("catalogs.get", "catalogs", lambda at, _: at.catalogs.show(), has_body=False),
        "POST": Route("catalogs.create", "catalogs", lambda at, call: at.catalogs.create(call.request)),
    },
    "/catalogs/*": {
        "DELETE": Route(
            "catalogs.delete", "catalogs", lambda at, call: at.catalogs.drop(call.names[0]), has_body=False
        )
    },
    "/catalogs/*/fields": {
        "POST": Route(
            "catalogs.create_fields",
            "catalogs",
            lambda at, call: at.catalogs.add_fields(call.names[0], call.request),
        )
    },
    "/catalogs/*/fields/*": {
        "DELETE": Route(
            "catalogs.delete_fields",
            "catalogs",
            lambda at, call: at.catalogs.drop_field(*call.names),
            has_body=False,
        )
    },
    "/catalogs/*/items": {
        "GET": Route(
            "catalogs.get_items",
            "catalog_item",
            lambda at, call: at.catalogs.page(call.names[0], _cursor(call)),
            has_body=False,
        ),
        "POST": _items("POST", "catalogs.add_items"),
        "PATCH": _items("PATCH", "catalogs.update_items"),
        "PUT": _items("PUT", "catalogs.replace_items"),
        "DELETE": _items("DELETE", "catalogs.delete_items"),
    },
    "/catalogs/*/items/*": {
        "GET": Route(
            "catalogs.get_item",
            "catalog_item",
            lambda at, call: at.catalogs.item(*call.names),
            has_body=False,
        ),
        "POST": _item("POST", "catalogs.create_item"),
        "PATCH": _item("PATCH", "catalogs.update_item"),
        "PUT": _item("PUT", "catalogs.replace_item"),
        "DELETE": _item("DELETE", "catalogs.delete_item", has_body=False),
    },
}
SCOPES = frozenset(route.scope for methods in ROUTES.values() for route in methods.values())
"""Every permission that a key can have here (documented, 1.1 and the pages of the endpoints)."""


def find_route(method: str, path: str) -> tuple[Route, tuple[str, ...]] | Answer:
    """The route of a call and the names in its path, or the answer that there is none.

    A trailing slash gives "odd errors", listed under 403 (documented, 1.1); that it is always a 403, and the 405 of
    another method, is assumed.
    """
    methods = ROUTES.get(path)
    names: tuple[str, ...] = ()
    if methods is None:
        methods, names = _named(path)
    if methods is None:
        known = path.endswith("/") and (path.rstrip("/") in ROUTES or _named(path.rstrip("/"))[0])
        return message(403, "Access Denied") if known else message(404, "Not found")
    route = methods.get(method)
    if route is None:
        return message(405, "Method not allowed", (("allow", ", ".join(methods)),))
    return route, names


def _named(path: str) -> tuple[dict[str, Route] | None, tuple[str, ...]]:
    """The methods of a path below `/catalogs`, where every second part is a name."""
    parts = path.split("/")[1:]
    names = tuple(parts[1::2])
    if parts[0] != "catalogs" or not all(names):
        return None, ()
    parts[1::2] = "*" * len(names)
    return ROUTES.get("/" + "/".join(parts)), names
