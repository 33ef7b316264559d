"""Presets, dialects of errors, attribute rules, bulk and sync: braze.md 1.3 to 1.7 and 2.1."""

import pytest
import requests

from personalize_connectors.emulators.braze import BrazeEmulatorSettings, running
from personalize_connectors.emulators.braze.attribute_types import IGNORED, coerced, detected
from personalize_connectors_tests.emulators.calls import answered, call, track

TOO_MANY = (400, {"message": "Max Input Length Exceeded"})
EMAIL = "The value provided for the 'email' field is not a valid email."


def deep(levels):
    """Lists in lists."""
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


def users(count):
    """So many objects."""
    return [{"external_id": f"u{number}"} for number in range(count)]


@pytest.mark.parametrize(
    ("preset", "fits", "not_any_more"),
    [
        ("legacy", (75, 75, 75), (1, 1, 76)),
        ("mau-2024", (20, 20, 10), (20, 20, 11)),
        ("points-2026", (25, 25, 25), (25, 25, 26)),
        ("mau-2026", (75, 0, 0), (76, 0, 0)),
    ],
)
def test_counts_objects_as_the_contract_does(preset, fits, not_any_more):
    """Each contract generation has its limit, of all arrays together or of each."""
    arrays = ("attributes", "events", "purchases")
    with running(BrazeEmulatorSettings.preset(preset)) as emulator:
        bodies = [dict(zip(arrays, map(users, counts), strict=True)) for counts in (fits, not_any_more)]
        first, second = (answered(emulator, "POST", "/users/track", body) for body in bodies)
    assert (first[0], first[1]["message"], second) == (201, "success", TOO_MANY)


@pytest.mark.parametrize(
    ("dialect", "reasons"),
    [
        (
            "seen",
            [
                EMAIL,
                "'external_id' must be fewer than 988 bytes",
                "BAD_EMAIL_SUBSCRIPTION_STATE",
                "BAD_PUSH_SUBSCRIPTION_STATE",
                "BAD_LOCATION_UPDATE",
                "BLACKLISTED_EXTERNAL_USER_ID",
            ],
        ),
        (
            "text",
            [
                EMAIL,
                "'external_id' must be fewer than 988 bytes",
                "'email_subscribe' is not valid",
                "'push_subscribe' is not valid",
                "'current_location' is not valid",
                "BLACKLISTED_EXTERNAL_USER_ID",
            ],
        ),
        (
            "constants",
            [
                "EMAIL_BAD_FORMAT",
                "EXTERNAL_USER_ID_TOO_LARGE",
                "BAD_EMAIL_SUBSCRIPTION_STATE",
                "BAD_PUSH_SUBSCRIPTION_STATE",
                "BAD_LOCATION_UPDATE",
                "BLACKLISTED_EXTERNAL_USER_ID",
            ],
        ),
    ],
)
def test_names_what_is_wrong_in_a_dialect(dialect, reasons):
    """One and the same object is rejected with a constant or with a sentence."""
    bad = [
        {"external_id": "u", "email": "nobody"},
        {"external_id": "x" * 988},
        {"external_id": "u", "email_subscribe": "maybe"},
        {"external_id": "u", "push_subscribe": ["opted_in"]},
        {"external_id": "u", "current_location": {"longitude": 181, "latitude": 0}},
        {"external_id": "blocked"},
    ]
    settings = BrazeEmulatorSettings(error_dialect=dialect, blocklist=frozenset({"blocked"}))
    with running(settings) as emulator:
        errors = track(emulator, *bad).json()["errors"]
    assert errors == [
        {"type": reason, "input_array": "attributes", "index": index} for index, reason in enumerate(reasons)
    ]


@pytest.mark.parametrize(
    ("fields", "good"),
    [
        ({"email": "a@b.example"}, True),
        ({"email": None}, True),
        ({"email": "a b@c.example"}, False),
        ({"email": "a@b"}, False),
        ({"email": "@b.example"}, False),
        ({"email": 7}, False),
        ({"email_subscribe": "opted_in", "push_subscribe": "unsubscribed"}, True),
        ({"current_location": {"longitude": 9.9, "latitude": 53.5}}, True),
        ({"current_location": {"longitude": True, "latitude": 53.5}}, False),
        ({"current_location": "here"}, False),
        ({"current_location": None}, True),
        ({"product_id": "p", "quantity": 2}, True),
        ({"product_id": "p", "quantity": 0}, False),
        ({"product_id": "p", "quantity": "2"}, False),
        ({"quantity": "many"}, True),
    ],
)
def test_checks_the_fields_of_braze(fields, good):
    """Emails, subscription states, places and quantities are checked; a custom attribute of such a name is not."""
    with running() as emulator:
        assert track(emulator, {"external_id": "u", **fields}).status_code == (201 if good else 400)


def test_ignores_blocked_attributes():
    """A blocked attribute is neither set nor removed, and is free."""
    with running(BrazeEmulatorSettings(blocked_attributes=frozenset({"b"}))) as emulator:
        assert track(emulator, {"external_id": "u", "a": 1, " b": 2}).status_code == 201
        track(emulator, {"external_id": "u", "b": None})
        assert (emulator.profiles(), emulator.stats()["data_points"]) == ({"u": {"a": 1}}, 1)


def test_forces_types():
    """A value is coerced to the forced type, or ignored and free, with a 201 either way."""
    kinds = {"s": "string", "n": "number", "o": "object"}
    with running(BrazeEmulatorSettings(forced_types=kinds)) as emulator:
        track(emulator, {"external_id": "u", "s": 7, "n": "8", "o": {"k": 1}})
        assert track(emulator, {"external_id": "u", "s": [1], "n": "nine", "o": "text"}).status_code == 201
        track(emulator, {"external_id": "u", "s": None})
        assert emulator.profiles() == {"u": {"n": 8, "o": {"k": 1}}}
        assert emulator.stats()["data_points"] == 4


def test_keeps_the_first_type():
    """The type of the first value that any user gets is the attribute's from then on."""
    with running(BrazeEmulatorSettings(fix_first_type=True)) as emulator:
        track(emulator, {"external_id": "u", "price": 9.5, "ids": ["a"], "day": "2026-11-22", "later": []})
        track(emulator, {"external_id": "v", "price": "10", "ids": "a", "day": "soon", "later": {"k": 1}})
        assert emulator.profiles()["v"] == {"price": 10, "later": {"k": 1}}


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("string", True, "true"),
        ("string", 1.5, "1.5"),
        ("string", "x", "x"),
        ("string", ["x"], IGNORED),
        ("number", "1.5", 1.5),
        ("number", True, IGNORED),
        ("number", "true", IGNORED),
        ("number", "1e999", IGNORED),
        ("number", "9" * 30, 1e30),
        ("number", [], IGNORED),
        ("boolean", "TRUE", True),
        ("boolean", 0, False),
        ("boolean", 2, IGNORED),
        ("boolean", "yes", IGNORED),
        ("boolean", {}, IGNORED),
        ("time", "2026-11-22T03:00:00+01:00", "2026-11-22T03:00:00+01:00"),
        ("time", "2026-11-22", "2026-11-22"),
        ("time", "2026-13-22", IGNORED),
        ("time", "20261122003", IGNORED),
        ("time", 1, IGNORED),
        ("array", ["a", 1], ["a", 1]),
        ("array", [{}], IGNORED),
        ("array", "a", IGNORED),
        ("object", {"a": 1}, {"a": 1}),
        ("object", [], IGNORED),
        ("object_array", [{"a": 1}], [{"a": 1}]),
        ("object_array", [], []),
        ("object_array", ["a"], IGNORED),
    ],
)
def test_coerces_what_it_can(kind, value, expected):
    """Numbers and booleans come from strings that look like them, strings from any scalar, and nothing else changes."""
    result = coerced(kind, value)
    assert (result is expected) or (result, type(result)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("x", "string"),
        ("2026-11-22T03:00:00Z", "time"),
        (1, "number"),
        (True, "boolean"),
        ([], None),
        (["a"], "array"),
        ([{"a": 1}], "object_array"),
        ([{"a": 1}, 1], "array"),
        ({}, "object"),
    ],
)
def test_detects_types(value, kind):
    """Every JSON value but null and the empty array has a type."""
    assert detected(value) == kind


@pytest.mark.parametrize(("levels", "kept"), [(254, True), (255, False), (800, False)])
@pytest.mark.parametrize("merge", [False, True])
def test_drops_what_is_nested_too_deep(levels, kept, merge):
    """A value nested deeper than can be kept is dropped without a word, and the call goes on."""
    value = {"k": deep(levels - 1)}
    with running() as emulator:
        track(emulator, {"external_id": "u", "a": {"old": 1}})
        response = track(emulator, {"external_id": "u", "a": value, "b": 1, "_merge_objects": merge})
        assert (response.status_code, response.json()["attributes_processed"]) == (201, 1)
        expected = ({"old": 1} if merge else {}) | value if kept else {"old": 1}
        assert emulator.profiles() == {"u": {"a": expected, "b": 1}}


def test_drops_deep_arrays_too():
    """An array nested without end is dropped, and one that cannot even be parsed is a 400."""
    with running() as emulator:
        assert track(emulator, {"external_id": "u", "a": deep(800), "b": 1}).status_code == 201
        assert emulator.profiles() == {"u": {"b": 1}}
        body = b'{"attributes": [{"external_id": "u", "a": ' + b"[" * 2000 + b"]" * 2000 + b"}]}"
        headers = {"Authorization": f"Bearer {emulator.api_key}", "Content-Type": "application/json"}
        assert (
            requests.post(f"{emulator.url}/users/track", body, headers=headers, timeout=10).status_code == 400
        )


def test_takes_a_thousand_objects_in_bulk():
    """Bulk takes 1,000 objects, 100 of one user, and 2 MB."""
    bulk = ("POST", "/users/track/bulk")
    with running() as emulator:
        assert answered(emulator, *bulk, {"attributes": users(1000)}) == (
            201,
            {"attributes_processed": 1000, "message": "success"},
        )
        assert answered(emulator, *bulk, {"attributes": users(1001)}) == TOO_MANY
        assert answered(emulator, *bulk, {"attributes": users(1) * 100})[0] == 201
        assert answered(emulator, *bulk, {"attributes": users(1) * 60, "events": users(1) * 41}) == (
            400,
            {"message": "At most 100 objects of one user may be provided"},
        )
        big = [{"external_id": "u", "a": "x" * 2 * 1024 * 1024}]
        assert answered(emulator, *bulk, {"attributes": big}) == (400, {"message": "Request body too large"})


def test_answers_sync_with_the_values():
    """Sync takes one object and answers with what its attributes are now; an unknown user has none."""
    sync = ("POST", "/users/track/sync")
    with running() as emulator:
        track(emulator, {"external_id": "u", "kept": "old"})
        item = {"external_id": "u", "ids": ["a", "a", "b"], "kept": "x" * 256, "gone": None}
        assert answered(emulator, *sync, {"attributes": [item]}) == (
            201,
            {
                "users": [{"external_id": "u", "custom_attributes": {"ids": ["a", "b"], "kept": "old"}}],
                "message": "success",
            },
        )
        unknown = {"external_id": "v", "a": 1, "_update_existing_only": True}
        assert answered(emulator, *sync, {"attributes": [unknown]}) == (
            201,
            {"users": [], "message": "success"},
        )
        assert answered(emulator, *sync, {"attributes": users(2)}) == TOO_MANY
        assert call(emulator, *sync, {"attributes": [{}]}).status_code == 400
