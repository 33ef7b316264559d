"""The example connector by itself: its settings, what it sends, and what it makes of answers."""

import json
from pathlib import Path

import personalize_connectors_webhook
import pyarrow as pa
import pytest
from personalize_connectors_webhook import CONNECTOR, WebhookSettings
from pydantic import ValidationError

from personalize_connectors.connectors.exchange import Answer, Call, Destination, Limits, Verdict
from personalize_connectors.connectors.settings import RateWindow
from personalize_connectors.errors import BadSettings

SETTINGS = WebhookSettings(attributePrefix="daily_", otherAttributes={"source": "shop"})


def render(*users: tuple[str, list[str], str]) -> list[dict]:
    """The users of a request's body, for rows of user id, items and change."""
    lamp = CONNECTOR.payload(SETTINGS, {"name": "Lamp", "itemId": "l"}).text.decode()
    documents = pa.table({"item_id": ["l", "t"], "payload": [lamp, '{"itemId":"t"}']})
    schema = pa.schema({"user_id": pa.string(), "items": pa.list_(pa.string()), "change": pa.string()})
    rows = [dict(zip(schema.names, user, strict=True)) for user in users]
    fragments = CONNECTOR.renderer(SETTINGS, documents, 25)(pa.RecordBatch.from_pylist(rows, schema))
    between = b"".join(fragments.to_pylist()).removesuffix(CONNECTOR.envelope.separator)
    return json.loads(CONNECTOR.envelope.before + between + CONNECTOR.envelope.after)["users"]


def test_writes_one_object_for_each_user():
    """A user's object has the constants and the items in order; of who is removed, null for each of them."""
    assert render(("ana", ["t", "l"], "added"), ('"b"', [], "removed")) == [
        {
            "user_id": "ana",
            "source": "shop",
            "daily_items": [{"itemId": "t"}, {"name": "Lamp", "itemId": "l"}],
        },
        {"user_id": '"b"', "source": None, "daily_items": None},
    ]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"accepted": 2}, {"outcome": "accepted"}),
        (
            200,
            {"accepted": 1, "errors": [{"index": 1, "message": "who?"}]},
            {"outcome": "accepted", "rejected": {1: "who?"}},
        ),
        (200, {"accepted": 1}, {"outcome": "rejected"}),
        (200, {"accepted": 1, "errors": [{"index": 2, "message": "who?"}]}, {"outcome": "rejected"}),
        (200, "a page of something in between", {"outcome": "stop"}),
        (401, {"message": "no such token"}, {"outcome": "stop"}),
        (413, {}, {"outcome": "split", "too_large": True}),
        (429, {}, {"outcome": "retry", "throttled": True, "retry_after": 7.0}),
        (502, {}, {"outcome": "retry", "uncertain": True, "retry_after": 7.0}),
        (503, {}, {"outcome": "retry", "retry_after": 7.0}),
    ],
)
def test_what_an_answer_means(status, body, expected):
    """Users are accepted only where the webhook says so; else the request is divided, sent later, or everything stops."""
    answer = Answer(status, {"retry-after": "7"}, json.dumps(body).encode())
    verdict = CONNECTOR.verdict(answer, pa.array(["ana", "ben"]))
    assert verdict == Verdict(**{"text": verdict.text, **expected})
    assert str(status) in verdict.text


def test_goes_where_the_environment_says():
    """The address is WEBHOOK_URL with the block's path, and the key goes along with every request."""
    environment = {"WEBHOOK_URL": "https://hooks.example/in/", "WEBHOOK_TOKEN": "t0ken"}
    found = CONNECTOR.destination(environment)
    headers = {"Authorization": "Bearer t0ken", "Content-Type": "application/json"}
    assert found == Destination("https://hooks.example/in", headers)
    assert "t0ken" not in repr(found)
    calls = [CONNECTOR.call(WebhookSettings(path="/users"), removal) for removal in (False, True)]
    assert calls == [Call("POST", "/users")] * 2


@pytest.mark.parametrize("url", ["", "hooks.example", "t0ken"])
def test_says_what_to_set(url):
    """Where the address or the key is missing, the error names both variables, and never shows a value."""
    with pytest.raises(BadSettings) as raised:
        CONNECTOR.destination({"WEBHOOK_URL": url, "WEBHOOK_TOKEN": "t0ken"})
    text = "set WEBHOOK_URL (https://...) and WEBHOOK_TOKEN, the webhook's address and key"
    assert str(raised.value) == text


def test_takes_what_a_block_says():
    """The block decides how much and how fast, what is written, and whether users are removed."""
    window = RateWindow(requests=5, seconds=60)
    settings = WebhookSettings(
        recordsPerRequest=10, rateLimit=[window], missingUsers="unset", attributePrefix="daily_"
    )
    assert CONNECTOR.limits(settings) == Limits(10, 1_000_000, (window,))
    assert (CONNECTOR.removes(settings), CONNECTOR.attributes(settings)) == (True, {"daily_items"})
    assert CONNECTOR.rendering(settings) == {"path": "", "attributePrefix": "daily_", "otherAttributes": {}}


def test_refuses_constants_that_would_stand_twice():
    """A constant must not have the name of the user's id or of the list."""
    settings = WebhookSettings(otherAttributes={"user_id": "x", "recommendation_items": [], "source": "x"})
    assert CONNECTOR.problems(settings) == [
        ("otherAttributes.recommendation_items", "is taken; choose another name"),
        ("otherAttributes.user_id", "is taken; choose another name"),
    ]


def test_refuses_a_path_that_would_change_the_host():
    """A path begins with a slash."""
    with pytest.raises(ValidationError):
        WebhookSettings(path=".example.org")


def test_is_under_100_lines():
    """The whole connector, with docstrings and blank lines, has fewer than 100 lines."""
    lines = Path(personalize_connectors_webhook.__file__).read_text().splitlines()
    assert len(lines) < 100
