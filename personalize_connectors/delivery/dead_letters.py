"""Dead letters: records that are not sent again by themselves, each with the reason and the payload, as JSON Lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from personalize_connectors.delivery.outcomes import Outcome
from personalize_connectors.delivery.parcels import Parcel
from personalize_connectors.storage import Storage


def dead_letters(outcomes: Sequence[Outcome]) -> bytes:
    """The lines for all records that were rejected; empty where none was."""
    return b"".join(orjson.dumps(letter) + b"\n" for outcome in outcomes for letter in _letters(outcome))


def letters_without_payload(receipts: pa.Table) -> bytes:
    """The lines for rejected receipts whose payload went with the process that sent it."""
    rejected = receipts.filter(pc.equal(receipts["status"], "rejected"))
    return b"".join(
        orjson.dumps(
            {
                "user_id": row["user_id"],
                "reason": row["text"],
                "fingerprint": row["fingerprint"].hex(),
                "request": row["request"],
                "attempt": row["attempt"],
                "at": row["answered_at"].isoformat(),
                "payload": None,
            }
        )
        + b"\n"
        for row in rejected.to_pylist()
    )


def reasons(bucket: Storage, folder: str) -> Counter[str]:
    """How many dead letters below a folder have which reason."""
    lines = (line for found in bucket.objects(folder) for line in bucket.read(found.path).splitlines())
    return Counter(str(orjson.loads(line)["reason"]) for line in lines)


def _letters(outcome: Outcome) -> Iterator[dict[str, Any]]:
    rejected = outcome.rejected
    if outcome.status == "rejected":
        rejected = {place: rejected.get(place, outcome.text) for place in range(len(outcome.parcel))}
    for place, reason in rejected.items():
        user = outcome.parcel.users.slice(place, 1)
        yield {
            "user_id": user["user_id"][0].as_py(),
            "reason": reason,
            "fingerprint": user["fingerprint"][0].as_py().hex(),
            "request": outcome.request,
            "attempt": outcome.attempt,
            "at": outcome.at.isoformat(),
            "payload": _payload(outcome.parcel, place),
        }


def _payload(parcel: Parcel, place: int) -> Any:
    """What was to be sent, as it stood; where that is no JSON by itself, as text."""
    body = parcel.bodies[place].as_py().rstrip(b",\n")
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")
    return orjson.Fragment(body)
