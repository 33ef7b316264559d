"""A webhook of your own: `POST {"users":[...]}` to WEBHOOK_URL, one object for each user."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from pydantic import BaseModel, Field, ValidationError

from personalize_connectors.connectors.answers import by_status
from personalize_connectors.connectors.exchange import Answer, Call, Destination, Envelope, Limits, Verdict
from personalize_connectors.connectors.protocol import Connector, Payload, Renderer
from personalize_connectors.connectors.renderers import ITEMS, USER, list_renderer, with_removals
from personalize_connectors.connectors.settings import ProfileSettings, RateWindow
from personalize_connectors.engine.item_documents import dump
from personalize_connectors.errors import BadSettings


class WebhookSettings(ProfileSettings):
    """`connectors.webhook` in config.json."""

    path: str = Field(default="", pattern="^(/.*)?$", description="Path below WEBHOOK_URL, such as /daily.")


class Refusal(BaseModel):
    """Whom the webhook did not take: a place in `users`, and why."""

    index: int
    message: str


class Reply(BaseModel):
    """What the webhook answers: how many users it took, and whom it did not."""

    accepted: int
    errors: list[Refusal] = []


def destination(environment: Mapping[str, str]) -> Destination:
    """Where WEBHOOK_URL says, with the key in WEBHOOK_TOKEN."""
    url, token = (environment.get(name, "").strip() for name in ("WEBHOOK_URL", "WEBHOOK_TOKEN"))
    if not url.startswith(("https://", "http://")) or not token:
        raise BadSettings("set WEBHOOK_URL (https://...) and WEBHOOK_TOKEN, the webhook's address and key")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return Destination(url.rstrip("/"), headers)


def written(settings: WebhookSettings) -> list[str]:
    """The names that are written to a user: constants, then the list."""
    return [*settings.otherAttributes, f"{settings.attributePrefix}items"]


def problems(settings: WebhookSettings) -> list[tuple[str, str]]:
    """Constants that would stand in a user's object twice."""
    twice = settings.otherAttributes.keys() & {"user_id", written(settings)[-1]}
    return [(f"otherAttributes.{name}", "is taken; choose another name") for name in sorted(twice)]


def renderer(settings: WebhookSettings, documents: pa.Table, longest: int) -> Renderer:  # noqa: ARG001 - the protocol's
    """`{"user_id":..., <constants>, "recommendation_items":[...]}`; of who is removed, null for each of them."""
    *_, items = names = written(settings)
    lists = list_renderer(documents, {"user_id": USER, **settings.otherAttributes, items: ITEMS})
    return with_removals(lists, {"user_id": USER, **dict.fromkeys(names)})


def read_answer(answer: Answer, record_ids: pa.Array) -> Verdict:
    """What an answer to a request with these users means."""
    said = f"HTTP {answer.status} {answer.body[:500].decode(errors='replace')}"
    if verdict := by_status(answer, said):
        return verdict
    try:
        reply = Reply.model_validate_json(answer.body if answer.success else b"")
    except ValidationError:
        return Verdict("stop", f"the webhook answered {said}; check WEBHOOK_URL and WEBHOOK_TOKEN")
    rejected = {refusal.index: refusal.message for refusal in reply.errors}
    everybody = range(len(record_ids))
    if not rejected.keys() <= set(everybody) or reply.accepted + len(rejected) != len(everybody):
        return Verdict("rejected", f"{said}, and does not say what became of each of {len(everybody)}")
    return Verdict("accepted", said, rejected)


CONNECTOR = Connector(
    name="webhook",
    settings=WebhookSettings,
    envelope=Envelope(b'{"users":[', b",", b"]}"),
    destination=destination,
    call=lambda settings, _removal: Call("POST", settings.path),
    limits=Limits(100, 1_000_000, (RateWindow(requests=50, seconds=1),)).or_as_set,
    payload=lambda _settings, fields: Payload(dump(fields)),
    rendering=lambda settings: settings.model_dump(include={"path", "attributePrefix", "otherAttributes"}),
    renderer=renderer,
    verdict=read_answer,
    problems=problems,
    attributes=lambda settings: frozenset(written(settings)),
    removes=lambda settings: settings.missingUsers == "unset",
)
