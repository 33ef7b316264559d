"""The paths below /emulator/, which only the emulator has."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import orjson
from pydantic import ValidationError

from personalize_connectors.emulators.braze.answers import Answer, message
from personalize_connectors.emulators.braze.profiles import profile_json
from personalize_connectors.emulators.braze.workspace import Workspace

PREFIX = "/emulator/"
RESET = PREFIX + "reset"
USERS_IN_A_PIECE = 1000

Control = Callable[[Workspace, bytes], Answer | Iterator[bytes]]


def _flush(workspace: Workspace, _: bytes) -> Answer:
    return Answer(200, orjson.dumps({"applied": workspace.waiting.flush()}))


def _plant(workspace: Workspace, body: bytes) -> Answer:
    """Change the faults that the body names; answer with all that are planted now."""
    try:
        given = orjson.loads(body)
        workspace.plant(given if isinstance(given, dict) else {"faults": given})
    except orjson.JSONDecodeError as error:
        return message(400, f"The faults are not JSON: {error}")
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, one['loc'])) or 'faults'}: {one['msg']}" for one in error.errors()]
        return message(400, f"The faults cannot be planted: {'; '.join(wrong)}")
    return Answer(200, workspace.plan.faults.model_dump_json().encode())


CONTROLS: dict[str, tuple[str, Control]] = {
    PREFIX + "profiles": ("GET", lambda at, _: user_pieces(at.store.profiles())),
    PREFIX + "objects": ("GET", lambda at, _: user_pieces(at.store.objects())),
    PREFIX + "catalogs": ("GET", lambda at, _: Answer(200, orjson.dumps(at.catalogs.everything()))),
    PREFIX + "stats": ("GET", lambda at, _: Answer(200, orjson.dumps(at.stats()))),
    PREFIX + "faults": ("POST", _plant),
    PREFIX + "flush": ("POST", _flush),
    RESET: ("POST", lambda *_: message(200, "success")),
}


def control(workspace: Workspace, method: str, path: str, body: bytes | None) -> Answer | Iterator[bytes]:
    """Answer a call below /emulator/, whole or in pieces."""
    if path not in CONTROLS:
        return message(404, "Not found")
    allowed, answer = CONTROLS[path]
    if method != allowed:
        return message(405, "Method not allowed", (("allow", allowed),))
    workspace.waiting.apply_due()
    return answer(workspace, body or b"")


def user_pieces(users: list[tuple[str, object]]) -> Iterator[bytes]:
    """One JSON object by external id, in pieces that fit in memory by the dozen."""
    yield b"{"
    for start in range(0, len(users), USERS_IN_A_PIECE):
        piece = profile_json(dict(users[start : start + USERS_IN_A_PIECE]))
        yield (b"," if start else b"") + piece[1:-1]
    yield b"}"
