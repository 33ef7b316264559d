"""A Braze catalog kept equal to the items that the profiles name: `PUT` and `DELETE /catalogs/{catalog}/items`.

With the shape `ids` on the profiles a message looks the items up in the catalog: one data point for each user, and none for
the catalog. Source of the rules: Braze documentation, "Catalogs", "Update catalog items" (which replaces or creates),
"Delete catalog items" and "API limits".
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from personalize_connectors.connectors.braze.address import PARAMETERS, read_address
from personalize_connectors.connectors.braze.catalog_ids import encoded
from personalize_connectors.connectors.braze_catalog.answers import read_answer
from personalize_connectors.connectors.braze_catalog.fields import field_types
from personalize_connectors.connectors.braze_catalog.schema import Wanted, make_ready
from personalize_connectors.connectors.braze_catalog.values import NAME, RULES, FieldType, taken
from personalize_connectors.connectors.exchange import Call, Destination, Envelope, Limits
from personalize_connectors.connectors.protocol import Connector, Fields, Finding, Judge, Payload, Renderer
from personalize_connectors.connectors.settings import ConnectorSettings, RateWindow
from personalize_connectors.engine.gather import gather
from personalize_connectors.engine.item_documents import column, dump

MOST_ITEMS = 50
MAX_BODY = (
    4 * 1000 * 1000
)  # assumed: the pages of the catalog endpoints name no limit, other endpoints have this one
ITEM_CALLS = RateWindow(requests=16_000, seconds=60)
PERMISSIONS = (
    "catalogs.get",
    "catalogs.create",
    "catalogs.create_fields",
    "catalogs.replace_items",
    "catalogs.delete_items",
)
_ITS_ID = frozenset(["id", "itemId"])


class BrazeCatalogSettings(ConnectorSettings):
    """`connectors.braze_catalog` in config.json."""

    catalog: str = Field(
        description="The catalog's name: letters, digits, - and _, at most 250.", max_length=250
    )
    unnamedItems: Literal["keep", "remove"] = Field(
        default="remove", description="Items that no profile names any more: keep or remove them."
    )
    createCatalog: bool = Field(default=True, description="Create the catalog where it is not there.")
    fieldTypes: dict[str, FieldType] = Field(
        default_factory=dict,
        description="Types of fields, where they are not what the values look like: string, number, boolean, time, object, array.",
    )

    @field_validator("catalog")
    @classmethod
    def _a_name_that_braze_takes(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError("a catalog's name has letters, digits, - and _ only, and at least one")
        return name


def problems(settings: BrazeCatalogSettings) -> list[tuple[str, str]]:
    """Types for what is no field, and requests that Braze would refuse."""
    found = []
    sent = settings.itemMetadataFields
    for name in settings.fieldTypes:
        if name in _ITS_ID:
            found.append((f"fieldTypes.{name}", "is the item's id, which is always a string; leave it out"))
        elif sent is not None and name not in sent:
            found.append((f"fieldTypes.{name}", f"is not sent; itemMetadataFields names {', '.join(sent)}"))
    if settings.recordsPerRequest is not None and settings.recordsPerRequest > MOST_ITEMS:
        text = f"is {settings.recordsPerRequest}; Braze takes {MOST_ITEMS} items in one request at most"
        found.append(("recordsPerRequest", text))
    return found


def call(settings: BrazeCatalogSettings, removal: bool) -> Call:  # noqa: FBT001 - as the protocol has it
    """Replace or create, or delete."""
    return Call("DELETE" if removal else "PUT", f"/catalogs/{settings.catalog}/items")


def limits(settings: BrazeCatalogSettings) -> Limits:
    """50 items; 16,000 requests a minute, for all item calls of the workspace together ("API limits")."""
    return Limits(MOST_ITEMS, MAX_BODY, (ITEM_CALLS,)).or_as_set(settings)


def payload(settings: BrazeCatalogSettings, fields: Fields) -> Payload:
    """The catalog item: its id there, and the fields that a catalog takes."""
    metadata = {name: value for name, value in fields.items() if name not in _ITS_ID}
    kept, findings = taken(metadata, settings.fieldTypes)
    return Payload(dump({"id": _catalog_id(fields["itemId"]), **kept}), findings)


def rendering(settings: BrazeCatalogSettings) -> dict[str, Any]:
    """Catalog and types."""
    return {"catalog": settings.catalog, "fieldTypes": settings.fieldTypes}


def renderer(settings: BrazeCatalogSettings, documents: pa.Table, longest: int) -> Renderer:  # noqa: ARG001 - the protocol's
    """The payload of each item, or for one that is removed its id alone."""
    known, payloads = column(documents, "item_id"), column(documents, "payload")

    def render(items: pa.RecordBatch) -> pa.LargeBinaryArray:
        removed = pc.equal(items["change"], "removed")
        ids = [dump({"id": _catalog_id(item_id)}) for item_id in items["user_id"].filter(removed).to_pylist()]
        pieces = pa.concat_arrays([payloads, pa.array([*ids, ","], pa.string())])
        codes = np.full(2 * len(items), len(pieces) - 1)
        of_item = pc.index_in(items["user_id"], value_set=known)
        first = len(payloads) + np.cumsum(removed.to_numpy(zero_copy_only=False)) - 1
        codes[::2] = pc.if_else(removed, pa.array(first), of_item.cast(pa.int64())).to_numpy()
        return gather(pieces, codes, np.arange(2, len(codes) + 1, 2))

    return render


def judge(settings: BrazeCatalogSettings, documents: pa.Table, longest: int) -> Judge:  # noqa: ARG001 - the protocol's
    """Finds the items whose id is too long for a catalog."""

    def find(items: pa.RecordBatch) -> Mapping[int, Finding]:
        ids = enumerate(items["user_id"].to_pylist())
        return {place: Finding("id_too_long") for place, item_id in ids if _catalog_id(item_id) is None}

    return find


def prepare(
    settings: BrazeCatalogSettings,
    destination: Destination,
    documents: pa.Table,
    whole: bool,  # noqa: FBT001 - as the protocol has it
) -> None:
    """Create the catalog and the fields of the items, where they are not there; a catalog only where all items are sent."""
    if len(documents):
        fields = field_types(documents, settings.fieldTypes)
        make_ready(Wanted(settings.catalog, fields, settings.createCatalog, whole), destination)


def _catalog_id(item_id: str) -> str | None:
    """None where it is too long; the judge takes such an item out."""
    try:
        return encoded(item_id)
    except ValueError:
        return None


CONNECTOR = Connector(
    name="braze_catalog",
    unit="item",
    settings=BrazeCatalogSettings,
    envelope=Envelope(b'{"items":[', b",", b"]}"),
    destination=lambda environment: read_address(environment, *PERMISSIONS),
    parameters=PARAMETERS,
    call=call,
    limits=limits,
    payload=payload,
    rendering=rendering,
    renderer=renderer,
    verdict=lambda answer, record_ids: read_answer(answer, record_ids, time.time()),
    rules=RULES,
    judge=judge,
    problems=problems,
    attributes=lambda settings: frozenset([f"catalog {settings.catalog}"]),
    removes=lambda settings: settings.unnamedItems == "remove",
    prepare=prepare,
)
