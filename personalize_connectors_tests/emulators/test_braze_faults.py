"""Faults on demand, down to the connection."""

import http.client
import json
import random
import socket
import threading
from collections import Counter
from typing import get_args

import pytest
import requests

from personalize_connectors.emulators.braze import RunningEmulator, running
from personalize_connectors.emulators.braze.faults import STRIKES, FaultName
from personalize_connectors_tests.emulators.calls import track

BODY = json.dumps({"attributes": [{"external_id": "u", "n": 1}]}).encode()


@pytest.fixture(scope="module")
def listening():
    """One emulator for all tests of this module."""
    with running() as emulator:
        yield emulator


@pytest.fixture
def emulator(listening):
    """The emulator with nothing in it."""
    listening.reset()
    return listening


def outcome(emulator: RunningEmulator, timeout=10.0):
    """What a client sees of one call: status and answer, or the error below HTTP."""
    host, port = emulator.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    headers = {"Authorization": f"Bearer {emulator.api_key}", "Content-Type": "application/json"}
    try:
        connection.request("POST", "/users/track", BODY, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except (OSError, http.client.HTTPException) as error:
        return type(error)
    finally:
        connection.close()


def test_knows_every_fault_by_its_name():
    """The names that can be planted are those of the table of faults."""
    assert list(get_args(FaultName)) == list(STRIKES)


@pytest.mark.parametrize(
    ("fault", "seen", "applied", "counted"),
    [
        ("server_error", (500, {"message": "Internal Server Error"}), False, "500"),
        ("bad_gateway", (502, {"message": "Bad Gateway"}), False, "502"),
        ("unavailable", (503, {"message": "Service Unavailable"}), False, "503"),
        ("gateway_timeout", (504, {"message": "Gateway Timeout"}), False, "504"),
        ("gateway_timeout_applied", (504, {"message": "Gateway Timeout"}), True, "504"),
        ("throttled", (429, {"message": "Rate limit exceeded"}), False, "429"),
        ("forbidden", (403, {"message": "Access Denied"}), False, "403"),
        ("queued", (202, {"message": "queued"}), True, "202"),
        ("slow", (201, {"attributes_processed": 1, "message": "success"}), True, "201"),
        ("hang", TimeoutError, False, "none"),
        ("hang_applied", TimeoutError, True, "none"),
        ("reset", ConnectionResetError, False, "none"),
        ("reset_applied", ConnectionResetError, True, "none"),
        ("truncated", http.client.IncompleteRead, True, "201"),
    ],
)
def test_strikes_one_call(emulator, fault, seen, applied, counted):
    """A fault shows as what it is, before or after the effect, is counted, and leaves the next call alone."""
    emulator.faults(next=[fault], slow_seconds=0.05)
    assert outcome(emulator, timeout=0.4 if "hang" in fault else 10) == seen
    assert emulator.profiles() == ({"u": {"n": 1}} if applied else {})
    stats = emulator.stats()
    assert (stats["faults"], stats["by_status"]) == ({fault: 1}, {counted: 1})
    assert outcome(emulator) == (201, {"attributes_processed": 1, "message": "success"})


def test_strikes_the_next_calls_in_turn(emulator):
    """Planted faults strike one call each, in their order, after those of fail_next."""
    emulator.faults(next=["unavailable", "queued"], fail_next={"status": 408})
    assert [track(emulator, "u").status_code for _ in range(4)] == [408, 503, 202, 201]


def test_keeps_bad_objects_to_itself_while_queued(emulator):
    """In maintenance bad objects are dropped without a word; what is refused as a whole is refused."""
    emulator.faults(next=["queued", "queued"])
    responses = [track(emulator, "u", ""), track(emulator, *["u"] * 76)]
    assert [(one.status_code, one.json()) for one in responses] == [
        (202, {"message": "queued"}),
        (400, {"message": "Max Input Length Exceeded"}),
    ]
    assert emulator.profiles() == {"u": {"n": 1}}


def test_leaves_the_index_out_of_errors(emulator):
    """Errors can come without saying which object they are about."""
    emulator.faults(unindexed_errors=True, reject_users=["v"], reject_type="no")
    expected = {"attributes_processed": 1, "message": "success", "errors": [{"type": "no"}]}
    assert track(emulator, "u", "v").json() == expected


def test_strikes_by_chance_as_the_seed_says(emulator):
    """The same seed strikes the same calls; the shares are those of the chances."""

    def statuses():
        emulator.faults(chances={"unavailable": 0.2, "queued": 0.3}, seed=7)
        with requests.Session() as session:
            headers = {"Authorization": f"Bearer {emulator.api_key}", "Content-Type": "application/json"}
            calls = range(300)
            return [
                session.post(emulator.url + "/users/track", BODY, headers=headers, timeout=10).status_code
                for _ in calls
            ]

    drawn = random.Random(7)
    expected = [
        503 if one < 0.2 else 202 if one < 0.5 else 201 for one in (drawn.random() for _ in range(300))
    ]
    assert statuses() == statuses() == expected
    assert emulator.stats()["faults"] == {
        name: 2 * Counter(expected)[status] for name, status in (("queued", 202), ("unavailable", 503))
    }
    emulator.faults(chances={})
    assert {track(emulator, "u").status_code for _ in range(5)} == {201}


def test_ends_right_for_who_tries_again(emulator):
    """A client that tries until it is told of success ends with its profiles, whatever struck it on the way."""
    names = [name for name in STRIKES if "hang" not in name]
    emulator.faults(chances=dict.fromkeys(names, 0.05), seed=3, slow_seconds=0)
    calls = 0
    for number in range(100):
        status = 0
        while status not in {201, 202}:
            calls += 1
            try:
                status = track(emulator, {"external_id": f"u{number}", "n": number}).status_code
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                status = 0
    stats = emulator.stats()
    assert emulator.profiles() == {f"u{number}": {"n": number} for number in range(100)}
    assert (stats["requests"], set(stats["faults"])) == (calls, set(names))
    again = sum(stats["faults"][name] for name in ("gateway_timeout_applied", "reset_applied", "truncated"))
    assert sum(emulator.objects().values()) == 100 + again


def test_stops_while_calls_hang():
    """An emulator with calls that hang stops at once, and breaks them off."""
    seen = []
    with running() as emulator:
        emulator.faults(next=["hang_applied", "hang_applied"])
        threads = [threading.Thread(target=lambda: seen.append(outcome(emulator, 30))) for _ in range(2)]
        for thread in threads:
            thread.start()
        while emulator.stats()["requests"] < 2:
            pass
    for thread in threads:
        thread.join(timeout=10)
    assert seen == [http.client.RemoteDisconnected] * 2


def test_takes_no_half_request(emulator):
    """A client that dies while it sends has sent nothing."""
    host, port = emulator.url.removeprefix("http://").split(":")
    head = f"POST /users/track HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {emulator.api_key}\r\n"
    with socket.create_connection((host, int(port))) as client:
        client.sendall(
            f"{head}Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
        )
        client.sendall(BODY[:-1])
    assert outcome(emulator)[0] == 201
    assert emulator.stats()["by_status"] == {"201": 1}
