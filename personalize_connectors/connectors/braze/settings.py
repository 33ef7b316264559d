"""What the block `connectors.braze` of config.json can say, and what each contract with Braze allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from pydantic import Field

from personalize_connectors.connectors.exchange import Limits
from personalize_connectors.connectors.settings import ProfileSettings, RateWindow

Payload = Literal["objects", "ids", "flat", "arrays"]
Contract = Literal["legacy", "mau-2024", "points-2026", "mau-2026"]

PAYLOADS: tuple[Payload, ...] = get_args(Payload)
MOST_OBJECTS = 75
MOST_BYTES = 4 * 1000 * 1000

_BURST = RateWindow(requests=3_000, seconds=3)
# Objects and requests of one call ("User track", "API limits"). The windows of mau-2026 are in each customer's contract.
CONTRACTS: Mapping[Contract, Limits] = {
    "legacy": Limits(MOST_OBJECTS, MOST_BYTES, (RateWindow(requests=50_000, seconds=60),)),
    "mau-2024": Limits(50, MOST_BYTES, (_BURST,)),
    "points-2026": Limits(MOST_OBJECTS, MOST_BYTES, (_BURST,)),
    "mau-2026": Limits(MOST_OBJECTS, MOST_BYTES),
}


class BrazeSettings(ProfileSettings):
    """`connectors.braze` in config.json."""

    payload: Payload = Field(
        default="objects", description="How the list stands on the profile; see docs, Payload shapes."
    )
    allowMisaligned: bool = Field(
        default=False, description="With arrays: also send users whose values Braze would collapse or shift."
    )
    updateExistingOnly: bool = Field(
        default=False, description="Create no profile for a user whom Braze does not know."
    )
    contract: Contract = Field(
        default="points-2026",
        description="Which generation of contract with Braze: it decides recordsPerRequest and rateLimit.",
    )
    catalogIds: bool | None = Field(
        default=None,
        description="With ids: send them as braze_catalog writes them; without it, where the job has a braze_catalog block.",
    )


def limits(settings: BrazeSettings) -> Limits:
    """What a request may hold, and the rate: the contract's, but for what the block says itself."""
    return CONTRACTS[settings.contract].or_as_set(settings)
