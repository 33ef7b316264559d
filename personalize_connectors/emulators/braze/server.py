"""The emulator on a socket: in the foreground of a process, or in a thread beside a test."""

from __future__ import annotations

import errno
import ipaddress
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import urllib3
import uvicorn

from personalize_connectors.emulators.braze.app import BrazeApp
from personalize_connectors.emulators.braze.asgi import Protocol
from personalize_connectors.emulators.braze.rates import Clock
from personalize_connectors.emulators.braze.settings import BrazeEmulatorSettings
from personalize_connectors.errors import BadSettings
from personalize_connectors.signals import handled

SHUTDOWN_SECONDS = 1
"""How long requests that are still open may take when the emulator stops."""


def serve(
    settings: BrazeEmulatorSettings,
    host: str = "127.0.0.1",
    port: int = 0,
    ready: Callable[[str], None] | None = None,
    clock: Clock = time.time,
) -> None:
    """Serve one workspace until SIGINT or SIGTERM, then return; call it from the main thread.

    Args:
        settings: the workspace's limits and key.
        host: a loopback address.
        port: 0 takes a free one.
        ready: called with the URL once requests are answered.
        clock: what rate windows and delays go by.

    Raises:
        BadSettings: the host is not loopback, or the port cannot be had.
    """
    server = _Server(BrazeApp(settings, clock), ready or _tell_nobody)
    # uvicorn raises the signal again when it has shut down; it must meet a handler that lets us return.
    handlers = dict.fromkeys((signal.SIGINT, signal.SIGTERM), server.handle_exit)
    with _listening(host, port) as listener, handled(handlers):
        server.run(sockets=[listener])


@dataclass(frozen=True)
class RunningEmulator:
    """An emulator that listens at ``url``, and what a test asks of it."""

    url: str
    api_key: str = field(repr=False)
    _http: urllib3.PoolManager = field(repr=False)

    def profiles(self) -> dict[str, dict[str, Any]]:
        """External id to custom attributes, for every profile."""
        return self._call("GET", "profiles")

    def stats(self) -> dict[str, Any]:
        """The counters since the last reset."""
        return self._call("GET", "stats")

    def faults(self, **changes: object) -> dict[str, Any]:
        """Plant faults by the names in `Faults`; what is not named stays.

        Raises:
            BadSettings: there is no such fault, or not with this value.
        """
        return self._call("POST", "faults", orjson.dumps(changes))

    def objects(self) -> dict[str, int]:
        """External id to the number of objects that were applied to it."""
        return self._call("GET", "objects")

    def catalogs(self) -> dict[str, dict[str, Any]]:
        """Catalog name to its ``fields`` and its ``items``."""
        return self._call("GET", "catalogs")

    def flush(self) -> int:
        """Apply all that is accepted and still waiting; return the number of requests that were."""
        return int(self._call("POST", "flush")["applied"])

    def reset(self) -> None:
        """Forget profiles, catalogs, rate windows, counters and faults."""
        self._call("POST", "reset")

    def _call(self, method: str, name: str, body: bytes = b"") -> dict[str, Any]:
        response = self._http.request(method, f"{self.url}/emulator/{name}", body=body)
        answer: dict[str, Any] = orjson.loads(response.data)
        if response.status != 200:  # noqa: PLR2004 - an HTTP status
            raise BadSettings(answer["message"])
        return answer


@contextmanager
def running(
    settings: BrazeEmulatorSettings | None = None, port: int = 0, clock: Clock = time.time
) -> Iterator[RunningEmulator]:
    """Run an emulator in a thread of this process until the block is left.

    Args:
        settings: the workspace's contract and keys.
        port: 0 takes a free one.
        clock: what rate windows and delays go by, in seconds since 1970.
    """
    settings = settings or BrazeEmulatorSettings()
    urls: list[str] = []
    listens = threading.Event()

    def ready(url: str) -> None:
        urls.append(url)
        listens.set()

    server = _Server(BrazeApp(settings, clock), ready)
    with _listening("127.0.0.1", port) as listener, urllib3.PoolManager(retries=False) as http:
        thread = threading.Thread(target=server.run, args=([listener],), name="braze-emulator", daemon=True)
        thread.start()
        listens.wait()
        try:
            yield RunningEmulator(urls[0], settings.api_key, http)
        finally:
            server.should_exit = True
            thread.join()


class _Server(uvicorn.Server):
    """uvicorn without logs and lifespan, that says when it listens."""

    def __init__(self, app: BrazeApp, ready: Callable[[str], None]) -> None:
        config = uvicorn.Config(
            app,
            http=Protocol,
            interface="asgi3",
            lifespan="off",
            ws="none",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
        super().__init__(config)
        self._app = app
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            self._ready(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.release()
        await super().shutdown(sockets)


def _tell_nobody(_: str) -> None:
    return


def _listening(host: str, port: int) -> socket.socket:
    """A socket that is bound to a loopback address.

    The emulator takes anybody's data and faults, so that it must not be reached from outside.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise BadSettings(
            f"host {host!r} is not a loopback address: the emulator listens on 127.0.0.1 or ::1 only"
        )
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise BadSettings(_cannot_listen(host, port, error)) from error
    return listener


def _cannot_listen(host: str, port: int, error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use: stop what listens there, or choose another port (0 takes a free one)"
    return f"cannot listen on port {port} of {host}: {error}; choose another port (0 takes a free one)"
