"""What goes wrong on purpose; emulator only, nothing of Braze's."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from personalize_connectors.emulators.braze.validation import BLOCKLISTED


class FailNext(BaseModel):
    """The next ``count`` calls to the API are answered with ``status`` and do nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: int = Field(ge=400, le=599)
    count: int = Field(default=1, ge=1)
    headers: dict[str, str] = Field(default_factory=dict)


class Faults(BaseModel):
    """The faults that are planted now.

    Attributes:
        reject_users: external ids whose objects are rejected.
        reject_type: the ``type`` they are rejected with.
        fail_next: calls to fail as a whole.
        delay_seconds: how long every answer is held back, after the request was applied.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    reject_users: frozenset[str] = frozenset()
    reject_type: str = BLOCKLISTED
    fail_next: FailNext | None = None
    delay_seconds: float = Field(default=0.0, ge=0.0)

    def changed(self, given: Mapping[str, object]) -> Faults:
        """These faults with the given ones in place of theirs; a pydantic ``ValidationError`` says what is wrong."""
        return Faults.model_validate({**self.model_dump(), **given})
