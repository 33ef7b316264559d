"""The event loop of a delivery: workers that send requests within the rate, retry, divide, and note what became of each."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from typing import Any

from personalize_connectors.connectors.exchange import Verdict
from personalize_connectors.delivery.client import Client, NoAnswer
from personalize_connectors.delivery.limiter import RateLimiter
from personalize_connectors.delivery.order import Order, Tries
from personalize_connectors.delivery.outcomes import NEVER_ANSWERED, Outcome, with_doubt
from personalize_connectors.delivery.parcels import Parcel
from personalize_connectors.delivery.renewal import Renewal
from personalize_connectors.delivery.verdicts import judged
from personalize_connectors.delivery.write_ahead import NOT_APPLIED, SENT
from personalize_connectors.errors import DeliveryBusy, DeliveryRefused, DestinationUnavailable

_SLICES_AHEAD = 2
_WAIT_WORTH_A_LINE = 5.0
_UNAUTHORIZED = 401

Slice = list[tuple[str, Parcel]]


class Sending:
    """What goes on in the event loop. `room`, `take`, `halt` and `run` are called from other threads.

    Attributes:
        concluded: Records that have an outcome.
        ended: Done when nothing is sent any more; holds what went wrong.
    """

    def __init__(self, what: Order) -> None:
        self.concluded = 0
        self.ended: Future[None] = Future()
        self._what, self._report = what, what.report
        self._records, self._bytes = what.limits.records, what.limits.body_bytes
        self._limiter = RateLimiter(what.limits.windows)
        self._loop = asyncio.new_event_loop()
        self._queue: asyncio.Queue[Slice | None] = asyncio.Queue()
        self._room = threading.Semaphore(_SLICES_AHEAD)
        self._turn = asyncio.Lock()
        self._here: deque[tuple[str, Parcel]] = deque()
        self._all_here = False
        self._stop = asyncio.Event()
        self._renewal = Renewal(what)
        self._accepted_at = self._excused_until = time.monotonic()

    def room(self) -> tuple[int, int]:
        """Records and bytes of fragments that a request holds, as far as is known by now."""
        envelope = self._what.connector.envelope
        return self._records, self._bytes - len(envelope.before) - len(envelope.after)

    def take(self, requests: Slice | None) -> bool:
        """Take requests, or None after the last; waits for room. False where nothing is sent any more."""
        self._room.acquire()
        if self.ended.done():
            self._room.release()
            return False
        self._loop.call_soon_threadsafe(self._queue.put_nowait, requests)
        return True

    def halt(self) -> None:
        """Send nothing more; what is in flight may still be answered for a moment."""
        if not self.ended.done():
            self._loop.call_soon_threadsafe(self._halt)

    def run(self) -> None:
        """Run the loop to its end."""
        try:
            self._loop.run_until_complete(self._main())
        except BaseException as failure:  # noqa: BLE001 - handed to whoever waits for the end
            self.ended.set_exception(failure)
        else:
            self.ended.set_result(None)
        self._room.release()

    def close(self) -> None:
        """Give back the loop, once it ran to its end."""
        self._loop.close()

    async def _main(self) -> None:
        pace = self._what.pace
        async with self._what.connect(pace.in_flight, pace.timeouts) as client:
            workers = [self._loop.create_task(self._work(client)) for _ in range(pace.in_flight)]
            everyone: asyncio.Future[Any] = asyncio.gather(*workers, return_exceptions=True)
            stopped: asyncio.Future[Any] = self._loop.create_task(self._stop.wait())
            await asyncio.wait([everyone, stopped], return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            await asyncio.wait([everyone], timeout=pace.last_answers)
            for worker in workers:
                worker.cancel()
            failures = [found for found in await everyone if isinstance(found, Exception)]
        if failures:
            raise failures[0]

    async def _work(self, client: Client) -> None:
        try:
            while (request := await self._next()) is not None:
                await self._deliver(client, *request)
        except BaseException:
            self._halt()
            raise

    async def _next(self) -> tuple[str, Parcel] | None:
        while not self._stop.is_set():
            if self._here:
                return self._here.popleft()
            if self._all_here:
                return None
            async with self._turn:  # one at a time waits for a slice, or each would take one
                if not self._here and not self._all_here:
                    await self._await_slice()
        return None

    async def _await_slice(self) -> None:
        requests = await self._queue.get()
        if requests is None:
            self._all_here = True
        else:
            self._room.release()
            self._here.extend(requests)

    def _halt(self) -> None:
        self._stop.set()
        self._here.clear()
        self._all_here = True
        self._queue.put_nowait(None)

    async def _deliver(self, client: Client, request: str, parcel: Parcel, *, doubtful: bool = False) -> None:
        tries = Tries(parcel, time.monotonic(), doubtful=doubtful)
        body = parcel.body(self._what.connector.envelope)
        if len(parcel) > 1 and (len(parcel) > self._records or len(body) > self._bytes):
            await self._divide(client, request, tries)
            return
        try:
            verdict = await self._verdict(client, request, body, tries)
        except BaseException:
            self._halt()
            if tries.doubtful:
                self._conclude(request, tries, "unknown", NEVER_ANSWERED)
            raise
        if verdict is None:
            if tries.doubtful:
                self._conclude(request, tries, "unknown", NEVER_ANSWERED)
        elif verdict.outcome == "split" and len(parcel) > 1:
            self._learn(verdict, len(parcel), len(body))
            await self._divide(client, request, tries)
        elif verdict.outcome == "again" and 0 < len(verdict.rejected) < len(parcel):
            await self._again(client, request, tries, verdict)
        else:
            status = "accepted" if verdict.outcome == "accepted" else "rejected"
            self._conclude(request, tries, status, verdict.text, verdict)

    async def _verdict(self, client: Client, request: str, body: bytes, tries: Tries) -> Verdict | None:
        """The verdict that ends the tries; None where the run stops before there is one."""
        while await self._may_go():
            tries.number += 1
            verdict = await self._try(client, request, body, tries)
            if verdict.outcome == "stop":
                raise DeliveryRefused(verdict.text)
            if verdict.outcome != "retry":
                return verdict
            if not verdict.throttled:
                self._give_up(verdict, tries)
                await self._pause(self._what.pace.backoff(tries.number, verdict.retry_after))
        return None

    async def _try(self, client: Client, request: str, body: bytes, tries: Tries) -> Verdict:
        self._report.requests += 1
        self._report.retries += tries.number > 1
        self._report.body_bytes += len(body)
        tries.sent_again += tries.doubtful
        doubtful, tries.doubtful = tries.doubtful, True
        self._note(request, SENT, tries)
        used = self._renewal.destination
        answer = await client.send(used, tries.parcel.call, body)
        if isinstance(answer, NoAnswer):
            self._limiter.answered(None)
            verdict = Verdict("retry", answer.text, uncertain=answer.sent)
        else:
            verdict = judged(self._what.connector, answer, tries.parcel.users["user_id"], used)
            self._tell_limiter(verdict)
            if (
                verdict.outcome == "stop"
                and answer.status == _UNAUTHORIZED
                and await self._renewal.renewed(used)
            ):
                verdict = Verdict("retry", verdict.text)
        tries.doubtful = doubtful or verdict.uncertain
        if verdict.outcome == "retry" and not tries.doubtful:
            self._note(request, NOT_APPLIED, tries)
        return verdict

    def _tell_limiter(self, verdict: Verdict) -> None:
        if verdict.throttled:
            self._report.throttled += 1
            self._limiter.refused(verdict.retry_after, verdict.quota)
        else:
            self._limiter.answered(verdict.quota)

    async def _may_go(self) -> bool:
        """Wait for the rate limit; False where the run stops."""
        while not self._stop.is_set():
            if not self._what.may_send():
                raise DeliveryBusy(
                    "another run took over this delivery, or the storage did not answer for too long: our lease is lost; what was "
                    "accepted is in the receipts. Run again to send the rest"
                )
            if self._what.receipts.failure:
                raise self._what.receipts.failure
            wait = self._limiter.admit()
            if wait <= 0:
                return True
            self._excuse(wait)
            await self._pause(wait)
        return False

    def _excuse(self, wait: float) -> None:
        """The rate limit asks to wait: that is no outage."""
        until, now = time.monotonic() + wait, time.monotonic()
        if until > self._excused_until:
            self._report.waited += until - max(now, self._excused_until)
            if wait > _WAIT_WORTH_A_LINE and self._excused_until < now:
                self._what.say(f"{self._what.connector.name}: at the rate limit, waiting {wait:.0f} s")
            self._excused_until = until

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    def _give_up(self, verdict: Verdict, tries: Tries) -> None:
        """Raise where a request, or the destination as a whole, had time enough."""
        pace, now = self._what.pace, time.monotonic()
        quiet = now - max(self._accepted_at, self._excused_until)
        spent = now - tries.started
        if spent < pace.budget and quiet < pace.patience:
            return
        what = (
            f"accepted nothing for {quiet:.0f} s"
            if quiet >= pace.patience
            else f"took none of {tries.number} tries of a request in {spent:.0f} s"
        )
        raise DestinationUnavailable(
            f"{self._what.connector.name} at {self._renewal.destination.url} {what}; the last answer: {verdict.text}. "
            "What it accepted until then is in the receipts; run again to send the rest."
        )

    def _learn(self, verdict: Verdict, records: int, size: int) -> None:
        """What was too much once is not tried again in this run."""
        if verdict.too_large:
            self._bytes = min(self._bytes, size // 2)
        else:
            self._records = min(self._records, records // 2)

    async def _divide(self, client: Client, request: str, tries: Tries) -> None:
        self._note(request, "split", tries)
        first, second = tries.parcel.halves()
        try:
            await self._deliver(client, f"{request}.1", first, doubtful=tries.doubtful)
        finally:  # when the run stops, the second half is still in doubt
            await self._deliver(client, f"{request}.2", second, doubtful=tries.doubtful)

    async def _again(self, client: Client, request: str, tries: Tries, verdict: Verdict) -> None:
        """Nothing was taken, for the sake of some records: those are rejected, the others go again."""
        rejected = dict(verdict.rejected)
        self._note(request, "again", tries, rejected=rejected)
        named, rest = tries.parcel.only(set(rejected)), tries.parcel.without(set(rejected))
        reasons = dict(enumerate(rejected[place] for place in sorted(rejected)))
        self._add(Outcome(named, "rejected", "", reasons, request, tries.number), tries)
        await self._deliver(client, f"{request}.0", rest, doubtful=tries.doubtful)

    def _conclude(
        self, request: str, tries: Tries, status: str, text: str, verdict: Verdict | None = None
    ) -> None:
        rejected = dict(verdict.rejected) if verdict else {}
        if status == "accepted":
            text, self._accepted_at = "", time.monotonic()
        if status != "unknown":
            self._note(request, status, tries, text=text, rejected=rejected)
        self._add(Outcome(tries.parcel, status, text, rejected, request, tries.number), tries)

    def _note(self, request: str, event: str, tries: Tries, **more: Any) -> None:
        more |= {"doubtful": tries.doubtful, "again": tries.sent_again, "attempt": tries.number}
        more["at"] = time.time()
        self._what.ahead.note(request, event, **more)

    def _add(self, outcome: Outcome, tries: Tries) -> None:
        outcome = replace(outcome, sent_again=tries.sent_again)
        for told in with_doubt(outcome) if tries.doubtful else [outcome]:
            self._what.receipts.add(told)
        self.concluded += len(outcome.parcel)
