"""Calls on one catalog, and the answers that refuse them."""

from personalize_connectors_tests.emulators.calls import answered

ITEMS, SUCCESS = "/catalogs/shop/items", {"message": "success"}
FIELDS = {
    "id": "string",
    "name": "string",
    "price": "number",
    "sold": "boolean",
    "made": "time",
    "tags": "array",
    "more": "object",
}


def create(emulator, name="shop", fields=FIELDS, **others):
    """Create a catalog."""
    given = [{"name": field, "type": kind} for field, kind in fields.items()]
    body = {"catalogs": [{"name": name, "fields": given, **others}]}
    return answered(emulator, "POST", "/catalogs", body)


def change(emulator, method, *items):
    """Call the endpoint for many items."""
    return answered(emulator, method, ITEMS, {"items": list(items)})


def refused(code, message, parameters=(), values=(), status=400):
    """The answer with one error."""
    error = {"id": code, "message": message, "parameters": list(parameters), "parameter_values": list(values)}
    return status, {"errors": [error], "message": "Invalid Request"}


def items(emulator):
    """The items of the catalog."""
    return emulator.catalogs()["shop"]["items"]


def nested(levels):
    """Objects in objects."""
    value: object = 1
    for _ in range(levels):
        value = {"k": value}
    return value
