"""The four shapes against a straightforward oracle of dicts, and over a socket against the emulator's profiles and meter."""

import json
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors.connectors.braze import CONNECTOR, BrazeSettings
from personalize_connectors.connectors.braze_values import kept
from personalize_connectors.connectors.protocol import Fragments
from personalize_connectors.emulators.braze import running
from personalize_connectors.engine.item_documents import Selection, render

PAYLOADS = ("objects", "ids", "flat", "arrays")
USERS = pa.schema([("user_id", pa.string()), ("items", pa.list_(pa.string())), ("change", pa.string())])
LONGEST = 7
SEVERAL = (
    "arrays: two items have the same {}, and Braze keeps arrays as sets, so values would move to other items"
)
MISSING = "arrays: an item has no {}, so the values behind it would move to other items"

AWKWARD = st.sampled_from("\"',;|/\\{}[]:% \t\n\r\b\f\x00\x1f\x7f\u2028\ufeffaéß日🦊")
TEXTS = st.text(AWKWARD | st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS | st.sampled_from(["", "same"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(["name", "price", "itemId", "id", '"a",\\b'])


@dataclass(frozen=True)
class Case:
    """A catalogue, some users and a block of config.json."""

    items: dict[str, dict[str, Any] | None]
    users: list[tuple[str, list[str]]]
    settings: BrazeSettings
    change: str = "added"

    def documents(self) -> pa.Table:
        """The item documents."""
        lines = [
            (item, None if fields is None else json.dumps(fields)) for item, fields in self.items.items()
        ]
        wanted = self.settings.itemMetadataFields
        selection = Selection(None if wanted is None else tuple(wanted))
        return render(lines, selection, lambda fields: CONNECTOR.payload(self.settings, fields))

    def rendered(self) -> Fragments:
        """The fragments of all users, who are a slice of a longer batch."""
        around = [("before", list(self.items)), *self.users, ("after", list(self.items))]
        rows = [{"user_id": user, "items": items, "change": self.change} for user, items in around]
        batch = pa.RecordBatch.from_pylist(rows, schema=USERS).slice(1, len(self.users))
        return CONNECTOR.renderer(self.settings, self.documents(), LONGEST)(batch)

    def item(self, item_id: str) -> dict[str, Any]:
        """What an item delivers."""
        fields = self.items[item_id] or {}
        wanted = self.settings.itemMetadataFields
        keys = [key for key in fields if key != "id"] if wanted is None else wanted
        chosen = {key: fields[key] for key in keys if key != "itemId" and fields.get(key) is not None}
        return kept({**chosen, "itemId": item_id})

    def names(self) -> list[str]:
        """The fields of `arrays`, the item's id last."""
        wanted = self.settings.itemMetadataFields
        names = [key for item in self.items for key in self.item(item)] if wanted is None else wanted
        return [*(key for key in dict.fromkeys(names) if key != "itemId"), "itemId"]

    def expected(self, user: str, items: list[str]) -> dict[str, Any]:
        """The attributes object of a user."""
        prefix, found = self.settings.attributePrefix, [self.item(item) for item in items]
        if self.settings.payload == "objects":
            shown = {f"{prefix}items": found}
        elif self.settings.payload == "ids":
            shown = {f"{prefix}items": items}
        elif self.settings.payload == "flat":
            places = [*found, *[{}] * (LONGEST - len(found))]
            nothing = dict.fromkeys(self.names()) if self.change != "added" else {}
            shown = {
                f"{prefix}{n}_{key}": value
                for n, item in enumerate(places, 1)
                for key, value in (nothing | item).items()
            }
        else:
            columns = {name: [item[name] for item in found if name in item] for name in self.names()}
            known = self.change != "added"
            shown = {prefix + name: values or None for name, values in columns.items() if values or known}
        return {"external_id": user, **self.settings.otherAttributes, **shown}

    def refusal(self, items: list[str]) -> str | None:
        """Why Braze would not keep a user's arrays as they are."""
        if self.settings.payload != "arrays" or self.settings.allowMisaligned:
            return None
        found = [self.item(item) for item in items]
        for name in self.names():
            texts = [json.dumps(item[name]) for item in found if name in item]
            if len(texts) < len(items):
                return MISSING.format(name)
            if len(set(texts)) < len(texts):
                return SEVERAL.format(name)
        return None


def texts(fragments: Fragments) -> list[str]:
    """The fragments as text, taken from the one buffer in which they stand one after the other."""
    bodies = fragments.bodies
    assert b"".join(bodies.to_pylist()) in (bodies.buffers()[2] or pa.py_buffer(b"")).to_pybytes()
    return [body.decode() for body in bodies.to_pylist()]


@st.composite
def cases(
    draw, payload, values=VALUES, fields=FIELDS, *, unique=False, changes=("added", "changed", "unchanged")
):
    """Any catalogue with any users; `unique`: no user gets an item twice."""
    metadata = st.none() | st.dictionaries(fields, values, max_size=4)
    items = draw(st.dictionaries(TEXTS, metadata, min_size=1, max_size=5))
    lists = st.lists(st.sampled_from(list(items)), min_size=1, max_size=6, unique=unique)
    block = {
        "payload": payload,
        "attributePrefix": draw(st.sampled_from(["recommendation_", "p", 'say "\\hi", ü'])),
        "otherAttributes": draw(st.sampled_from([{}, {"source": 'de"mo', "n": 1.5}, {'"': ["x", "é"], "o": {"k": 1, "l": 2}}])),
        "itemMetadataFields": draw(st.none() | st.lists(fields, min_size=1, max_size=3, unique=True)),
        "allowMisaligned": draw(st.booleans()) and not unique,
    }  # fmt: skip
    users = draw(st.dictionaries(TEXTS, lists, max_size=5))
    change = draw(st.sampled_from(changes))
    return Case(items, list(users.items()), BrazeSettings.model_validate(block), change)


@pytest.mark.parametrize("payload", PAYLOADS)
@given(st.data())
def test_renders_what_the_oracle_renders(payload, data):
    """Every user's fragment is the attributes object that a dict would give, key for key in order, and a comma."""
    case = data.draw(cases(payload))
    rendered = case.rendered()
    assert rendered.refused == {
        place: reason for place, (_, items) in enumerate(case.users) if (reason := case.refusal(items))
    }
    found = texts(rendered)
    assert {text[-1] for text in found} <= {","}
    assert [json.loads(text[:-1], object_pairs_hook=list) for text in found] == [
        json.loads(json.dumps(case.expected(*user)), object_pairs_hook=list) for user in case.users
    ]


def small(payload, items, users, **block) -> Case:
    """A case whose users are numbered."""
    block = {"payload": payload, "attributePrefix": "r_"} | block
    numbered = [(f"u{place}", items) for place, items in enumerate(users)]
    return Case(items, numbered, BrazeSettings.model_validate(block))


LAMP = {"name": "Lamp", "price": 9.99}
CHAIR = {"name": 'Ch"air', "price": 9.99}


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (
            "objects",
            '{"external_id":"u0","r_items":[{"name":"Lamp","price":9.99,"itemId":"l"},{"name":"Ch\\"air","price":9.99,"itemId":"c"},{"itemId":"x"}]},',
        ),
        ("ids", '{"external_id":"u0","r_items":["l","c","x"]},'),
        (
            "flat",
            '{"external_id":"u0","r_1_name":"Lamp","r_1_price":9.99,"r_1_itemId":"l","r_2_name":"Ch\\"air","r_2_price":9.99,"r_2_itemId":"c","r_3_itemId":"x"},',
        ),
        (
            "arrays",
            '{"external_id":"u0","r_name":["Lamp","Ch\\"air"],"r_price":[9.99,9.99],"r_itemId":["l","c","x"]},',
        ),
    ],
)
def test_renders_the_shapes_of_the_design(payload, text):
    """Each shape reads, byte for byte, as in the design's table; missing metadata leaves a key out."""
    case = small(payload, {"l": LAMP, "c": CHAIR, "x": None}, [["l", "c", "x"]], allowMisaligned=True)
    assert texts(case.rendered()) == [text]


@pytest.mark.parametrize("allowed", [False, True])
def test_refuses_arrays_that_braze_would_shift(allowed):
    """With arrays, users with equal or missing values are refused with the field, unless allowMisaligned."""
    items = {
        "l": LAMP,
        "c": CHAIR,
        "x": {"name": "Lamp", "price": 1},
        "y": {"name": "Rug"},
        "z": {"name": "Z", "price": 2},
    }
    users = [["l", "z"], ["l", "c"], ["l", "x"], ["z", "y"], ["z", "z"], ["z"]]
    case = small("arrays", items, users, allowMisaligned=allowed)
    refused = {
        1: SEVERAL.format("price"),
        2: SEVERAL.format("name"),
        3: MISSING.format("price"),
        4: SEVERAL.format("name"),
    }
    rendered = case.rendered()
    assert rendered.refused == ({} if allowed else refused)
    assert len(texts(rendered)) == len(users)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_renders_no_users(payload):
    """A batch without users gives no fragments."""
    assert texts(small(payload, {"l": LAMP}, []).rendered()) == []


@pytest.mark.parametrize("payload", PAYLOADS)
def test_keeps_long_numbers(payload):
    """A whole number over 64 bits, and a price with many digits, come out as they went in."""
    items = {"l": {"number": 123456789012345678901, "price": 0.1234567890123456}}
    (text,) = texts(small(payload, items, [["l"]]).rendered())
    assert ("123456789012345678901" in text, "0.1234567890123456" in text) == (payload != "ids",) * 2


@pytest.fixture(scope="module")
def emulator():
    """One emulator for all examples, which reset it."""
    with running() as emulator:
        yield emulator


def metered(emulator, case: Case) -> tuple[dict[str, Any], int]:
    """The profiles and data points after delivering what is not refused, and nothing was rejected."""
    emulator.reset()
    rendered = case.rendered()
    bodies = [body for place, body in enumerate(rendered.bodies.to_pylist()) if place not in rendered.refused]
    if bodies:
        envelope = CONNECTOR.envelope
        body = envelope.before + b"".join(bodies).removesuffix(envelope.separator) + envelope.after
        environment = {"BRAZE_REST_ENDPOINT_URL": emulator.url, "BRAZE_API_KEY": emulator.api_key}
        to = CONNECTOR.destination(environment)
        response = requests.post(to.url + CONNECTOR.path, body, headers=to.headers, timeout=10)
        assert (response.status_code, response.json()) == (
            201,
            {"attributes_processed": len(bodies), "message": "success"},
        )
    return emulator.profiles(), emulator.stats()["data_points"]


def counted(case: Case) -> int:
    """The data points that the connector counts for the users who are not refused."""
    documents = case.documents()
    points = CONNECTOR.data_points(case.settings, documents, LONGEST)
    if case.change != "added" and points.per_known_user is not None:
        return points.per_known_user * len(case.users)
    of_item = dict(zip(documents["item_id"].to_pylist(), points.per_item.tolist(), strict=True))
    return sum(
        points.per_user + sum(of_item[item] for item in items)
        for _, items in case.users
        if case.refusal(items) is None
    )


KEPT = st.booleans() | st.integers(-(2**63), 2**63) | st.floats(0.5, 1e9) | TEXTS
ADDED = ("added",)
STORED = (
    KEPT
    | st.lists(TEXTS, max_size=3, unique=True)
    | st.dictionaries(st.sampled_from("abc"), KEPT, max_size=3)
)
METERED = {
    "objects": cases("objects", STORED, st.sampled_from(["name", "price"]), unique=True),
    "ids": cases("ids", STORED, unique=True),
    "flat": cases("flat", STORED, st.sampled_from(["name", "price"]), unique=True, changes=ADDED),
    "flat again": cases("flat", KEPT, st.sampled_from(["name", "price"]), unique=True),
    "arrays": cases("arrays", KEPT, st.sampled_from(["name"]), unique=True, changes=ADDED),
}


@pytest.mark.parametrize("payload", METERED)
@given(st.data())
def test_braze_keeps_and_bills_what_we_say(emulator, payload, data):
    """Over a socket, the profiles are what the oracle says, and the meter shows what the connector counts."""
    case = data.draw(METERED[payload])
    profiles, points = metered(emulator, case)
    accepted = [(user, items) for user, items in case.users if case.refusal(items) is None]
    assert profiles == {
        user: {
            key: value
            for key, value in case.expected(user, items).items()
            if key != "external_id" and value is not None
        }
        for user, items in accepted
    }
    assert points == counted(case)


@pytest.mark.parametrize(("payload", "points"), [("objects", 9), ("ids", 2), ("flat", 10), ("arrays", 8)])
def test_bills_nested_values_by_their_keys(emulator, payload, points):
    """An array of scalars is one data point; an object costs one for each key, also as a constant or in an array."""
    items = {
        "l": {"name": "Lamp", "size": {"w": 1, "h": 2}, "tags": ["a", "b"]},
        "c": {"name": "Chair", "size": {"w": 3}, "tags": ["c"]},
    }
    case = small(payload, items, [["l", "c"]], otherAttributes={"source": "x"})
    assert metered(emulator, case)[1] == counted(case) == points


def test_flat_unsets_what_falls_away():
    """Who was delivered before gets every place and field of `flat`, those that fell away as null."""
    case = replace(small("flat", {"l": LAMP, "x": None}, [["x"]]), change="changed")
    (text,) = texts(case.rendered())
    sent = json.loads(text[:-1])
    assert [sent["r_1_name"], sent["r_1_price"], sent["r_1_itemId"]] == [None, None, "x"]
    assert {key for key, value in sent.items() if value is not None} == {"external_id", "r_1_itemId"}
    assert len(sent) == 1 + 3 * LONGEST


def test_refuses_a_list_that_braze_would_drop():
    """A list over 100 KB, which Braze drops with a success answer, is refused."""
    items = {f"i{number}": {"text": "x" * 250, "more": ["y" * 250] * 20} for number in range(20)}
    rendered = small("objects", items, [list(items)[:19], list(items)]).rendered()
    assert list(rendered.refused) == [1]
    assert "over 100 KB, which Braze drops without a word" in rendered.refused[1]
