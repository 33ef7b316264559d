"""The catalog made ready where Braze answers as the emulator does not: fields that show late, and no list."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from personalize_connectors.connectors.braze_catalog.schema import Wanted, make_ready
from personalize_connectors.connectors.exchange import Destination
from personalize_connectors.errors import DeliveryRefused
from personalize_connectors_tests.emulators.catalog_calls import refused

WANTED = Wanted("shop", {"name": "string", "price": "number"})


@contextmanager
def scripted(*answers):
    """A server on loopback that gives these answers, one after the other; yields its address and what it was asked."""
    left, asked = list(answers), []

    class Scripted(BaseHTTPRequestHandler):
        def _answer(self):
            asked.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = left.pop(0)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Scripted) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()


def shows(**fields):
    """The answer that lists the catalog with these fields."""
    listed = [{"name": name, "type": kind} for name, kind in fields.items()]
    return 200, {"catalogs": [{"name": "shop", "fields": listed}], "message": "success"}


@pytest.mark.parametrize(
    "created",
    [
        (202, {"message": "success"}),
        refused("field-names-not-unique", "Field names must be unique", ["fields"], ["name"]),
    ],
)
def test_waits_until_new_fields_show(created):
    """Fields that Braze took, or has from a call before, are asked for once, and looked for until they show."""
    look, ask = "GET /catalogs", "POST /catalogs/shop/fields"
    answers = [shows(id="string"), created, shows(id="string"), shows(id="string", **WANTED.fields)]
    if created[0] == 400:
        del answers[2]
    paused = []
    with scripted(*answers) as (url, asked):
        make_ready(WANTED, Destination(url, {}), paused.append)
    assert (asked, len(paused)) == ([look, ask, *[look] * (len(answers) - 2)], 1)


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (
            200,
            {"catalogs": None, "message": "success"},
            "no list of catalogs came back, but HTTP 200 success",
        ),
        (200, {"message": "something else"}, "HTTP 200 something else"),
        (418, {}, "HTTP 418 {}"),
    ],
)
def test_takes_no_other_answer_for_a_list(status, body, text):
    """An answer that is no list of catalogs is told as it came."""
    with scripted((status, body)) as (url, _), pytest.raises(DeliveryRefused) as told:
        make_ready(WANTED, Destination(url, {}))
    assert str(told.value) == f"GET /catalogs: {text}"
