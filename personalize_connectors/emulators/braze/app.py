"""The emulator's paths: Braze's own, and those below /emulator/ that only the emulator has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
from pydantic import ValidationError

from personalize_connectors.emulators.braze.asgi import (
    Receive,
    Send,
    hold_back,
    read_body,
    send_answer,
    send_pieces,
)
from personalize_connectors.emulators.braze.profiles import Profile, profile_json
from personalize_connectors.emulators.braze.settings import BrazeEmulatorSettings
from personalize_connectors.emulators.braze.workspace import Answer, Workspace, message

PROFILES_IN_A_PIECE = 1000

ENDPOINTS: dict[str, Callable[[Workspace, object], Answer]] = {
    "/users/track": Workspace.track,
    "/users/export/ids": Workspace.export_ids,
}

CONTROLS = {
    "/emulator/profiles": "GET",
    "/emulator/stats": "GET",
    "/emulator/reset": "POST",
    "/emulator/faults": "POST",
}

Headers = Mapping[bytes, bytes]


class BrazeApp:
    """The emulator as an ASGI application.

    What is checked in which order is assumed: path, method, key, content type, size, JSON. The statuses are
    documented (1.6), the text of the 401 is recorded by others (1.6), the other texts are assumed.
    """

    def __init__(self, settings: BrazeEmulatorSettings) -> None:
        self._settings = settings
        self._bearer = f"Bearer {settings.api_key}".encode()
        self._workspace = Workspace(settings)

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = await read_body(receive, self._settings.max_body_bytes)
        method, path = scope["method"], scope["path"]
        if path.startswith("/emulator/"):
            answer = self._control(method, path, body)
            await (send_answer(send, answer) if isinstance(answer, Answer) else send_pieces(send, answer))
            return
        delay = self._workspace.faults.delay_seconds
        answer = self._answer(method, path, dict(scope["headers"]), body)
        if delay:
            await hold_back(receive, delay)
        await send_answer(send, answer)

    def _answer(self, method: str, path: str, headers: Headers, body: bytes | None) -> Answer:
        """The answer of Braze, or the failure planted in its place; counted either way."""
        answer = self._workspace.planted_failure() or self._called(method, path, headers, body)
        self._workspace.count_request(
            answer.status, bulk=headers.get(b"x-braze-bulk", b"").lower() == b"true"
        )
        return answer

    def _called(self, method: str, path: str, headers: Headers, body: bytes | None) -> Answer:
        endpoint = ENDPOINTS.get(path)
        if endpoint is None:
            # "Odd errors", listed under 403 (documented, 1.1); that it is always a 403 is assumed.
            return (
                message(403, "Access Denied") if path.rstrip("/") in ENDPOINTS else message(404, "Not found")
            )
        if method != "POST":
            return message(405, "Method not allowed", (("allow", "POST"),))
        refusal = self._refusal(headers)
        if refusal:
            return refusal
        if body is None:
            return message(413, "Request body too large")
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            return message(400, f"Error while parsing the body, pass valid application/json: {error}")
        return endpoint(self._workspace, request)

    def _refusal(self, headers: Headers) -> Answer | None:
        """What is wrong with the headers of a call (documented, 1.1)."""
        if headers.get(b"authorization") != self._bearer:
            return message(401, "Invalid API Key")
        if headers.get(b"content-type", b"").split(b";")[0].strip().lower() != b"application/json":
            return message(415, "The Content-Type must be application/json")
        return None

    def _control(self, method: str, path: str, body: bytes | None) -> Answer | Iterator[bytes]:
        allowed = CONTROLS.get(path)
        if allowed is None:
            return message(404, "Not found")
        if method != allowed:
            return message(405, "Method not allowed", (("allow", allowed),))
        if path == "/emulator/profiles":
            return profile_pieces(self._workspace.profiles())
        if path == "/emulator/stats":
            return Answer(200, orjson.dumps(self._workspace.stats()))
        return self._plant(body) if path == "/emulator/faults" else self._reset()

    def _reset(self) -> Answer:
        """Forget profiles, counters and faults."""
        self._workspace = Workspace(self._settings)
        return message(200, "success")

    def _plant(self, body: bytes | None) -> Answer:
        """Change the faults that the body names; answer with all that are planted now."""
        try:
            given = orjson.loads(body or b"")
            self._workspace.plant(given if isinstance(given, dict) else {"faults": given})
        except orjson.JSONDecodeError as error:
            return message(400, f"The faults are not JSON: {error}")
        except ValidationError as error:
            wrong = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
            return message(400, f"The faults cannot be planted: {'; '.join(wrong)}")
        return Answer(200, self._workspace.faults.model_dump_json().encode())


def profile_pieces(profiles: list[tuple[str, Profile]]) -> Iterator[bytes]:
    """One JSON object, external id to custom attributes, in pieces that fit in memory by the dozen."""
    yield b"{"
    for start in range(0, len(profiles), PROFILES_IN_A_PIECE):
        piece = profile_json(dict(profiles[start : start + PROFILES_IN_A_PIECE]))
        yield (b"," if start else b"") + piece[1:-1]
    yield b"}"
