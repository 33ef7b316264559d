"""What the Braze connector says about its settings, its destination and its requests."""

import pytest

from personalize_connectors.connectors.braze import CONNECTOR, BrazeSettings
from personalize_connectors.connectors.braze.attributes import RESERVED
from personalize_connectors.connectors.braze.catalog_ids import encoded
from personalize_connectors.connectors.exchange import Call, Limits
from personalize_connectors.connectors.protocol import Finding, Payload
from personalize_connectors.connectors.settings import RateWindow
from personalize_connectors.emulators.braze.presets import PRESETS
from personalize_connectors.emulators.braze.profiles import PROFILE_FIELDS
from personalize_connectors.errors import BadSettings

KEY = "01234567-89ab-cdef-0123-456789abcdef"
URL = "https://rest.iad-01.braze.com"


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
        ({"updateExistingOnly": True}, True),
        ({"updateExistingOnly": False}, False),
        ({"performDeltaCheck": False}, False),
        ({"allowMisaligned": True}, False),
        ({"contract": "legacy", "recordsPerRequest": 5, "missingUsers": "unset"}, False),
        ({"onInvalid": {"null_inside": "stop"}, "maxUsers": 1, "pricePerDataPoint": 0.1}, False),
        ({"catalogIds": True}, False),
    ],
)
def test_a_fingerprint_holds_what_changes_the_record(block, changes):
    """What changes a user's record is part of every fingerprint, and what does not is not."""
    rendering = CONNECTOR.rendering(settings(**block))
    assert (rendering != CONNECTOR.rendering(settings())) is changes


def test_a_fingerprint_holds_the_spelling_of_ids():
    """With ids, those of the catalog are part of every fingerprint; those of Personalize add nothing to it."""
    plain = CONNECTOR.rendering(settings(payload="ids"))
    assert CONNECTOR.rendering(settings(payload="ids", catalogIds=False)) == plain
    assert CONNECTOR.rendering(settings(payload="ids", catalogIds=True)) == plain


def test_a_request_is_a_json_document():
    """Requests are posted to /users/track, to write and to remove, in an envelope that is JSON."""
    assert {CONNECTOR.call(settings(), removal) for removal in (False, True)} == {
        Call("POST", "/users/track")
    }
    envelope = CONNECTOR.envelope
    assert envelope.before + b"{}" + envelope.separator + b"{}" + envelope.after == b'{"attributes":[{},{}]}'


@pytest.mark.parametrize(
    ("block", "records", "windows"),
    [
        ({}, 75, ((3_000, 3),)),
        ({"contract": "legacy"}, 75, ((50_000, 60),)),
        ({"contract": "mau-2024"}, 50, ((3_000, 3),)),
        ({"contract": "points-2026"}, 75, ((3_000, 3),)),
        ({"contract": "mau-2026"}, 75, ()),
        ({"contract": "mau-2024", "recordsPerRequest": 60}, 60, ((3_000, 3),)),
        (
            {"rateLimit": [{"requests": 9, "seconds": 1}, {"requests": 90, "seconds": 3_600}]},
            75,
            ((9, 1), (90, 3_600)),
        ),
    ],
)
def test_keeps_to_the_contract(block, records, windows):
    """Objects and requests are those of the contract, but for what the block says itself; 4 MB for all."""
    expected = tuple(RateWindow(requests=requests, seconds=seconds) for requests, seconds in windows)
    assert CONNECTOR.limits(settings(**block)) == Limits(records, 4_000_000, expected)


@pytest.mark.parametrize("contract", PRESETS)
def test_the_emulator_has_the_same_contracts(contract):
    """Each contract that a block can name is one that the emulator can have, with as many objects in a request."""
    assert CONNECTOR.limits(settings(contract=contract)).records == PRESETS[contract]["max_objects"]


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
    found = () if payload == "ids" else (Finding("null_inside", "tags"), Finding("null_inside", "deep"))
    assert CONNECTOR.payload(settings(payload=payload), fields) == Payload(text.encode(), found)


@pytest.mark.parametrize(
    ("item", "sent"), [("tea-2", '"tea-2"'), ("tea/2", '"x-tea_2f2"'), ("x-tea", '"x-x_2dtea"')]
)
def test_sends_ids_as_the_catalog_writes_them(item, sent):
    """With catalogIds, an id on the profile is the id of the item in the catalog."""
    assert CONNECTOR.payload(settings(payload="ids", catalogIds=True), {"itemId": item}).text.decode() == sent
    assert sent == f'"{encoded(item)}"'


@pytest.mark.parametrize(
    ("block", "others", "ids"),
    [
        ({"payload": "ids"}, {"braze_catalog": {}}, True),
        ({"payload": "ids"}, {"other": {}}, None),
        ({"payload": "ids", "catalogIds": False}, {"braze_catalog": {}}, False),
        ({"payload": "ids", "catalogIds": True}, {}, True),
        ({"payload": "objects"}, {"braze_catalog": {}}, None),
    ],
)
def test_beside_a_catalog_ids_are_its_own(block, others, ids):
    """Ids are those of the catalog where the job keeps one, unless the block says otherwise; nothing else differs."""
    given = settings(**block)
    assert CONNECTOR.beside(given, others) == given.model_copy(update={"catalogIds": ids})


@pytest.mark.parametrize("payload", ["objects", "ids", "flat", "arrays"])
def test_the_other_shapes_can_be_compared(payload):
    """The alternatives are the three other shapes under settings that are the same in all else."""
    block = {"attributePrefix": "p_", "otherAttributes": {"a": 1}, "updateExistingOnly": True}
    found = CONNECTOR.alternatives(settings(payload=payload, **block))
    others = {"objects", "ids", "flat", "arrays"} - {payload}
    assert found == {other: settings(payload=other, **block) for other in others}


@pytest.mark.parametrize(("missing", "removes"), [("keep", False), ("unset", True)])
def test_removes_where_missing_users_are_unset(missing, removes):
    """Users who are missing are removed with missingUsers unset."""
    assert CONNECTOR.removes(settings(missingUsers=missing)) is removes


def test_reserves_what_the_emulator_interprets():
    """Every name that the emulated Braze takes for a profile field is refused in a config."""
    assert PROFILE_FIELDS <= RESERVED
