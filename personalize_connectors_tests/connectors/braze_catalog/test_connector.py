"""The connector that keeps a catalog equal to the items, against the emulator."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from personalize_connectors.connectors.braze.catalog_ids import encoded
from personalize_connectors.connectors.braze_catalog import CONNECTOR
from personalize_connectors.connectors.exchange import Call, Limits, Verdict
from personalize_connectors.connectors.protocol import Finding
from personalize_connectors.connectors.settings import RateWindow
from personalize_connectors.emulators.braze import running
from personalize_connectors_tests.connectors.braze_catalog.catalog_items import (
    destination,
    documents,
    rows,
    send,
    settings,
)
from personalize_connectors_tests.emulators.calls import Clock

ACCEPTED = Verdict("accepted", "HTTP 202 success")
ITEMS = {
    "lamp-1": {"name": 'Lamp "A"', "price": 39.9, "tags": ["new", "sale"], "size": {"cm": [10, 20]}},
    "tea/2": {"name": "Thé\nvert", "price": 6, "sold": False},
    "x-3": {},
    "": {"name": ""},
}
LONG = "/" * 83

WHOLE = True


@pytest.fixture(scope="module")
def workspace():
    """One emulator for this module."""
    with running(clock=Clock()) as emulator:
        yield emulator


@pytest.fixture
def braze(workspace):
    """The emulator with nothing in it."""
    workspace.reset()
    return workspace


def prepared(emulator, items):
    """The documents of items whose catalog is ready."""
    table = documents(items)
    CONNECTOR.prepare(settings(), destination(emulator), table, WHOLE)
    return table


def catalog(items):
    """A catalog's items as they are read back."""
    return {encoded(item_id): {"id": encoded(item_id), **fields} for item_id, fields in items.items()}


def test_the_catalog_is_equal_to_the_items(braze):
    """What is sent is read back item for item; a second delivery replaces whole items; removed ones go."""
    table = prepared(braze, ITEMS)
    first = send(braze, table, rows(*ITEMS))
    assert (first, braze.catalogs()["shop"]["items"]) == (ACCEPTED, catalog(ITEMS))
    later = ITEMS | {"lamp-1": {"price": 35}, "new": {"colour": "red"}}
    table = prepared(braze, later)
    second = send(braze, table, rows("new", "lamp-1", change="changed"))
    assert (second, braze.catalogs()["shop"]["items"]) == (ACCEPTED, catalog(later))
    third = send(braze, table, rows("tea/2", "", "gone", change="removed"), removal=True)
    left = {item_id: later[item_id] for item_id in ("lamp-1", "x-3", "new")}
    assert (third, braze.catalogs()["shop"]["items"]) == (ACCEPTED, catalog(left))
    assert braze.stats()["data_points"] == 0


@given(st.lists(st.tuples(st.sampled_from([*ITEMS]), st.booleans()), max_size=8))
def test_renders_each_row_by_itself(chosen):
    """Rows to write and rows to remove, in any order, are the payload or the id alone, each with a comma behind."""
    single = [rows(item_id, change="removed" if gone else "added") for item_id, gone in chosen]
    mixed = pa.concat_batches([rows(), *single])
    fragments = CONNECTOR.renderer(settings(), documents(ITEMS), 1)(mixed).to_pylist()
    expected = [
        {"id": encoded(item_id)} if gone else {"id": encoded(item_id), **ITEMS[item_id]}
        for item_id, gone in chosen
    ]
    assert [json.loads(one.removesuffix(b",")) for one in fragments] == expected
    assert json.loads(b"[%b0]" % b"".join(fragments)) == [*expected, 0]


def test_one_bad_item_is_rejected_alone(braze):
    """Among 50 items Braze refuses one, and the verdict names exactly that; without it the others are accepted."""
    items = {f"item/{number}": {"price": number} for number in range(50)}
    table = prepared(braze, items)
    unknown = documents(items | {"item/17": {"price": 17, "unknown": 1}})
    refused = send(braze, unknown, rows(*items))
    others = [item_id for item_id in items if item_id != "item/17"]
    words = "invalid-fields: Some of the fields given do not exist in the catalog"
    assert refused == Verdict("again", f"HTTP 400 {words}", {17: words})
    assert (braze.catalogs()["shop"]["items"], send(braze, table, rows(*others))) == ({}, ACCEPTED)
    assert braze.catalogs()["shop"]["items"] == catalog({one: items[one] for one in others})


def test_takes_out_ids_that_are_too_long():
    """An item whose id no catalog takes is found by its row; its document does no harm."""
    table = documents({LONG: {"name": "L"}, "a": {}})
    judge = CONNECTOR.judge(settings(), table, 1)
    assert (judge(rows("a", LONG, "b", LONG)), judge(rows())) == (
        {1: Finding("id_too_long"), 3: Finding("id_too_long")},
        {},
    )


def test_sends_50_items_at_the_published_rate():
    """Limits are those that Braze publishes, or what the block says."""
    assert CONNECTOR.limits(settings()) == Limits(50, 4_000_000, (RateWindow(requests=16_000, seconds=60),))
    own = settings(recordsPerRequest=20, rateLimit=[{"requests": 5, "seconds": 1}])
    assert CONNECTOR.limits(own) == Limits(20, 4_000_000, (RateWindow(requests=5, seconds=1),))


def test_calls_the_endpoint_of_the_catalog():
    """Items are replaced or created, and removed, at the catalog that the block names, and only where it says so."""
    block, keeping = settings(catalog="My_shop-1"), settings(unnamedItems="keep")
    path = "/catalogs/My_shop-1/items"
    assert (CONNECTOR.call(block, False), CONNECTOR.call(block, True)) == (  # noqa: FBT003 - as the protocol has it
        Call("PUT", path),
        Call("DELETE", path),
    )
    assert (CONNECTOR.removes(block), CONNECTOR.removes(keeping)) == (True, False)
    assert (CONNECTOR.unit, CONNECTOR.attributes(block)) == ("item", frozenset(["catalog My_shop-1"]))


def test_what_changes_an_item_is_in_every_fingerprint():
    """Another catalog or other types send every item again."""
    block = settings(fieldTypes={"price": "string"}, unnamedItems="keep", createCatalog=False)
    assert CONNECTOR.rendering(block) == {"catalog": "shop", "fieldTypes": {"price": "string"}}


@pytest.mark.parametrize(
    ("block", "problems"),
    [
        ({}, []),
        ({"recordsPerRequest": 50, "fieldTypes": {"price": "number"}}, []),
        ({"itemMetadataFields": ["price"], "fieldTypes": {"price": "number"}}, []),
        (
            {"recordsPerRequest": 51},
            [("recordsPerRequest", "is 51; Braze takes 50 items in one request at most")],
        ),
        (
            {"itemMetadataFields": ["price", "name"], "fieldTypes": {"prise": "number"}},
            [("fieldTypes.prise", "is not sent; itemMetadataFields names price, name")],
        ),
        *(
            (
                {"fieldTypes": {name: "string"}},
                [(f"fieldTypes.{name}", "is the item's id, which is always a string; leave it out")],
            )
            for name in ("id", "itemId")
        ),
    ],
)
def test_finds_what_is_wrong_with_the_settings(block, problems):
    """Types for what is not sent and requests that Braze would refuse are problems, each with its path."""
    assert CONNECTOR.problems(settings(**block)) == problems


@pytest.mark.parametrize("name", ["", "my shop", "shop/1", "läden", "shop\n", "x" * 251, None])
def test_refuses_names_that_braze_does_not_take(name):
    """A catalog's name has letters, digits, - and _, at most 250."""
    with pytest.raises(ValidationError):
        settings(catalog=name)


def test_every_setting_is_described():
    """Each key of the block has a description for the schema."""
    assert [key for key, field in CONNECTOR.settings.model_fields.items() if not field.description] == []
