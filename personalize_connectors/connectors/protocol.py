"""What a connector says about its destination; all the rest of delivery is shared.

A connector says only: its settings model, its limits, how a record becomes a payload fragment, how fragments become a
request, and what each answer means per record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

Ints = np.ndarray


class ConnectorSettings(BaseModel):
    """What every connector's block in config.json can say."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    performDeltaCheck: bool | None = Field(
        default=None, description="Send only what changed; without it, what the top level says."
    )
    itemMetadataFields: list[str] | None = Field(
        default=None,
        min_length=1,
        description="Which metadata fields are sent, in this order; without it, all.",
    )
    attributePrefix: str = Field(
        default="recommendation_",
        min_length=1,
        max_length=100,
        description="What the attributes' names begin with.",
    )
    otherAttributes: dict[str, JsonValue] = Field(
        default_factory=dict, description="Constants set on every user."
    )

    @field_validator("itemMetadataFields")
    @classmethod
    def _each_field_once(cls, fields: list[str] | None) -> list[str] | None:
        if repeated := sorted({name for name in fields or [] if fields and fields.count(name) > 1}):
            raise ValueError(f"names {', '.join(repeated)} more than once; name each field once")
        return fields


@dataclass(frozen=True)
class Destination:
    """Where requests go; the headers hold secrets and never show."""

    url: str
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Limits:
    """What one request may hold."""

    records: int
    body_bytes: int


@dataclass(frozen=True)
class Fragments:
    """The records of a batch of users as the destination reads them, each followed by the separator.

    Attributes:
        bodies: One fragment for each user, in one buffer, so that neighbours are a slice of it.
        refused: Users (by place in the batch) whose record must not be sent, and why.
    """

    bodies: pa.LargeBinaryArray
    refused: Mapping[int, str] = field(default_factory=dict)


# The fragments of users, given as `user_id`, `items` (each of which has a document) and `change` against what the
# destination accepted before (`added`, `changed`, `unchanged`).
Renderer = Callable[[pa.RecordBatch], Fragments]


@dataclass(frozen=True)
class DataPoints:
    """What a destination bills for setting one user's attributes: a constant, and so much for each item.

    Attributes:
        per_user: For each user.
        per_item: For each item document, in their order.
        per_known_user: For each user who was delivered before, whatever the items, where that differs.
    """

    per_user: int
    per_item: Ints
    per_known_user: int | None = None


@dataclass(frozen=True)
class Envelope:
    """What stands around the fragments in a request's body."""

    before: bytes
    separator: bytes
    after: bytes


@dataclass(frozen=True)
class Answer:
    """What the destination answered to one request."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Verdict:
    """What an answer means.

    Attributes:
        outcome: `accepted` (but for the records in `rejected`), `rejected` (all), `split` (send again in halves),
            `retry` (send again later), `stop` (nothing can be delivered until somebody acts).
        text: The destination's own words, or what to check.
        rejected: Places in the request that were rejected, with the destination's words.
        retry_after: Seconds that the destination asks to wait.
    """

    outcome: Literal["accepted", "rejected", "split", "retry", "stop"]
    text: str = ""
    rejected: Mapping[int, str] = field(default_factory=dict)
    retry_after: float | None = None


class Connector(Protocol):
    """One destination type."""

    name: str
    settings: type[ConnectorSettings]
    path: str
    envelope: Envelope

    def problems(self, settings: Any) -> list[tuple[str, str]]:
        """What the settings model alone cannot see: JSON path below the connector's block, and what is wrong."""
        ...

    def attributes(self, settings: Any) -> frozenset[str]:
        """The attributes that these settings write, to find jobs that write the same."""
        ...

    def rendering(self, settings: Any) -> dict[str, Any]:
        """All settings that change what a user's record looks like; part of every fingerprint."""
        ...

    def destination(self, environment: Mapping[str, str]) -> Destination:
        """Where to deliver; BadSettings where the endpoint or key is missing."""
        ...

    def limits(self, settings: Any) -> Limits:
        """What one request may hold."""
        ...

    def payload(self, settings: Any, fields: dict[str, Any]) -> bytes:
        """What is delivered of one item document, as text."""
        ...

    def left_out(self, settings: Any, fields: dict[str, Any]) -> list[str]:
        """The fields of one item document that `payload` leaves out, each with the reason."""
        ...

    def data_points(self, settings: Any, documents: pa.Table, longest: int) -> DataPoints:
        """What the destination bills for users with these item documents and lists of at most `longest` items."""
        ...

    def renderer(self, settings: Any, documents: pa.Table, longest: int) -> Renderer:
        """What renders users by these item documents (`engine.item_documents`)."""
        ...

    def verdict(self, answer: Answer, records: int) -> Verdict:
        """What an answer to a request with so many records means."""
        ...
