"""What becomes of values that a destination would drop, by the job's choice."""

import numpy as np
import pyarrow as pa

from personalize_connectors.connectors.exchange import Call, Destination, Envelope, Limits, Verdict
from personalize_connectors.connectors.protocol import (
    FIELD_ACTIONS,
    RECORD_ACTIONS,
    Connector,
    Finding,
    Payload,
    Rule,
)
from personalize_connectors.connectors.settings import ConnectorSettings
from personalize_connectors.delivery.refusals import Refusals
from personalize_connectors.engine.item_documents import SCHEMA

USERS = {"u": ["a", "b"], "v": ["b"], "w": [], "x": ["c", "a"]}


def judge(settings, documents, longest):
    """A judge that finds the user v, and nobody else."""
    del settings, documents, longest
    return lambda users: {
        place: Finding("whole") for place, user in enumerate(users["user_id"].to_pylist()) if user == "v"
    }


CONNECTOR = Connector(
    name="toy",
    settings=ConnectorSettings,
    envelope=Envelope(b"[", b",", b"]"),
    destination=lambda _: Destination("http://127.0.0.1", {}),
    call=lambda *_: Call("POST", "/"),
    limits=lambda _: Limits(1, 1),
    payload=lambda *_: Payload(b""),
    rendering=lambda _: {},
    renderer=lambda *_: lambda users: pa.array([b""] * len(users), pa.large_binary()),
    verdict=lambda *_: Verdict("accepted"),
    rules={
        "long": Rule("a text that is too long", FIELD_ACTIONS),
        "whole": Rule("all of it", RECORD_ACTIONS),
    },
    judge=judge,
)


def documents():
    """Three items; the text of a, and that of c twice, are too long."""
    findings = [["text"], [], ["text", "more"]]
    rows = [
        {
            "item_id": item,
            "document": "{}",
            "payload": "{}",
            "digest": "",
            "has_metadata": True,
            "findings": [{"rule": "long", "field": field} for field in fields],
        }
        for item, fields in zip("abc", findings, strict=True)
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


def judged(**on_invalid):
    """Why each user is refused, and what is counted."""
    refusals = Refusals(CONNECTOR, ConnectorSettings(onInvalid=on_invalid), documents(), 25)
    columns = [pa.array(list(USERS)), pa.array(list(USERS.values()), pa.list_(pa.string()))]
    found = refusals.column(pa.record_batch(columns, names=["user_id", "items"]))
    return dict(zip(USERS, found.to_pylist(), strict=True)), refusals.actions()


def test_by_default_fields_are_left_out_and_whole_records_refused():
    """Users with an item whose field is left out are sent; a record that breaks a rule as a whole is not."""
    assert judged() == (
        {"u": None, "v": "whole: all of it", "w": None, "x": None},
        [
            ("long", "text", "drop_field", 2),
            ("long", "more", "drop_field", 1),
            ("whole", "", "drop_record", 1),
        ],
    )


def test_a_job_can_refuse_the_records_with_such_an_item():
    """With drop_record every user with one of these items is refused, for the first of them in the list."""
    found, counts = judged(long="drop_record")
    reason = "item {!r}: long (text): a text that is too long"
    assert found == {"u": reason.format("a"), "v": "whole: all of it", "w": None, "x": reason.format("c")}
    assert counts[0] == ("long", "text", "drop_record", 2)


def test_nobody_is_refused_who_breaks_no_rule():
    """A batch without findings has no reasons, however many rows."""
    refusals = Refusals(CONNECTOR, ConnectorSettings(), documents(), 25)
    users = pa.record_batch(
        [pa.array(np.arange(3).astype(str)), pa.array([["b"]] * 3)], names=["user_id", "items"]
    )
    assert refusals.column(users).to_pylist() == [None] * 3
