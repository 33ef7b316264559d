"""What a connector makes of an answer, and what that leaves in doubt."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from personalize_connectors.connectors.exchange import Answer, Destination, Verdict
from personalize_connectors.connectors.protocol import Connector
from personalize_connectors.errors import DeliveryRefused

_NOTHING_TAKEN = ("rejected", "retry", "stop")


def judged(connector: Connector, answer: Answer, record_ids: pa.Array, destination: Destination) -> Verdict:
    """The connector's verdict, without what the destination's words repeat of our key.

    It is uncertain in any case where the status is a success and the connector cannot take it for one.

    Raises:
        DeliveryRefused: the verdict rejects records that the request does not have.
    """
    verdict = _without_secrets(connector.verdict(answer, record_ids), destination)
    if wrong := [place for place in verdict.rejected if not 0 <= place < len(record_ids)]:
        raise DeliveryRefused(
            f"the connector {connector.name} took an answer to reject record {wrong[0]} of a request of {len(record_ids)}; "
            "its verdict is wrong"
        )
    if answer.success and verdict.outcome in _NOTHING_TAKEN:
        return replace(verdict, uncertain=True)
    return verdict


def _without_secrets(verdict: Verdict, destination: Destination) -> Verdict:
    rejected = {place: destination.masked(text) for place, text in verdict.rejected.items()}
    return replace(verdict, text=destination.masked(verdict.text), rejected=rejected)
