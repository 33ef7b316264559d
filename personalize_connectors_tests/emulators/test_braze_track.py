"""POST /users/track over a socket: braze.md 1.1 to 1.6."""

import json

import pytest
import requests

from personalize_connectors.emulators.braze import BrazeEmulatorSettings, RunningEmulator, running

NO_VALID_DATA = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."
NO_IDENTIFIER = "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required"
TWO_PRIMARIES = "Only one of 'external_id', 'braze_id' or 'user_alias' may be provided"
ALIAS = {"alias_name": "a", "alias_label": "b"}


@pytest.fixture(scope="module")
def listening():
    """One emulator for all tests of this module."""
    with running(BrazeEmulatorSettings(blocklist=frozenset({"blocked"}))) as emulator:
        yield emulator


@pytest.fixture
def emulator(listening):
    """The emulator with nothing in it."""
    listening.reset()
    return listening


def post(emulator: RunningEmulator, body, path="/users/track", **headers):
    """Send a body, or bytes as they are, and return status and answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Authorization": f"Bearer {emulator.api_key}", "Content-Type": "application/json"} | headers
    response = requests.post(
        emulator.url + path, data, headers={name: value for name, value in sent.items() if value}, timeout=10
    )
    return response.status_code, response.json()


def test_accepts_objects_and_counts_them(emulator):
    """Objects of all three arrays are counted by array, and attributes land on the profile."""
    body = {
        "attributes": [{"external_id": "u1", "color": "red"}, {"external_id": "u2", "color": "blue"}],
        "events": [{"external_id": "u3", "name": "seen", "time": "2026-11-22T03:00:00Z"}],
        "purchases": [{"external_id": "u1", "product_id": "p", "currency": "EUR", "price": 1}],
    }
    assert post(emulator, body) == (
        201,
        {"attributes_processed": 2, "events_processed": 1, "purchases_processed": 1, "message": "success"},
    )
    assert emulator.profiles() == {"u1": {"color": "red"}, "u2": {"color": "blue"}, "u3": {}}


def test_applies_objects_of_one_user_in_their_order(emulator):
    """The later of two objects of one user in a request wins."""
    post(emulator, {"attributes": [{"external_id": "u", "a": 1, "b": 1}, {"external_id": "u", "a": 2}]})
    assert emulator.profiles() == {"u": {"a": 2, "b": 1}}


@pytest.mark.parametrize(
    ("call", "status", "text"),
    [
        (("/users/track", {"Authorization": "Bearer wrong"}, b"{}"), 401, "Invalid API Key"),
        (("/users/track", {"Authorization": ""}, b"{}"), 401, "Invalid API Key"),
        (("/users/export/ids", {"Authorization": ""}, b"{}"), 401, "Invalid API Key"),
        (("/users/track/", {}, b"{}"), 403, "Access Denied"),
        (("/users/nothing", {}, b"{}"), 404, "Not found"),
        (("/users/track", {"Content-Type": ""}, b"{}"), 415, "The Content-Type must be application/json"),
        (
            ("/users/track", {"Content-Type": "text/csv"}, b"{}"),
            415,
            "The Content-Type must be application/json",
        ),
        (("/users/track", {"Content-Type": "Application/JSON; charset=utf-8"}, b"{}"), 400, NO_VALID_DATA),
        (("/users/track", {}, b"[]"), 400, NO_VALID_DATA),
        (("/users/track", {}, b'{"attributes": {}}'), 400, NO_VALID_DATA),
        (("/users/track", {}, b" " * 4_194_305), 413, "Request body too large"),
    ],
)
def test_refuses_a_whole_request(emulator, call, status, text):
    """Path, key, content type, size and shape are refused each with its own status."""
    path, headers, body = call
    assert post(emulator, body, path, **headers) == (status, {"message": text})


def test_refuses_what_is_not_json(emulator):
    """A body that cannot be parsed is a 400 that says so."""
    status, answer = post(emulator, b'{"attributes": [')
    assert (status, answer["message"][:28]) == (400, "Error while parsing the body")


def test_refuses_another_method(emulator):
    """A GET is a 405 that names the method to use."""
    response = requests.get(emulator.url + "/users/track", timeout=10)
    assert (response.status_code, response.headers["Allow"], response.json()) == (
        405,
        "POST",
        {"message": "Method not allowed"},
    )


def test_takes_a_body_of_exactly_4_mb(emulator):
    """The largest body that is allowed is processed."""
    body = b'{"attributes": [{"external_id": "u"}]}'
    assert post(emulator, body.ljust(4_194_304)) == (201, {"attributes_processed": 1, "message": "success"})


def test_limits_objects_over_the_three_arrays_together(emulator):
    """75 objects pass and 76 do not, however they are spread, and then nothing is applied."""
    users = [{"external_id": f"u{n}", "name": "x"} for n in range(76)]
    assert post(emulator, {"attributes": users[:50], "events": users[50:]}) == (
        400,
        {"message": "Max Input Length Exceeded"},
    )
    assert emulator.profiles() == {}
    assert post(emulator, {"attributes": users[:75]}) == (
        201,
        {"attributes_processed": 75, "message": "success"},
    )


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("text", "The value provided is not an object."),
        (None, "The value provided is not an object."),
        ({"color": "red"}, NO_IDENTIFIER),
        ({"external_id": None, "color": "red"}, NO_IDENTIFIER),
        ({"external_id": ""}, NO_IDENTIFIER),
        ({"email": 1}, NO_IDENTIFIER),
        ({"external_id": 7}, "'external_id' must be a string"),
        ({"external_id": "x" * 988}, "'external_id' must be fewer than 988 bytes"),
        ({"external_id": "é" * 494}, "'external_id' must be fewer than 988 bytes"),
        ({"external_id": "u", "braze_id": "b"}, TWO_PRIMARIES),
        ({"external_id": "u", "user_alias": ALIAS}, TWO_PRIMARIES),
        ({"braze_id": "b", "user_alias": ALIAS}, TWO_PRIMARIES),
        ({"braze_id": 7}, "'braze_id' must be a string"),
        ({"user_alias": "a"}, "'user_alias' must have an 'alias_name' and an 'alias_label'"),
        ({"user_alias": {"alias_name": "a"}}, "'user_alias' must have an 'alias_name' and an 'alias_label'"),
        ({"external_id": "blocked"}, "BLACKLISTED_EXTERNAL_USER_ID"),
    ],
)
def test_drops_the_bad_object_and_takes_the_rest(emulator, item, reason):
    """A bad object is named by reason, array and position; its neighbours are processed."""
    good = {"external_id": "good", "color": "red"}
    errors = [{"type": reason, "input_array": "attributes", "index": 1}]
    assert post(emulator, {"attributes": [good, item, good]}) == (
        201,
        {"attributes_processed": 2, "message": "success", "errors": errors},
    )
    assert emulator.profiles() == {"good": {"color": "red"}}


@pytest.mark.parametrize(
    "item",
    [
        {"external_id": "x" * 987},
        {"external_id": "u", "email": "a@example.com"},
        {"external_id": "u", "braze_id": None},
        {"braze_id": "b"},
        {"user_alias": ALIAS, "_update_existing_only": False},
        {"email": "a@example.com"},
        {"phone": "+49123"},
    ],
)
def test_takes_an_object_with_one_identifier(emulator, item):
    """Every documented identifier makes one profile."""
    assert post(emulator, {"attributes": [item]}) == (201, {"attributes_processed": 1, "message": "success"})
    assert emulator.stats()["users"] == 1


def test_counts_positions_by_array(emulator):
    """The index of an error is the position in its own array."""
    good, bad = {"external_id": "u"}, {}
    assert post(emulator, {"attributes": [good, bad], "events": [bad, good], "purchases": [bad]}) == (
        201,
        {
            "attributes_processed": 1,
            "events_processed": 1,
            "purchases_processed": 0,
            "message": "success",
            "errors": [
                {"type": NO_IDENTIFIER, "input_array": "attributes", "index": 1},
                {"type": NO_IDENTIFIER, "input_array": "events", "index": 0},
                {"type": NO_IDENTIFIER, "input_array": "purchases", "index": 0},
            ],
        },
    )


def test_answers_400_when_every_object_is_bad(emulator):
    """With no valid object the request is a 400 that still lists every error."""
    errors = [{"type": NO_IDENTIFIER, "input_array": "attributes", "index": index} for index in range(2)]
    assert post(emulator, {"attributes": [{}, {}]}) == (400, {"message": NO_VALID_DATA, "errors": errors})


def test_creates_no_user_that_is_only_to_be_updated(emulator):
    """An unknown user with _update_existing_only is processed, free, and leaves no profile; a known one is updated."""
    post(emulator, {"attributes": [{"external_id": "known", "a": 1}]})
    changes = [{"external_id": user, "a": 2, "_update_existing_only": True} for user in ("known", "unknown")]
    assert post(emulator, {"attributes": changes}) == (201, {"attributes_processed": 2, "message": "success"})
    assert emulator.profiles() == {"known": {"a": 2}}
    assert emulator.stats()["data_points"] == 2


def test_creates_no_alias_by_default(emulator):
    """For an alias, updating only is the default."""
    assert post(emulator, {"attributes": [{"user_alias": ALIAS, "a": 1}]})[0] == 201
    assert emulator.stats()["users"] == 0


def test_exports_profiles_by_external_id(emulator):
    """Known ids come back with their attributes, the others as invalid."""
    post(emulator, {"attributes": [{"external_id": "u", "ids": ["b", "a"], "n": 1}]})
    assert post(emulator, {"external_ids": ["u", "ghost"]}, "/users/export/ids") == (
        201,
        {
            "message": "success",
            "users": [{"external_id": "u", "custom_attributes": {"ids": ["b", "a"], "n": 1}}],
            "invalid_user_ids": ["ghost"],
        },
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"external_ids": [str(n) for n in range(51)]}, "At most 50 'external_ids' may be provided"),
        ({"external_ids": [1]}, "'external_ids' must be an array of strings"),
        ({"external_ids": "u"}, "'external_ids' must be an array of strings"),
        ([], "'external_ids' must be an array of strings"),
    ],
)
def test_refuses_an_export_it_cannot_read(emulator, body, text):
    """An export takes up to 50 ids that are strings."""
    assert post(emulator, body, "/users/export/ids") == (400, {"message": text})
