"""What a connector's block in config.json can say, whatever the destination."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

Action = Literal["drop_field", "drop_record", "stop"]


class RateWindow(BaseModel):
    """At most so many requests in each fixed window of so many seconds, aligned to the clock."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    requests: int = Field(ge=1, description="Requests in a window.")
    seconds: int = Field(ge=1, le=86_400, description="Length of a window.")


class ConnectorSettings(BaseModel):
    """What every connector's block can say."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    performDeltaCheck: bool | None = Field(
        default=None, description="Send only what changed; without it, what the top level says."
    )
    itemMetadataFields: list[str] | None = Field(
        default=None,
        min_length=1,
        description="Which metadata fields are sent, in this order; without it, all.",
    )
    onInvalid: dict[str, Action] = Field(
        default_factory=dict,
        description="What becomes of what the destination would drop, by rule: drop_field, drop_record or stop.",
    )
    maxRemovalShare: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Above this share of what was delivered before, nothing is removed.",
    )
    rateLimit: list[RateWindow] | None = Field(
        default=None,
        min_length=1,
        description="Requests in fixed windows; without it, what the destination publishes.",
    )
    recordsPerRequest: int | None = Field(
        default=None, ge=1, description="Records in a request; without it, what the destination publishes."
    )
    concurrentRequests: int = Field(
        default=32, ge=1, le=500, description="Requests in flight at a time, each on its own connection."
    )

    @field_validator("itemMetadataFields")
    @classmethod
    def _each_field_once(cls, fields: list[str] | None) -> list[str] | None:
        if repeated := sorted({name for name in fields or [] if fields and fields.count(name) > 1}):
            raise ValueError(f"names {', '.join(repeated)} more than once; name each field once")
        return fields


class ProfileSettings(ConnectorSettings):
    """What the block of a connector that writes to user profiles can say."""

    attributePrefix: str = Field(
        default="recommendation_",
        min_length=1,
        max_length=100,
        description="What the attributes' names begin with.",
    )
    otherAttributes: dict[str, JsonValue] = Field(
        default_factory=dict, description="Constants set on every user."
    )
    missingUsers: Literal["keep", "unset"] = Field(
        default="keep",
        description="Users who were delivered before and are in no list any more: keep or unset their attributes.",
    )
    maxUsers: int | None = Field(
        default=None, ge=0, description="Above so many users to send, nothing is delivered."
    )
    maxDataPoints: int | None = Field(
        default=None, ge=0, description="Above so many data points to send, nothing is delivered."
    )
    pricePerDataPoint: float | None = Field(
        default=None, ge=0, description="What a data point costs; then plan shows money too."
    )
