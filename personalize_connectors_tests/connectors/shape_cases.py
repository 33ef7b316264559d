"""Catalogues with users and a config, and what a straightforward oracle of dicts makes of them."""

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from personalize_connectors.connectors.braze import CONNECTOR, BrazeSettings
from personalize_connectors.connectors.braze_values import kept
from personalize_connectors.connectors.protocol import Fragments
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


def small(payload, items, users, **block) -> Case:
    """A case whose users are numbered."""
    block = {"payload": payload, "attributePrefix": "r_"} | block
    numbered = [(f"u{place}", items) for place, items in enumerate(users)]
    return Case(items, numbered, BrazeSettings.model_validate(block))


LAMP = {"name": "Lamp", "price": 9.99}
CHAIR = {"name": 'Ch"air', "price": 9.99}
