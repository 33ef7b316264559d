"""Requests to be: neighbouring users, and the slice of bytes that holds their fragments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from personalize_connectors.connectors.exchange import Call, Envelope


@dataclass(frozen=True)
class Parcel:
    """The records of one request: neighbouring users (`user_id`, `fingerprint`, `points`) and the slice of bytes that holds their fragments."""

    users: pa.RecordBatch
    bodies: pa.LargeBinaryArray
    call: Call

    def __len__(self) -> int:
        return len(self.bodies)

    def halves(self) -> tuple[Parcel, Parcel]:
        """The first and the second half of the records."""
        middle = len(self) // 2
        return self.part(0, middle), self.part(middle, len(self))

    def only(self, places: set[int]) -> Parcel:
        """The records at these places."""
        keep = pa.array([place in places for place in range(len(self))])
        return Parcel(self.users.filter(keep), self.bodies.filter(keep), self.call)

    def without(self, places: set[int]) -> Parcel:
        """The records but for those at these places."""
        return self.only(set(range(len(self))) - places)

    def size(self, envelope: Envelope) -> int:
        """Bytes of the request's body."""
        first, last = self._span(envelope)
        return len(envelope.before) + last - first + len(envelope.after)

    def body(self, envelope: Envelope) -> bytes:
        """The request's body; the fragments go in as one slice, without the last separator."""
        first, last = self._span(envelope)
        fragments = memoryview(self.bodies.buffers()[2])[first:last]
        return b"".join((envelope.before, fragments, envelope.after))

    def part(self, start: int, end: int) -> Parcel:
        """The records from one place to another."""
        return Parcel(self.users.slice(start, end - start), self.bodies.slice(start, end - start), self.call)

    def _span(self, envelope: Envelope) -> tuple[int, int]:
        """Where the fragments begin and end in their buffer, without the last separator."""
        places = np.frombuffer(self.bodies.buffers()[1], np.int64, len(self) + 1, self.bodies.offset * 8)
        return int(places[0]), int(places[-1]) - len(envelope.separator)


def cut(parcel: Parcel, records: int, size: int) -> Iterator[Parcel]:
    """Cut records into parcels of so many records and bytes; one that alone is larger is a parcel of its own."""
    offsets = np.frombuffer(parcel.bodies.buffers()[1], np.int64, len(parcel) + 1, parcel.bodies.offset * 8)
    start = 0
    while start < len(parcel):
        end = int(np.searchsorted(offsets, offsets[start] + size, side="right")) - 1
        end = max(start + 1, min(end, start + records, len(parcel)))
        yield parcel.part(start, end)
        start = end
