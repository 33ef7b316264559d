"""The catalog made ready, against the emulator."""

import pytest

from personalize_connectors.connectors.braze_catalog import CONNECTOR
from personalize_connectors.connectors.braze_catalog.schema import FIELDS_OF_A_REQUEST, Wanted, make_ready
from personalize_connectors.connectors.exchange import Destination
from personalize_connectors.emulators.braze import BrazeEmulatorSettings, RateWindow, running
from personalize_connectors.errors import DeliveryRefused, DestinationUnavailable
from personalize_connectors_tests.connectors.braze_catalog.catalog_items import (
    destination,
    documents,
    settings,
)
from personalize_connectors_tests.emulators.calls import Clock
from personalize_connectors_tests.emulators.catalog_calls import FIELDS, create

WANTED = Wanted("shop", {"name": "string", "price": "number"})
READY = {"id": "string", "name": "string", "price": "number"}
READERS = {
    "reader": frozenset({"catalogs.get"}),
    "creator": frozenset({"catalogs.get", "catalogs.create"}),
    "stranger": frozenset({"users.track"}),
}

WHOLE = True


@pytest.fixture(scope="module")
def workspace():
    """One emulator for this module."""
    with running(BrazeEmulatorSettings(keys=READERS), clock=Clock()) as emulator:
        yield emulator


@pytest.fixture
def braze(workspace):
    """The emulator with nothing in it."""
    workspace.reset()
    return workspace


def fields(emulator):
    """The fields of each catalog."""
    return {name: catalog["fields"] for name, catalog in emulator.catalogs().items()}


def calls(emulator):
    """How many calls there were by status."""
    return emulator.stats()["by_status"]


def waits(emulator, wanted=WANTED):
    """How often and how long making a catalog ready waited."""
    paused: list[float] = []
    make_ready(wanted, destination(emulator), paused.append)
    return paused


def test_creates_the_catalog_with_its_fields(braze):
    """A catalog that is not there is created with the fields of the items; done again, nothing is."""
    table = documents({"a": {"name": "A", "price": 1.5}, "b": {"tags": ["x"], "made": "2026-11-22"}})
    block = settings(fieldTypes={"made": "time"})
    CONNECTOR.prepare(block, destination(braze), table, WHOLE)
    created = {"shop": READY | {"tags": "array", "made": "time"}}
    first = fields(braze)
    CONNECTOR.prepare(block, destination(braze), table, WHOLE)
    assert (first, fields(braze), calls(braze)) == (created, created, {"200": 2, "201": 1})


def test_adds_the_fields_that_are_new(braze):
    """A field that an item has for the first time is added, by fifties, and those that are there stay."""
    new = {f"field-{number}": "string" for number in range(FIELDS_OF_A_REQUEST + 1)}
    create(braze)
    assert waits(braze, Wanted("shop", {"name": "string", **new})) == []
    assert (fields(braze), calls(braze)["202"]) == ({"shop": FIELDS | new}, 2)


def test_does_nothing_without_items(braze):
    """Where there are no items, Braze is not asked."""
    CONNECTOR.prepare(settings(), destination(braze), documents({}), WHOLE)
    assert calls(braze) == {}


def test_stops_where_a_field_has_another_type(braze):
    """A field of another type in the catalog stops the delivery, and nothing is created."""
    create(braze, fields={"id": "string", "price": "string"})
    with pytest.raises(DeliveryRefused, match="price is string, our values are number"):
        waits(braze)
    assert fields(braze) == {"shop": {"id": "string", "price": "string"}}
    CONNECTOR.prepare(
        settings(fieldTypes={"price": "string"}),
        destination(braze),
        documents({"a": {"price": "1.5"}}),
        WHOLE,
    )


def test_does_not_create_a_catalog_for_a_part_of_the_items(braze):
    """Where only changed items are sent, a catalog that is not there was lost, and the error says how all items go again."""
    with pytest.raises(
        DeliveryRefused, match=r"any more, though items were delivered to it.*performDeltaCheck false"
    ):
        CONNECTOR.prepare(settings(), destination(braze), documents({"a": {"name": "A"}}), not WHOLE)
    assert fields(braze) == {}


def test_does_not_create_a_catalog_that_it_may_not(braze):
    """With createCatalog false a catalog that is not there stops the delivery, with what to do."""
    table = documents({"a": {"name": "A"}})
    with pytest.raises(DeliveryRefused) as refused:
        CONNECTOR.prepare(settings(createCatalog=False), destination(braze), table, WHOLE)
    assert str(refused.value) == (
        "there is no catalog 'shop' in this Braze workspace, and createCatalog of braze_catalog is false; create the catalog "
        "in Braze, or leave createCatalog out"
    )
    create(braze)
    CONNECTOR.prepare(settings(createCatalog=False), destination(braze), table, WHOLE)


@pytest.mark.parametrize(
    ("key", "there", "text"),
    [
        (
            "unknown",
            False,
            (
                "GET /catalogs: Braze answered HTTP 401 Invalid API Key: the key in BRAZE_API_KEY is not valid at "
                "BRAZE_REST_ENDPOINT_URL (a key of another cluster is refused too), or lacks the permission catalogs.get"
            ),
        ),
        (
            "stranger",
            False,
            (
                "GET /catalogs: Braze answered HTTP 403 Access Denied: the key in BRAZE_API_KEY lacks the permission catalogs.get, "
                "or the account is not active"
            ),
        ),
        (
            "reader",
            False,
            (
                "POST /catalogs: Braze answered HTTP 403 Access Denied: the key in BRAZE_API_KEY lacks the permission "
                "catalogs.create, or the account is not active"
            ),
        ),
        (
            "creator",
            True,
            (
                "POST /catalogs/shop/fields: Braze answered HTTP 403 Access Denied: the key in BRAZE_API_KEY lacks the permission "
                "catalogs.create_fields, or the account is not active"
            ),
        ),
    ],
)
def test_says_which_permission_the_key_lacks(braze, key, there, text):
    """A key that may not do what is needed is told with the permission that the call asks for."""
    if there:
        create(braze, fields={"id": "string"})
    with pytest.raises(DeliveryRefused) as refused:
        make_ready(WANTED, destination(braze, key))
    assert str(refused.value) == text


def test_says_what_braze_refuses(braze):
    """What Braze refuses in its own words is told in them."""
    with pytest.raises(DeliveryRefused) as refused:
        make_ready(Wanted("shop", {"a b": "string"}), destination(braze))
    assert str(refused.value) == (
        "POST /catalogs: HTTP 400 invalid-field-names: Field names have characters that are not allowed"
    )


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize(
    "faults",
    [
        ["unavailable"],
        ["server_error", "bad_gateway", "gateway_timeout", "reset"],
        ["throttled", "truncated"],
        # Of the second call, which creates: done, but its answer is lost.
        ["slow", "gateway_timeout_applied"],
        ["slow", "reset_applied"],
        ["slow", "truncated"],
    ],
)
def test_tries_again(braze, there, faults):
    """Whatever goes wrong on the way, and whether or not a lost call was done, the catalog is ready in the end."""
    if there:
        create(braze, fields={"id": "string"})
    braze.faults(next=faults, slow_seconds=0)
    paused = waits(braze)
    expected = len([fault for fault in faults if fault != "slow"])
    assert (fields(braze), len(paused)) == ({"shop": READY}, expected)


@pytest.mark.parametrize(
    ("dialect", "on_429"),
    [
        ("none", "retry-after"),
        ("seconds_left", "x-ratelimit-retry-after"),
        ("seconds_left", "limit_headers"),
    ],
)
def test_waits_as_long_as_braze_asks(dialect, on_429):
    """Over the limit of calls a minute it waits as long as the answer says, and no longer."""
    contract = BrazeEmulatorSettings(
        rate_limits={"catalogs": (RateWindow(2, 60),)}, header_dialect=dialect, on_429=on_429
    )
    clock, paused = Clock(), []

    def pause(seconds):
        paused.append(seconds)
        clock.now += seconds

    with running(contract, clock=clock) as emulator:
        create(emulator, "other")
        make_ready(WANTED, destination(emulator), pause)
        assert (fields(emulator)["shop"], paused) == (READY, [60.0])


def test_gives_up_in_the_end(braze):
    """When no try leads to the end, the last problem is told, and waits have grown from try to try."""
    braze.faults(fail_next={"status": 503, "count": 99})
    paused = []
    with pytest.raises(DestinationUnavailable) as failed:
        make_ready(WANTED, destination(braze), paused.append)
    longest = [1, 2, 4, 8, 16, 30, 30]
    assert (
        str(failed.value),
        [0.75 * most <= wait <= most for most, wait in zip(longest, paused, strict=True)],
    ) == (
        (
            f"Braze at {braze.url} did not get the catalog 'shop' ready in 8 tries; the last one: GET /catalogs: HTTP 503 "
            "Planted by the emulator. No item was sent; run again later."
        ),
        [True] * 7,
    )


def test_says_that_nobody_answers():
    """Where nobody listens, that is told, without the key."""
    nowhere = Destination("http://127.0.0.1:9", {"Authorization": "Bearer secret"})
    with pytest.raises(DestinationUnavailable) as failed:
        make_ready(WANTED, nowhere, lambda _: None)
    assert str(failed.value) == (
        "Braze at http://127.0.0.1:9 did not get the catalog 'shop' ready in 8 tries; the last one: no answer to GET /catalogs "
        "(ConnectionError). No item was sent; run again later."
    )
