"""moto as a server that answers each request after a delay, in a process of its own; `benchmarks.slow_s3` takes the same calls.

moto looks through all keys of a bucket at each listing, on one processor; how long it takes for that by itself stands at `/-/seconds`.
"""

from __future__ import annotations

import argparse
import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

_ACCOUNT = "123456789012"
Start = Callable[..., Any]


class DelayedMoto:
    """The application: each request waits, then moto answers it, one at a time."""

    def __init__(self, delay: float) -> None:
        self._delay, self._moto = delay, DomainDispatcherApplication(create_backend_app)
        self._lock, self.requests, self.seconds = threading.Lock(), 0, 0.0

    def __call__(self, environment: dict[str, Any], start: Start) -> Iterable[bytes]:
        """Answer one request."""
        path = environment["PATH_INFO"]
        if path.startswith("/-/"):
            return self._told(path, environment, start)
        time.sleep(self._delay)  # the time that a request to S3 takes
        with self._lock:
            started = time.perf_counter()
            answer = list(self._moto(environment, start))
            self.requests, self.seconds = self.requests + 1, self.seconds + time.perf_counter() - started
        return answer

    def _told(self, path: str, environment: dict[str, Any], start: Start) -> Iterable[bytes]:
        if path == "/-/load":
            load(environment["wsgi.input"].read(int(environment["CONTENT_LENGTH"])).decode())
        told = {"/-/requests": self.requests, "/-/seconds": self.seconds}.get(path, "")
        start("200 OK", [("content-type", "text/plain")])
        return [str(told).encode()]


def load(lines: str) -> None:
    """Put objects: bucket, key and content, separated by tabs, one object in each line."""
    backend = s3_backends[_ACCOUNT]["aws"]
    for line in lines.splitlines():
        bucket, name, content = line.split("\t")
        if bucket not in backend.buckets:
            backend.create_bucket(bucket, "eu-west-1")
        backend.put_object(bucket, name, content.encode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delay", type=float, required=True)
    given = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    make_server("127.0.0.1", given.port, DelayedMoto(given.delay), threaded=True).serve_forever()
