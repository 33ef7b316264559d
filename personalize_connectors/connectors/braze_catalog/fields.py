"""The fields that a catalog needs for the items, and how they stand to those that it has.

Source: Braze documentation, "Create catalog fields" and "Create a catalog": a field has one type, which cannot be changed.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import pyarrow as pa

from personalize_connectors.connectors.braze_catalog.values import FieldType, kind
from personalize_connectors.errors import BadInput, DeliveryRefused
from personalize_connectors.shortened import shortened


def field_types(documents: pa.Table, given: Mapping[str, FieldType]) -> dict[str, FieldType]:
    """Each field of the item documents' payloads but the id, with its type: as given, else as its values are.

    Raises:
        BadInput: A field has values of several types, and none is given.
    """
    found: dict[str, dict[FieldType, str]] = {}
    pairs = zip(documents["item_id"].to_pylist(), documents["payload"].to_pylist(), strict=True)
    for item_id, payload in pairs:
        for name, value in orjson.loads(payload).items():
            found.setdefault(name, {}).setdefault(given.get(name) or kind(value), item_id)
    found.pop("id", None)
    if mixed := [_mixed(name, examples) for name, examples in found.items() if len(examples) > 1]:
        raise BadInput(
            f"{'; '.join(mixed)}. A catalog field has one type: name it in fieldTypes of braze_catalog. With string every "
            "value is sent as text; with another type the values that cannot be of it are left out."
        )
    return {name: next(iter(examples)) for name, examples in found.items()}


def missing_fields(
    catalog: str, wanted: Mapping[str, FieldType], there: Mapping[str, str]
) -> dict[str, FieldType]:
    """The wanted fields that the catalog does not have yet.

    Raises:
        DeliveryRefused: It has one with another type.
    """
    clashes = [
        f"{name} is {there[name]}, our values are {ours}"
        for name, ours in wanted.items()
        if there.get(name, ours) != ours
    ]
    if clashes:
        raise DeliveryRefused(
            f"the catalog {catalog!r} has fields of another type than the items: {'; '.join(clashes)}. Braze cannot change "
            "the type of a field. Name the catalog's type in fieldTypes of braze_catalog, and what can be of that type is "
            "sent as such; or name in itemMetadataFields all fields but these, and they are not sent."
        )
    return {name: ours for name, ours in wanted.items() if name not in there}


def _mixed(name: str, examples: Mapping[FieldType, str]) -> str:
    shown = " and ".join(f"{of_type} (item {shortened(item_id)!r})" for of_type, item_id in examples.items())
    return f"the metadata field {name} is {shown}"
