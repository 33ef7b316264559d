"""Items on their way into a catalog of the emulator, as the delivery sends them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import requests

from personalize_connectors.connectors.braze_catalog import CONNECTOR, BrazeCatalogSettings
from personalize_connectors.connectors.exchange import Answer, Destination, Verdict
from personalize_connectors.emulators.braze import RunningEmulator

ROWS = pa.schema([("user_id", pa.string()), ("items", pa.list_(pa.string())), ("change", pa.string())])


def settings(**block: Any) -> BrazeCatalogSettings:
    """The settings of a block, for the catalog `shop` if it names no other."""
    return BrazeCatalogSettings.model_validate({"catalog": "shop", **block})


def documents(items: dict[str, dict[str, Any]], block: BrazeCatalogSettings | None = None) -> pa.Table:
    """The item documents of items, with what the connector delivers of each."""
    fields = [{**metadata, "itemId": item_id} for item_id, metadata in items.items()]
    texts = [CONNECTOR.payload(block or settings(), one).text.decode() for one in fields]
    columns = {"item_id": pa.array(items, pa.string()), "payload": pa.array(texts, pa.string())}
    return pa.table(columns)


def rows(*item_ids: str, change: str = "added") -> pa.RecordBatch:
    """Rows of a delivery; one that is removed has no items."""
    lists = [[] if change == "removed" else [item_id] for item_id in item_ids]
    return pa.record_batch([list(item_ids), lists, [change] * len(item_ids)], schema=ROWS)


def destination(emulator: RunningEmulator, key: str | None = None) -> Destination:
    """The emulator as the destination."""
    return CONNECTOR.destination(
        {"BRAZE_REST_ENDPOINT_URL": emulator.url, "BRAZE_API_KEY": key or emulator.api_key}
    )


def send(
    emulator: RunningEmulator,
    table: pa.Table,
    batch: pa.RecordBatch,
    block: BrazeCatalogSettings | None = None,
    *,
    removal: bool = False,
) -> Verdict:
    """Send a batch in one request, and say what the answer means."""
    block, to, envelope = block or settings(), destination(emulator), CONNECTOR.envelope
    fragments = b"".join(CONNECTOR.renderer(block, table, 1)(batch).to_pylist())
    body = envelope.before + fragments.removesuffix(envelope.separator) + envelope.after
    call = CONNECTOR.call(block, removal)
    response = requests.request(
        call.method, to.url + call.path, data=body, headers=dict(to.headers), timeout=10
    )
    answer = Answer(response.status_code, {}, response.content)
    return CONNECTOR.verdict(answer, batch["user_id"])
