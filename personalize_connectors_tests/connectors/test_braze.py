"""What the Braze connector says about its settings, its destination and its requests."""

import pytest

from personalize_connectors.connectors.braze import CONNECTOR, RESERVED, BrazeSettings, without_nulls
from personalize_connectors.connectors.protocol import Limits
from personalize_connectors.emulators.braze.profiles import PROFILE_FIELDS
from personalize_connectors.errors import BadSettings

KEY = "01234567-89ab-cdef-0123-456789abcdef"
URL = "https://rest.iad-01.braze.com"
FIELD = "is a field of Braze's own profile, not a custom attribute; choose another name"
NO_NAME = "is no name for a custom attribute: Braze takes names with _ in front for flags and strips spaces"
NULL = "is null, which would remove the attribute from every user; leave it out"
HOLDS_NULL = "holds a null, for which Braze drops all of it; leave it out"
BAD_PREFIX = "Braze takes names that begin with _ for flags and strips spaces; begin with a letter"
TAKEN = "is also written by the recommendations (they begin with 'recommendation_'); choose another name"


def settings(**block) -> BrazeSettings:
    """The settings of a block."""
    return BrazeSettings.model_validate(block)


def destination(url: str | None = URL, key: str | None = KEY):
    """The destination of an environment with these variables."""
    given = {"BRAZE_REST_ENDPOINT_URL": url, "BRAZE_API_KEY": key}
    return CONNECTOR.destination({name: value for name, value in given.items() if value is not None})


@pytest.mark.parametrize("url", [URL, f" {URL}/ ", "http://127.0.0.1:8080", "http://[::1]:8080"])
def test_delivers_where_the_environment_says(url):
    """The destination is the endpoint with the headers that Braze asks for."""
    found = destination(url, f" {KEY}\n")
    assert (found.url, dict(found.headers)) == (
        url.strip().rstrip("/"),
        {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", "X-Braze-Bulk": "true"},
    )


def test_does_not_show_the_key():
    """What a destination prints as holds no key."""
    assert KEY not in repr(destination())


@pytest.mark.parametrize(
    ("url", "key", "missing"),
    [
        (None, None, "BRAZE_REST_ENDPOINT_URL and BRAZE_API_KEY"),
        ("", KEY, "BRAZE_REST_ENDPOINT_URL"),
        (URL, None, "BRAZE_API_KEY"),
        (URL, "  ", "BRAZE_API_KEY"),
    ],
)
def test_names_the_variables_that_are_missing(url, key, missing):
    """A missing endpoint or key is told by its variable, with what to set it to and how to try without Braze."""
    with pytest.raises(BadSettings) as refused:
        destination(url, key)
    assert str(refused.value) == (
        f"{missing} not set. Set BRAZE_REST_ENDPOINT_URL to your cluster's REST endpoint (for example "
        "https://rest.iad-01.braze.com) and BRAZE_API_KEY to a key with the permission users.track; to try without "
        "Braze, start `personalize-connectors emulate braze`, which prints both."
    )


@pytest.mark.parametrize(
    ("url", "key", "text"),
    [
        ("rest.iad-01.braze.com", KEY, "'rest.iad-01.braze.com'"),
        ("ftp://rest.iad-01.braze.com", KEY, "'ftp://rest.iad-01.braze.com'"),
        ("https:///users.track", KEY, "'https:///users.track'"),
        ("https://[rest.iad-01.braze.com", KEY, "'https://[rest.iad-01.braze.com'"),
        (KEY, URL, "no address"),
        (f"{KEY}.", KEY, "no address"),
    ],
)
def test_refuses_an_endpoint_that_is_no_address(url, key, text):
    """An endpoint that is no address is told by its value, unless that can be the key, put into the wrong variable."""
    with pytest.raises(BadSettings) as refused:
        destination(url, key)
    assert (
        str(refused.value)
        == f"BRAZE_REST_ENDPOINT_URL is {text}; it must begin with https:// and name a host"
    )


@pytest.mark.parametrize("key", [f"{KEY}\r\nX-Injected: 1", "ключ", "a\x00b"])
def test_refuses_a_key_that_no_header_takes(key):
    """A key with a line break or other alphabets is refused without being shown."""
    with pytest.raises(BadSettings) as refused:
        destination(key=key)
    assert str(refused.value) == "BRAZE_API_KEY holds characters that no key has (a line break, perhaps)"


@pytest.mark.parametrize(
    ("block", "found"),
    [
        ({}, []),
        ({"attributePrefix": "recs ok_"}, []),
        ({"attributePrefix": "_recs"}, [("attributePrefix", BAD_PREFIX)]),
        ({"attributePrefix": "$recs"}, [("attributePrefix", BAD_PREFIX)]),
        ({"attributePrefix": " recs"}, [("attributePrefix", BAD_PREFIX)]),
        (
            {"attributePrefix": "first_", "payload": "arrays", "itemMetadataFields": ["name", "price"]},
            [
                (
                    "attributePrefix",
                    "makes the attribute 'first_name', a field of Braze's own profile; choose another prefix",
                )
            ],
        ),
        ({"otherAttributes": {"source": "x", "n": 1, "list": ["a"], "object": {"a": [{"b": 1}]}}}, []),
        ({"otherAttributes": {"email": "x"}}, [("otherAttributes.email", FIELD)]),
        ({"otherAttributes": {"Time_Zone": "x"}}, [("otherAttributes.Time_Zone", FIELD)]),
        ({"otherAttributes": {"external_id": "x"}}, [("otherAttributes.external_id", FIELD)]),
        ({"otherAttributes": {"": 1}}, [("otherAttributes.", NO_NAME)]),
        ({"otherAttributes": {"_merge_objects": True}}, [("otherAttributes._merge_objects", NO_NAME)]),
        ({"otherAttributes": {"$add": 1}}, [("otherAttributes.$add", NO_NAME)]),
        ({"otherAttributes": {"a ": 1}}, [("otherAttributes.a ", NO_NAME)]),
        ({"otherAttributes": {"a": None}}, [("otherAttributes.a", NULL)]),
        ({"otherAttributes": {"a": {"b": [{"c": None}]}}}, [("otherAttributes.a", HOLDS_NULL)]),
        ({"otherAttributes": {"a": [1, None]}}, [("otherAttributes.a", HOLDS_NULL)]),
        ({"otherAttributes": {"recommendation_items": 1}}, [("otherAttributes.recommendation_items", TAKEN)]),
        ({"otherAttributes": {"recommendation_name": 1}}, []),
        (
            {"payload": "ids", "otherAttributes": {"recommendation_items": 1}},
            [("otherAttributes.recommendation_items", TAKEN)],
        ),
        ({"payload": "flat", "otherAttributes": {"recommendation_items": 1, "recommendation_x_1": 1}}, []),
        (
            {"payload": "flat", "otherAttributes": {"recommendation_12_name": 1}},
            [("otherAttributes.recommendation_12_name", TAKEN)],
        ),
        (
            {"payload": "arrays", "otherAttributes": {"recommendation_anything": 1, "source": 1}},
            [("otherAttributes.recommendation_anything", TAKEN)],
        ),
        (
            {
                "payload": "arrays",
                "itemMetadataFields": ["name"],
                "otherAttributes": {
                    "recommendation_anything": 1,
                    "recommendation_name": 1,
                    "recommendation_itemId": 1,
                },
            },
            [
                ("otherAttributes.recommendation_name", TAKEN),
                ("otherAttributes.recommendation_itemId", TAKEN),
            ],
        ),
    ],
)
def test_finds_attributes_that_braze_would_not_keep(block, found):
    """Names that Braze interprets or that two values would fight for, and nulls, are problems of the config."""
    assert CONNECTOR.problems(settings(**block)) == found


@pytest.mark.parametrize(
    ("block", "written"),
    [
        ({}, {"recommendation_items"}),
        ({"payload": "ids", "attributePrefix": "p_", "otherAttributes": {"source": 1}}, {"p_items", "source"}),
        ({"payload": "flat", "attributePrefix": "p_"}, {"p_<n>_<field>", "p_<n>_itemId"}),
        ({"payload": "flat", "itemMetadataFields": ["a"], "attributePrefix": "p"}, {"p<n>_a", "p<n>_itemId"}),
        ({"payload": "arrays", "attributePrefix": "p_"}, {"p_<field>", "p_itemId"}),
        ({"payload": "arrays", "itemMetadataFields": ["itemId", "a"], "attributePrefix": "p_"}, {"p_a", "p_itemId"}),
    ],
)  # fmt: skip
def test_tells_which_attributes_it_writes(block, written):
    """The attributes of each shape are told, to find jobs that write the same."""
    assert CONNECTOR.attributes(settings(**block)) == written


@pytest.mark.parametrize(
    ("block", "changes"),
    [
        ({"payload": "ids"}, True),
        ({"attributePrefix": "x"}, True),
        ({"otherAttributes": {"a": 1}}, True),
        ({"performDeltaCheck": False}, False),
        ({"allowMisaligned": True}, False),
    ],
)
def test_a_fingerprint_holds_what_changes_the_record(block, changes):
    """What changes a user's record is part of every fingerprint, and what does not is not."""
    rendering = CONNECTOR.rendering(settings(**block))
    assert (rendering != CONNECTOR.rendering(settings())) is changes


def test_keeps_to_the_limits_of_a_request():
    """A request has at most 75 objects and 4 MB, in an envelope that is JSON."""
    assert CONNECTOR.limits(settings()) == Limits(75, 4_000_000)
    envelope = CONNECTOR.envelope
    assert envelope.before + b"{}" + envelope.separator + b"{}" + envelope.after == b'{"attributes":[{},{}]}'


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ("objects", '{"name":"Löwe","tags":["a"],"deep":{"b":[{}]},"itemId":"i\\"1"}'),
        ("flat", '{"name":"Löwe","tags":["a"],"deep":{"b":[{}]},"itemId":"i\\"1"}'),
        ("arrays", '{"name":"Löwe","tags":["a"],"deep":{"b":[{}]},"itemId":"i\\"1"}'),
        ("ids", '"i\\"1"'),
    ],
)
def test_delivers_of_an_item_what_the_shape_shows(payload, text):
    """The payload of an item is its fields without nulls at any depth, or its id alone."""
    fields = {"name": "Löwe", "tags": ["a", None], "deep": {"a": None, "b": [{"c": None}]}, "itemId": 'i"1'}
    assert CONNECTOR.payload(settings(payload=payload), fields).decode() == text


@pytest.mark.parametrize("value", [0, "", False, [], {}, [0, ""], {"a": {}}])
def test_leaves_empty_values_in(value):
    """Zero, false and empty values are values."""
    assert without_nulls(value) == value


def test_reserves_what_the_emulator_interprets():
    """Every name that the emulated Braze takes for a profile field is refused in a config."""
    assert PROFILE_FIELDS <= RESERVED
