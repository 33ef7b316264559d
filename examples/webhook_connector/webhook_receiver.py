"""The other side of the webhook, to try the connector against: it holds the users it takes, in memory.

`python webhook_receiver.py PORT [USER_TO_REFUSE ...]`. The token is `try-it`; the first request is answered 429.
"""

from __future__ import annotations

import json
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "try-it"  # noqa: S105 - of a server that holds nothing


class Receiver(ThreadingHTTPServer):
    """Listens on loopback; port 0 takes a free one.

    Attributes:
        url: Its address.
        users: What it holds, by user id.
        statuses: How it answered, request by request.
    """

    def __init__(self, port: int, refused: list[str]) -> None:
        super().__init__(("127.0.0.1", port), _Request)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.users: dict[str, dict[str, Any]] = {}
        self.statuses: list[int] = []
        self._refused = refused

    def answer(self, authorization: str | None, body: bytes) -> tuple[int, dict[str, Any]]:
        """Status and body of the answer to a request."""
        if authorization != f"Bearer {TOKEN}":
            return HTTPStatus.UNAUTHORIZED, {"message": "no such token"}
        if HTTPStatus.TOO_MANY_REQUESTS not in self.statuses:
            return HTTPStatus.TOO_MANY_REQUESTS, {"message": "not so fast"}
        users, errors = json.loads(body)["users"], []
        for place, user in enumerate(users):
            if user["user_id"] in self._refused:
                errors.append({"index": place, "message": "no such user"})
            else:
                self.users[user["user_id"]] = self.users.get(user["user_id"], {}) | user
        return HTTPStatus.OK, {"accepted": len(users) - len(errors), "errors": errors}


class _Request(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, answer = self.server.answer(self.headers["Authorization"], body)
        self.server.statuses.append(status)
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(content)
        print(body.decode())


if __name__ == "__main__":
    _, port, *refused = sys.argv
    Receiver(int(port), refused).serve_forever()
