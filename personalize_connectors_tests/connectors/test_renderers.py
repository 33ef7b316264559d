"""Records given as they look, with marks where the user's id and the items stand."""

import json

import pyarrow as pa

from personalize_connectors.connectors.exchange import Call, Envelope
from personalize_connectors.connectors.renderers import ITEMS, USER, list_renderer, with_removals
from personalize_connectors.delivery.parcels import Parcel

DOCUMENTS = pa.table({"item_id": ["l", "t"], "payload": ['{"id":"l"}', '"t"']})
SCHEMA = pa.schema({"user_id": pa.string(), "items": pa.list_(pa.string()), "change": pa.string()})
WRITTEN = {"type": "profile", "id": USER, "fields": {"source": "shop", "list": ITEMS}, "merge": False}
GONE = {"type": "profile", "id": USER, "fields": {"list": None}}


def rendered(*users: tuple[str, list[str], str]) -> Parcel:
    """Rows of user id, items and change, with their fragments."""
    rows = [dict(zip(SCHEMA.names, user, strict=True)) for user in users]
    batch = pa.RecordBatch.from_pylist(rows, SCHEMA)
    render = with_removals(list_renderer(DOCUMENTS, WRITTEN), GONE)
    return Parcel(batch, render(batch), Call("POST", "/"))


def body(parcel: Parcel) -> list:
    """What stands in the request that they make."""
    return json.loads(parcel.body(Envelope(b"[", b",", b"]")))


def test_a_record_reads_as_it_was_given():
    """The id and the items stand where the marks stood, also inside other objects, and nothing else changes."""
    assert rendered(('a"\n', ["t", "l"], "added")).bodies.to_pylist() == [
        b'{"type":"profile","id":"a\\"\\n","fields":{"source":"shop","list":["t",{"id":"l"}]},"merge":false},'
    ]


def test_who_is_removed_stands_in_place():
    """Records of users who are removed stand among the others, in the order of the rows, and any part is a request."""
    parcel = rendered(
        ("a", [], "removed"), ("b", ["l"], "changed"), ("c", [], "removed"), ("d", ["t", "t"], "added")
    )
    expected = [
        GONE | {"id": "a"},
        WRITTEN | {"id": "b", "fields": {"source": "shop", "list": [{"id": "l"}]}},
        GONE | {"id": "c"},
        WRITTEN | {"id": "d", "fields": {"source": "shop", "list": ["t", "t"]}},
    ]
    assert body(parcel) == expected
    assert body(parcel.part(1, 3)) == expected[1:3]
