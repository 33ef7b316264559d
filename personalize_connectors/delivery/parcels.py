"""Requests to be: neighbouring users, and the slice of bytes that holds their fragments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from personalize_connectors.connectors.protocol import Connector, Fragments, Limits


@dataclass(frozen=True)
class Parcel:
    """The records of one request: neighbouring users and the slice of bytes that holds their fragments."""

    users: pa.RecordBatch
    bodies: pa.LargeBinaryArray

    def __len__(self) -> int:
        return len(self.bodies)

    def halves(self) -> tuple[Parcel, Parcel]:
        """The first and the second half of the records."""
        middle = len(self) // 2
        return (
            Parcel(self.users.slice(0, middle), self.bodies.slice(0, middle)),
            Parcel(self.users.slice(middle), self.bodies.slice(middle)),
        )

    def body(self, connector: Connector) -> bytes:
        """The request's body; the fragments go in as one slice, without the last separator."""
        envelope = connector.envelope
        _, offsets, data = self.bodies.buffers()
        places = np.frombuffer(offsets, np.int64, len(self) + 1, self.bodies.offset * 8)
        last = int(places[-1]) - len(envelope.separator)
        return b"".join((envelope.before, memoryview(data)[int(places[0]) : last], envelope.after))


def parcels(users: pa.RecordBatch, fragments: Fragments, limits: Limits, overhead: int) -> Iterator[Parcel]:
    """Cut neighbours into parcels within the limits; a record that alone is over them is a parcel of its own."""
    offsets = np.frombuffer(
        fragments.bodies.buffers()[1], np.int64, len(users) + 1, fragments.bodies.offset * 8
    )
    start = 0
    while start < len(users):
        end = int(np.searchsorted(offsets, offsets[start] + limits.body_bytes - overhead, side="right")) - 1
        end = max(start + 1, min(end, start + limits.records, len(users)))
        yield Parcel(users.slice(start, end - start), fragments.bodies.slice(start, end - start))
        start = end
