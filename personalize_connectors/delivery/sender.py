"""The delivery engine: requests of as many records as a destination takes, retried, and a receipt for each record."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import urllib3

from personalize_connectors.connectors.protocol import (
    Answer,
    Connector,
    Destination,
    Fragments,
    Limits,
    Verdict,
)
from personalize_connectors.delivery.parcels import Parcel, parcels
from personalize_connectors.delivery.receipts import SCHEMA, ReceiptWriter
from personalize_connectors.errors import DeliveryBusy, DeliveryRefused, DestinationUnavailable


@dataclass(frozen=True)
class Pace:
    """How patiently and how widely to send.

    Attributes:
        workers: Requests in flight.
        attempts: Tries of one request.
        first_wait: Seconds before the second try; doubles from there, with full jitter.
        longest_wait: Seconds that no wait exceeds.
        timeout: Seconds to connect, and to read an answer.
    """

    workers: int = 8
    attempts: int = 6
    first_wait: float = 0.5
    longest_wait: float = 30.0
    timeout: tuple[float, float] = (5.0, 30.0)


@dataclass
class DeliveryReport:
    """What a delivery did.

    Attributes:
        requests: All that were sent, tries included.
        retries: Tries after the first.
        accepted: Records that the destination accepted.
        rejected: Rejected records by the destination's words.
        body_bytes: Bytes of request bodies.
        data_points: What the destination bills for the accepted records, as the connector counts it.
    """

    requests: int = 0
    retries: int = 0
    accepted: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    body_bytes: int = 0
    data_points: int = 0

    @property
    def rejected_records(self) -> int:
        """All rejected records."""
        return sum(self.rejected.values())


@dataclass
class Sender:
    """Sends batches of users (`user_id`, `fingerprint`, `points`, and what the renderer reads); writes their receipts."""

    connector: Connector
    destination: Destination
    limits: Limits
    receipts: ReceiptWriter
    pace: Pace = Pace()
    may_send: Callable[[], bool] = lambda: True
    report: DeliveryReport = field(default_factory=DeliveryReport)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def send(
        self, batches: Iterable[tuple[pa.RecordBatch, Fragments]], progress: Callable[[int], None]
    ) -> DeliveryReport:
        """Send everything; `progress` hears how many records have an outcome.

        Raises:
            DeliveryRefused: the destination takes nothing from us; what to check.
            DestinationUnavailable: a request ran out of tries. What was accepted by then is in the receipts.
        """
        timeout = urllib3.Timeout(connect=self.pace.timeout[0], read=self.pace.timeout[1])
        pool = urllib3.PoolManager(maxsize=self.pace.workers, timeout=timeout, retries=False)
        try:
            with ThreadPoolExecutor(self.pace.workers, thread_name_prefix="send") as workers:
                self._send_all(self._parcels(batches), workers, pool, progress)
        finally:
            pool.clear()
            self.receipts.flush()
        return self.report

    def _send_all(
        self,
        queue: Iterator[Parcel],
        workers: ThreadPoolExecutor,
        pool: urllib3.PoolManager,
        progress: Callable[[int], None],
    ) -> None:
        flying: set[Future[None]] = set()
        try:
            for parcel in queue:
                flying.add(workers.submit(self._deliver, parcel, pool))
                if len(flying) >= 2 * self.pace.workers:
                    done, flying = wait(flying, return_when=FIRST_COMPLETED)
                    _raise_first(done)
                    progress(self.report.accepted + self.report.rejected_records)
            _raise_first(flying)
        except KeyboardInterrupt:
            self._stop.set()
            raise
        progress(self.report.accepted + self.report.rejected_records)

    def _parcels(self, batches: Iterable[tuple[pa.RecordBatch, Fragments]]) -> Iterator[Parcel]:
        envelope = self.connector.envelope
        overhead = len(envelope.before) + len(envelope.after)
        for users, fragments in batches:
            yield from parcels(*self._without_refused(users, fragments), self.limits, overhead)

    def _without_refused(
        self, users: pa.RecordBatch, fragments: Fragments
    ) -> tuple[pa.RecordBatch, Fragments]:
        """A batch without the records that must not be sent, which get their receipts here."""
        if not fragments.refused:
            return users, fragments
        places = np.fromiter(fragments.refused, np.int64)
        refused = _Outcome("rejected", "", dict(enumerate(fragments.refused.values())))
        self._receipt(users.take(pa.array(places)), refused, "", 0)
        keep = pa.array(~np.isin(np.arange(len(users)), places))
        return users.filter(keep), Fragments(fragments.bodies.filter(keep))

    def _deliver(self, parcel: Parcel, pool: urllib3.PoolManager) -> None:
        request, body = uuid.uuid4().hex, parcel.body(self.connector)
        verdict = Verdict("retry", "not sent")
        for attempt in range(1, self.pace.attempts + 1):
            if self._stop.is_set():
                return
            if not self.may_send():
                self._stop.set()
                raise DeliveryBusy(
                    "another run took over this delivery, for our lease ran out; what was accepted is in the receipts"
                )
            verdict = self._post(body, len(parcel), pool, retry=attempt > 1)
            if verdict.outcome == "stop":
                self._stop.set()
                raise DeliveryRefused(verdict.text)
            if verdict.outcome == "split" and len(parcel) > 1:
                for half in parcel.halves():
                    self._deliver(half, pool)
                return
            if verdict.outcome != "retry":
                self._conclude(parcel, verdict, request, attempt)
                return
            if attempt < self.pace.attempts:
                self._stop.wait(self._pause(attempt, verdict))
        self._stop.set()
        raise DestinationUnavailable(
            f"{self.connector.name} at {self.destination.url} took none of {self.pace.attempts} tries of a request; the last "
            f"one: {verdict.text}. What it accepted until then is in the receipts; run again to send the rest."
        )

    def _pause(self, attempt: int, verdict: Verdict) -> float:
        backoff = min(self.pace.longest_wait, self.pace.first_wait * 2.0 ** (attempt - 1)) * random.random()  # noqa: S311 - jitter
        return (
            backoff
            if verdict.retry_after is None
            else min(self.pace.longest_wait, verdict.retry_after) + backoff
        )

    def _post(self, body: bytes, records: int, pool: urllib3.PoolManager, *, retry: bool) -> Verdict:
        with self._lock:
            self.report.requests += 1
            self.report.retries += retry
            self.report.body_bytes += len(body)
        try:
            response = pool.request(
                "POST",
                self.destination.url + self.connector.path,
                body=body,
                headers=dict(self.destination.headers),
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            return Verdict("retry", f"no answer ({type(error).__name__})")
        return self.connector.verdict(Answer(response.status, response.headers, response.data), records)

    def _conclude(self, parcel: Parcel, verdict: Verdict, request: str, attempt: int) -> None:
        if verdict.outcome == "accepted":
            self._receipt(parcel.users, _Outcome("accepted", "", verdict.rejected), request, attempt)
        else:
            self._receipt(
                parcel.users, _Outcome("rejected", verdict.text, verdict.rejected), request, attempt
            )

    def _receipt(self, users: pa.RecordBatch, outcome: _Outcome, request: str, attempt: int) -> None:
        count = len(users)
        status, text, points = outcome.statuses(count), outcome.texts(count), users["points"].to_numpy()
        columns = [
            users["user_id"],
            users["fingerprint"].cast(pa.binary()),
            status,
            text,
            pa.repeat(pa.scalar(request), count),
            pa.repeat(pa.scalar(attempt, pa.int32()), count),
            pa.repeat(pa.scalar(datetime.now(UTC), SCHEMA.field("answered_at").type), count),
        ]
        self.receipts.add(pa.table(columns, schema=SCHEMA))
        with self._lock:
            outcome.count(self.report, points)


def _raise_first(futures: Iterable[Future[None]]) -> None:
    """Wait for requests; the first failure is raised."""
    for future in futures:
        future.result()


@dataclass(frozen=True)
class _Outcome:
    """One status for all records of a parcel but those that were rejected by name."""

    status: str
    text: str
    rejected: Mapping[int, str]

    def statuses(self, count: int) -> pa.Array:
        """The column `status`."""
        if not self.rejected:
            return pa.repeat(pa.scalar(self.status), count)
        return pa.array(["rejected" if place in self.rejected else self.status for place in range(count)])

    def texts(self, count: int) -> pa.Array:
        """The column `text`."""
        if not self.rejected:
            return pa.repeat(pa.scalar(self.text), count)
        return pa.array([self.rejected.get(place, self.text) for place in range(count)])

    def count(self, report: DeliveryReport, points: np.ndarray) -> None:
        """Add this parcel to the report."""
        rest = len(points) - len(self.rejected)
        if self.status == "accepted":
            report.accepted += rest
            report.data_points += int(points.sum()) - int(points[list(self.rejected)].sum())
        elif rest:
            report.rejected[self.text] = report.rejected.get(self.text, 0) + rest
        for text in self.rejected.values():
            report.rejected[text] = report.rejected.get(text, 0) + 1
