"""Each rule against the emulator: it drops or refuses what breaks the rule, and keeps what we send."""

import json
from dataclasses import replace

import pytest

from personalize_connectors.connectors.braze import CONNECTOR
from personalize_connectors.connectors.protocol import FIELD_ACTIONS, RECORD_ACTIONS, Finding
from personalize_connectors.emulators.braze import running
from personalize_connectors_tests.connectors.braze.shape_cases import LAMP, User, post, small

TEXT, NAME, TIME, NULL = "text_over_255_characters", "name_not_storable", "time_not_text", "null_inside"
LARGE, LONG_ARRAY, LONG_ITEM = "value_over_100_kb", "array_over_500_elements", "item_id_too_long"
DEEP = "value_over_50_levels"
LONG_USER, LARGE_LIST, MISALIGNED = "id_over_987_bytes", "list_over_100_kb", "misaligned"
BIG = [f"{number:250}" for number in range(420)]
DEEP_VALUE = json.loads("[" * 300 + "]" * 300)
FIELDS = [
    (TEXT, "objects", "text", "x" * 256),
    (TEXT, "flat", "text", "x" * 256),
    (TEXT, "arrays", "text", "x" * 256),
    (NAME, "objects", "a.b", 1),
    (NAME, "objects", "size", {"w h": 1}),
    (NAME, "arrays", "name", "Lamp"),
    (TIME, "objects", "at", {"$time": None}),
    (NULL, "objects", "size", {"w": 1, "h": None}),
    (NULL, "flat", "tags", ["a", None]),
    (LONG_ARRAY, "flat", "tags", list(range(501))),
    (LARGE, "flat", "tags", BIG),
    (LARGE, "objects", "tags", BIG),
    (DEEP, "objects", "tags", DEEP_VALUE),
    (DEEP, "flat", "tags", DEEP_VALUE),
]
LONG_IDS = [f"{number:0255}" for number in range(400)]
RECORDS = [
    (LARGE_LIST, "", "objects", {f"i{n}": {"tags": ["y" * 250] * 20} for n in range(21)}),
    (LARGE_LIST, "", "ids", dict.fromkeys(LONG_IDS)),
    (LARGE_LIST, "text", "arrays", {f"i{n}": {"text": f"{n:0255}"} for n in range(400)}),
    (MISALIGNED, "price", "arrays", {"l": LAMP, "c": {"name": "Chair", "price": 9.99}}),
]


@pytest.fixture(scope="module")
def emulator():
    """One emulator for all rules, which reset it."""
    with running() as emulator:
        emulator.reset()
        yield emulator


def test_every_rule_has_its_choices():
    """A field can be dropped alone; a record cannot be kept; and every rule is tested here."""
    fields, records = {row[0] for row in FIELDS}, {row[0] for row in RECORDS} | {LONG_USER, LONG_ITEM}
    expected = {**dict.fromkeys(fields, FIELD_ACTIONS), **dict.fromkeys(records, RECORD_ACTIONS)}
    assert {name: rule.actions for name, rule in CONNECTOR.rules.items()} == expected


@pytest.mark.parametrize(("rule", "payload", "name", "value"), FIELDS)
def test_braze_drops_the_field_and_keeps_what_we_send(emulator, rule, payload, name, value):
    """What holds the field Braze answers success to and does not keep; what we send instead it keeps as it is."""
    fields = {"title": "Lamp", name: value, "itemId": "l"}
    as_it_is = {
        "objects": {"first_items": [fields]},
        "flat": {f"first_1_{key}": of_item for key, of_item in fields.items()},
        "arrays": {f"first_{key}": [of_item] for key, of_item in fields.items()},
    }[payload]
    case = small(payload, {"l": fields}, [["l"]], attributePrefix="first_")
    emulator.reset()
    raw = json.dumps({"external_id": "as it is", **as_it_is}).encode()
    answer = post(emulator, [raw, b",", *case.rendered().to_pylist()]).json()
    assert answer == {"attributes_processed": 2, "message": "success"}
    profiles = emulator.profiles()
    assert profiles["as it is"] != as_it_is
    assert {"external_id": "u0", **profiles["u0"]} == case.expected(case.users[0])
    assert CONNECTOR.payload(case.settings, case.fields("l")).findings == (Finding(rule, name),)


@pytest.mark.parametrize(("rule", "field", "payload", "items"), RECORDS)
def test_braze_does_not_keep_a_record_that_is_refused(emulator, rule, field, payload, items):
    """A list that is too large, or that would shift, is found; Braze answers success to it and does not keep it."""
    case = small(payload, items, [list(items), list(items)[:1]])
    emulator.reset()
    answer = post(emulator, case.rendered().to_pylist()).json()
    assert answer == {"attributes_processed": 2, "message": "success"}
    profiles = emulator.profiles()
    kept = [{"external_id": user.user_id, **profiles[user.user_id]} for user in case.users]
    assert [sent == case.expected(user) for sent, user in zip(kept, case.users, strict=True)] == [False, True]
    assert case.judged() == {0: Finding(rule, field)}


def test_braze_drops_a_list_with_an_item_id_that_is_too_long(emulator):
    """With ids, an item whose id Braze does not take spoils the record, for nothing can stand in its place."""
    case = small("ids", {"i" * 255: None, "i" * 256: None}, [["i" * 255], ["i" * 255, "i" * 256]])
    emulator.reset()
    post(emulator, case.rendered().to_pylist())
    assert emulator.profiles() == {"u0": {"r_items": ["i" * 255]}, "u1": {}}
    found = [CONNECTOR.payload(case.settings, {"itemId": item}).findings for item in case.items]
    assert found == [(), (Finding(LONG_ITEM, "itemId"),)]


@pytest.mark.parametrize("payload", ["objects", "flat", "arrays"])
def test_an_item_whose_id_cannot_be_sent_spoils_the_record(payload):
    """In the other shapes too: without its id an item is no item, and without the item the list is another."""
    case = small(payload, {"i" * 255: LAMP, "i" * 256: LAMP, "j" * 256: None}, [])
    found = [CONNECTOR.payload(case.settings, case.fields(item)).findings for item in case.items]
    assert found == [(), (Finding(LONG_ITEM, "itemId"),), (Finding(LONG_ITEM, "itemId"),)]


@pytest.mark.parametrize(("item", "found"), [("i" * 250, ()), ("/" * 83, (Finding(LONG_ITEM, "itemId"),))])
def test_an_item_id_is_judged_as_the_catalog_writes_it(item, found):
    """With the ids of a catalog, an id that becomes too long there spoils the record."""
    settings = small("ids", {}, [], catalogIds=True).settings
    assert CONNECTOR.payload(settings, {"itemId": item}).findings == found


@pytest.mark.parametrize("payload", ["objects", "ids", "flat", "arrays"])
def test_braze_refuses_an_external_id_that_is_too_long(emulator, payload):
    """An external_id over 987 bytes is found, and Braze refuses the object."""
    case = small(payload, {"l": {"name": "Lamp"}}, [])
    users = [User("u" * 987, ["l"]), User("ü" * 494, ["l"]), User("ü" * 493, ["l"])]
    case = replace(case, users=users)
    emulator.reset()
    errors = post(emulator, case.rendered().to_pylist()).json()["errors"]
    assert [error["index"] for error in errors] == [1]
    assert case.judged() == {1: Finding(LONG_USER, "external_id")}
