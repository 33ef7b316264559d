"""What only the emulator has: counters, faults, and its life on a socket."""

import json
import signal
import socket
import subprocess
import sys

import pytest
import requests

from personalize_connectors.emulators.braze import BrazeEmulatorSettings, RunningEmulator, running, serve
from personalize_connectors.errors import BadSettings
from personalize_connectors.signals import handled

SERVE = """
from personalize_connectors.emulators.braze import BrazeEmulatorSettings, serve
serve(BrazeEmulatorSettings(), ready=lambda url: print(url, flush=True))
print("returned")
"""


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


def track(emulator: RunningEmulator, *users, timeout=10.0, **headers):
    """Set one attribute for each of these users."""
    return requests.post(
        emulator.url + "/users/track",
        json={"attributes": [{"external_id": user, "n": 1} for user in users]},
        headers={"Authorization": f"Bearer {emulator.api_key}", **headers},
        timeout=timeout,
    )


def test_counts_what_it_was_sent(emulator):
    """The counters tell requests by status, objects, data points, users and bulk headers."""
    track(emulator, "u1", "u2", "")
    track(emulator, "u1", **{"X-Braze-Bulk": "true"})
    track(emulator, "")
    track(emulator, "u9", Authorization="Bearer wrong")
    assert emulator.stats() == {
        "requests": 4,
        "by_status": {"201": 2, "400": 1, "401": 1},
        "faults": {},
        "objects_accepted": 3,
        "objects_rejected": 2,
        "data_points": 3,
        "users": 2,
        "bulk_requests": 1,
        "waiting": 0,
    }


def test_resets_to_nothing(emulator):
    """A reset forgets profiles, counters and faults."""
    emulator.faults(reject_users=["u"], fail_next={"status": 503, "count": 5})
    track(emulator, "u")
    emulator.reset()
    assert (emulator.profiles(), emulator.stats()["requests"]) == ({}, 0)
    assert track(emulator, "u").json() == {"attributes_processed": 1, "message": "success"}


def test_rejects_planted_users(emulator):
    """A planted user is rejected with the planted text, until the plant is taken back."""
    emulator.faults(reject_users=["u2"], reject_type="not today")
    errors = [{"type": "not today", "input_array": "attributes", "index": 1}]
    assert track(emulator, "u1", "u2").json() == {
        "attributes_processed": 1,
        "message": "success",
        "errors": errors,
    }
    emulator.faults(reject_users=[])
    assert track(emulator, "u2").json() == {"attributes_processed": 1, "message": "success"}


def test_fails_the_next_calls(emulator):
    """Planted failures have their status and headers, do nothing, and end after their count."""
    emulator.faults(fail_next={"status": 429, "count": 2, "headers": {"Retry-After": "1"}})
    answers = [track(emulator, "u") for _ in range(3)]
    assert [(answer.status_code, answer.headers.get("Retry-After")) for answer in answers] == [
        (429, "1"),
        (429, "1"),
        (201, None),
    ]
    assert emulator.stats()["objects_accepted"] == 1


def test_keeps_counting_failures_when_another_fault_changes(emulator):
    """Changing one fault leaves the others as they were."""
    emulator.faults(fail_next={"status": 503, "count": 2})
    track(emulator, "u")
    assert emulator.faults(reject_type="no") == {
        "reject_users": [],
        "reject_type": "no",
        "revoked_keys": [],
        "echo_keys": False,
        "unindexed_errors": False,
        "fail_next": {"status": 503, "count": 2, "headers": {}},
        "next": [],
        "chances": {},
        "seed": 0,
        "slow_seconds": 0.5,
        "delay_seconds": 0.0,
    }
    assert [track(emulator, "u").status_code for _ in range(2)] == [503, 201]
    emulator.faults(fail_next={"status": 503})
    emulator.faults(fail_next=None)
    assert track(emulator, "u").status_code == 201


def test_applies_what_it_answers_too_late(emulator):
    """With a delay the client gives up, and the profile has changed all the same."""
    emulator.faults(delay_seconds=60)
    with pytest.raises(requests.ReadTimeout):
        track(emulator, "u", timeout=0.5)
    assert emulator.profiles() == {"u": {"n": 1}}


def test_answers_after_the_delay(emulator):
    """A client that waits gets the answer, no sooner than the delay."""
    emulator.faults(delay_seconds=0.2)
    answer = track(emulator, "u")
    assert answer.status_code == 201
    assert answer.elapsed.total_seconds() >= 0.2


@pytest.mark.parametrize(
    ("faults", "text"),
    [
        ({"delay": 1}, "delay: Extra inputs are not permitted"),
        ({"fail_next": {"status": 200}}, "fail_next.status: Input should be greater than or equal to 400"),
        ({"delay_seconds": -1}, "delay_seconds: Input should be greater than or equal to 0"),
        (
            {"chances": {"hang": 0.6, "reset": 0.6}},
            "faults: Value error, the chances add up to more than 1",
        ),
        ({"chances": {"hang": 2}}, "chances.hang: Input should be less than or equal to 1"),
    ],
)
def test_refuses_faults_it_does_not_know(emulator, faults, text):
    """A fault that cannot be planted is refused by name, and nothing changes."""
    with pytest.raises(BadSettings) as raised:
        emulator.faults(**faults)
    assert str(raised.value) == f"The faults cannot be planted: {text}"
    assert track(emulator, "u").status_code == 201


@pytest.mark.parametrize(
    ("call", "status", "text"),
    [
        (("GET", "/emulator/nothing", b""), 404, "Not found"),
        (("POST", "/emulator/stats", b""), 405, "Method not allowed"),
        (("GET", "/emulator/reset", b""), 405, "Method not allowed"),
        (("POST", "/emulator/faults", b"{"), 400, "The faults are not JSON"),
        (("POST", "/emulator/faults", b"[]"), 400, "The faults cannot be planted"),
    ],
)
def test_refuses_other_calls(emulator, call, status, text):
    """Below /emulator/ too, a wrong path, method or body gets its own status."""
    method, path, body = call
    response = requests.request(method, emulator.url + path, data=body, timeout=10)
    assert (response.status_code, response.json()["message"][: len(text)]) == (status, text)


def test_returns_more_profiles_than_fit_in_one_piece(emulator):
    """All profiles come back as one object, however many there are."""
    users = [f"u{number}" for number in range(2100)]
    for start in range(0, len(users), 75):
        track(emulator, *users[start : start + 75])
    assert emulator.profiles() == {user: {"n": 1} for user in users}


def test_runs_with_other_limits():
    """The key and the number of objects are settings."""
    with running(BrazeEmulatorSettings(api_key="other", max_objects=1)) as emulator:
        assert emulator.api_key == "other"
        assert [track(emulator, *users).status_code for users in (["u1"], ["u1", "u2"])] == [201, 400]


def test_keeps_its_key_out_of_sight():
    """Neither settings nor a running emulator print the key."""
    settings = BrazeEmulatorSettings(api_key="hidden")
    assert "hidden" not in repr(settings) + repr(RunningEmulator("http://127.0.0.1:1", "hidden", None))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_a_signal(number):
    """serve() announces its URL, answers there, and returns on a signal with nothing on stderr."""
    program = [sys.executable, "-W", "error", "-c", SERVE]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        answer = requests.get(url + "/emulator/profiles", timeout=10)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (answer.json(), out, err, process.returncode) == ({}, "returned\n", "", 0)


@pytest.mark.parametrize(("word", "code"), [("exit 3", 3), ("kill -KILL $$", 137), ("kill -TERM $$", 143)])
def test_a_command_beside_it_ends_it_with_its_code(word, code, command):
    """`emulate braze -- COMMAND` ends as a shell says that the command ended; signals are then handled as before."""
    # A shell's background process ignores SIGINT, and Dagster makes SIGTERM like it in the process of the tests.
    before = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    with handled(before):
        assert command("emulate", "braze", "--port", "0", "--", "bash", "-c", word)[0] == code
        assert {number: signal.getsignal(number) for number in before} == before


def test_says_when_a_port_is_in_use():
    """A port that is taken is named, with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BadSettings) as raised:
            serve(BrazeEmulatorSettings(), port=port)
    assert str(raised.value) == (
        f"port {port} on 127.0.0.1 is in use: stop what listens there, or choose another port (0 takes a free one)"
    )


def test_says_when_a_port_cannot_be():
    """A number that is no port is refused with what to do."""
    with pytest.raises(
        BadSettings, match=r"cannot listen on port 70000 of 127.0.0.1: .*; choose another port"
    ):
        serve(BrazeEmulatorSettings(), port=70_000)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", ""])
def test_listens_on_loopback_only(host):
    """A host that others could reach is refused."""
    with pytest.raises(BadSettings) as raised:
        serve(BrazeEmulatorSettings(), host=host)
    assert str(raised.value) == (
        f"host {json.dumps(host)[1:-1]!r} is not a loopback address: the emulator listens on 127.0.0.1 or ::1 only"
    )
