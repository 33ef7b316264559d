"""The emulator as an ASGI application: who may call, what is answered, and what goes wrong on the way."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import orjson

from personalize_connectors.emulators.braze.answers import Answer, message
from personalize_connectors.emulators.braze.asgi import (
    ClientGone,
    Held,
    Receive,
    Scope,
    Send,
    read_body,
    reset,
    send_answer,
    send_pieces,
    send_truncated,
)
from personalize_connectors.emulators.braze.controls import PREFIX, RESET, control
from personalize_connectors.emulators.braze.faults import Strike
from personalize_connectors.emulators.braze.rates import Clock
from personalize_connectors.emulators.braze.routes import SCOPES, Call, Route, find_route
from personalize_connectors.emulators.braze.settings import BrazeEmulatorSettings
from personalize_connectors.emulators.braze.workspace import NO_ANSWER, Workspace
from personalize_connectors.errors import BadSettings

Headers = Mapping[bytes, bytes]


class BrazeApp:
    """One workspace behind its API.

    What is checked in which order is assumed: path, method, key, scope, rate, content type, size, JSON. The statuses
    are documented (1.6), the text of the 401 is recorded by others (1.6), the other texts are assumed.
    """

    def __init__(self, settings: BrazeEmulatorSettings, clock: Clock = time.time) -> None:
        self._settings = settings
        self._clock = clock
        keys = {**settings.keys, settings.api_key: SCOPES}
        unknown = sorted(frozenset[str]().union(*keys.values()) - SCOPES)
        if unknown:
            raise BadSettings(f"there is no scope {unknown[0]!r}; there are {', '.join(sorted(SCOPES))}")
        self._scopes = {f"Bearer {key}".encode(): scopes for key, scopes in keys.items()}
        self._workspace = Workspace(settings, clock)
        self._held = Held()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            body = await read_body(receive, self._settings.max_body_bytes)
        except ClientGone:
            return
        if scope["path"].startswith(PREFIX):
            await self._control(scope, send, body)
        else:
            await self._call(scope, receive, send, body)

    def release(self) -> None:
        """Break off the calls that are held back."""
        self._held.release()

    async def _control(self, scope: Scope, send: Send, body: bytes | None) -> None:
        answer = control(self._workspace, scope["method"], scope["path"], body)
        if not isinstance(answer, Answer):
            await send_pieces(send, answer)
            return
        if scope["path"] == RESET and answer.status == 200:  # noqa: PLR2004 - of HTTP
            self._workspace = Workspace(self._settings, self._clock)
        await send_answer(send, answer)

    async def _call(self, scope: Scope, receive: Receive, send: Send, body: bytes | None) -> None:
        """Answer a call of Braze's API, or do to it what its fault does; it is counted either way."""
        workspace, headers = self._workspace, dict(scope["headers"])
        faults, strike = workspace.plan.faults, workspace.plan.strike()
        answer = self._struck(strike, scope, headers, body) if strike else self._called(scope, headers, body)
        silent = strike is not None and strike.how in {"hang", "reset"}
        workspace.count_request(
            NO_ANSWER if silent else answer.status,
            bulk=headers.get(b"x-braze-bulk", b"").lower() == b"true",
            fault=strike.name if strike else "",
        )
        delay = faults.delay_seconds + (faults.slow_seconds if strike and strike.how == "slow" else 0.0)
        if delay:
            await self._held.hold(scope, receive, delay)
        await self._deliver(strike.how if strike else "", scope, receive, send, answer)

    async def _deliver(self, how: str, scope: Scope, receive: Receive, send: Send, answer: Answer) -> None:
        if how == "hang":
            await self._held.hold(scope, receive, None)
        elif how == "reset":
            await reset(scope, receive)
        elif how == "truncated":
            await send_truncated(scope, receive, send, answer)
        else:
            await send_answer(send, answer)

    def _struck(self, strike: Strike, scope: Scope, headers: Headers, body: bytes | None) -> Answer:
        """The answer to a call that a fault strikes: Braze's own, or the fault's.

        In maintenance a call that would have been accepted is answered ``queued`` (documented, 1.6) and says nothing of
        its bad objects (assumed).
        """
        answer = self._called(scope, headers, body) if strike.applied else message(strike.status, strike.text)
        if strike.how == "answer":
            return message(strike.status, strike.text, strike.headers)
        if strike.how == "throttled":
            route = find_route(scope["method"], scope["path"])
            group = "track" if isinstance(route, Answer) else route[0].group
            return self._workspace.limiters[group].refusal()
        accepted = answer.status in {201, 202}
        return message(202, "queued") if strike.how == "queued" and accepted else answer

    def _called(self, scope: Scope, headers: Headers, body: bytes | None) -> Answer:
        self._workspace.waiting.apply_due()
        found = find_route(scope["method"], scope["path"])
        if isinstance(found, Answer):
            return found
        route, names = found
        authorization = headers.get(b"authorization", b"")
        scopes, faults = self._scopes.get(authorization), self._workspace.plan.faults
        key = authorization.removeprefix(b"Bearer ").decode("latin-1")
        if scopes is None or key in faults.revoked_keys:
            return message(401, f"Invalid API Key {key}" if faults.echo_keys else "Invalid API Key")
        if route.scope not in scopes:
            return message(403, "Access Denied")
        refused, limits = self._workspace.limiters[route.group].admit()
        if refused:
            return refused
        answer = self._answer(route, names, scope, headers, body)
        return answer._replace(headers=answer.headers + limits) if limits else answer

    def _answer(
        self, route: Route, names: tuple[str, ...], scope: Scope, headers: Headers, body: bytes | None
    ) -> Answer:
        request: Any = None
        if route.has_body:
            if headers.get(b"content-type", b"").split(b";")[0].strip().lower() != b"application/json":
                return message(415, "The Content-Type must be application/json")
            if body is None:
                return message(413, "Request body too large")
            try:
                request = orjson.loads(body)
            except orjson.JSONDecodeError as error:
                return message(400, f"Error while parsing the body, pass valid application/json: {error}")
        call = Call(scope["method"], names, scope["query_string"], request, body or b"")
        return route.answer(self._workspace, call)
