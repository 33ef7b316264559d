"""Calls to the emulator as any client makes them, and a clock that a test sets."""

from __future__ import annotations

from typing import Any

import requests

from personalize_connectors.emulators.braze import RunningEmulator


class Clock:
    """Seconds since 1970 that stand still until a test moves them."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time."""
        return self.now


def call(
    emulator: RunningEmulator, method: str, path: str, body: Any = None, key: str | None = None
) -> requests.Response:
    """Call Braze's API with a JSON body, if any."""
    headers = {"Authorization": f"Bearer {key or emulator.api_key}"}
    return requests.request(method, emulator.url + path, json=body, headers=headers, timeout=10)


def answered(*arguments: Any, **options: Any) -> tuple[int, Any]:
    """Status and body of a call."""
    response = call(*arguments, **options)
    return response.status_code, response.json()


def track(emulator: RunningEmulator, *items: Any) -> requests.Response:
    """Send attribute objects; a string stands for a user with one attribute."""
    objects = [{"external_id": item, "n": 1} if isinstance(item, str) else item for item in items]
    return call(emulator, "POST", "/users/track", {"attributes": objects})
