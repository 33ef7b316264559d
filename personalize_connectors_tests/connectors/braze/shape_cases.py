"""Catalogues with users and a config, and what a straightforward oracle of dicts makes of them."""

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa
import requests
from hypothesis import strategies as st

from personalize_connectors.connectors.braze import CONNECTOR, BrazeSettings
from personalize_connectors.connectors.protocol import Finding
from personalize_connectors.engine.item_documents import Selection

PAYLOADS = ("objects", "ids", "flat", "arrays")
CHANGES = ("added", "changed", "unchanged", "removed")
USERS = pa.schema([("user_id", pa.string()), ("items", pa.list_(pa.string())), ("change", pa.string())])
LONGEST = 7

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


class User(NamedTuple):
    """A row of a batch."""

    user_id: str
    items: list[str]
    change: str = "added"


@dataclass(frozen=True)
class Case:
    """A catalogue, some users and a block of config.json."""

    items: dict[str, dict[str, Any] | None]
    users: list[User]
    settings: BrazeSettings

    def fields(self, item_id: str) -> dict[str, Any]:
        """An item's document."""
        wanted = self.settings.itemMetadataFields
        selection = Selection(None if wanted is None else tuple(wanted))
        return selection.document(item_id, self.items[item_id] or {})

    def documents(self) -> pa.Table:
        """What the connector reads of the item documents."""
        payloads = [CONNECTOR.payload(self.settings, self.fields(item)).text for item in self.items]
        columns = {"item_id": pa.array(self.items, pa.string()), "payload": pa.array(payloads, pa.string())}
        return pa.table(columns)

    def batch(self) -> pa.RecordBatch:
        """All users, who are a slice of a longer batch."""
        around = [User("before", list(self.items)), *self.users, User("after", list(self.items))]
        rows = [user._asdict() for user in around]
        return pa.RecordBatch.from_pylist(rows, schema=USERS).slice(1, len(self.users))

    def rendered(self) -> pa.LargeBinaryArray:
        """The fragments of all users."""
        return CONNECTOR.renderer(self.settings, self.documents(), LONGEST)(self.batch())

    def judged(self) -> dict[int, Finding]:
        """The users whose record breaks a rule as a whole."""
        return dict(CONNECTOR.judge(self.settings, self.documents(), LONGEST)(self.batch()))

    def item(self, item_id: str) -> dict[str, Any]:
        """What an item delivers."""
        return json.loads(CONNECTOR.payload(self.settings, self.fields(item_id)).text)

    def names(self) -> list[str]:
        """The fields of `arrays` and `flat`, the item's id last."""
        wanted = self.settings.itemMetadataFields
        names = [key for item in self.items for key in self.item(item)] if wanted is None else wanted
        return [*(key for key in dict.fromkeys(names) if key != "itemId"), "itemId"]

    def expected(self, user: User) -> dict[str, Any]:
        """The attributes object of a user."""
        update_only = {"_update_existing_only": True}
        if user.change == "removed":
            nothing = dict.fromkeys([*self.settings.otherAttributes, *self.written()])
            return {"external_id": user.user_id, **update_only, **nothing}
        flags = update_only if self.settings.updateExistingOnly else {}
        return {"external_id": user.user_id, **flags, **self.settings.otherAttributes, **self.shown(user)}

    def shown(self, user: User) -> dict[str, Any]:
        """The user's items as attributes."""
        prefix, found = self.settings.attributePrefix, [self.item(item) for item in user.items]
        known = user.change != "added"
        if self.settings.payload in ("objects", "ids"):
            return {f"{prefix}items": found}
        if self.settings.payload == "flat":
            places = [*found, *[{}] * (LONGEST - len(found))]
            nothing = dict.fromkeys(self.names()) if known else {}
            return {
                f"{prefix}{n}_{key}": value
                for n, item in enumerate(places, 1)
                for key, value in (nothing | item).items()
            }
        columns = {name: [item[name] for item in found if name in item] for name in self.names()}
        return {prefix + name: values or None for name, values in columns.items() if values or known}

    def written(self) -> list[str]:
        """Every attribute that the items of a user can be written to."""
        return list(self.shown(User("anybody", list(self.items), "changed")))

    def refusal(self, user: User) -> Finding | None:
        """Why Braze would not keep a user's arrays as they are."""
        if self.settings.payload != "arrays" or self.settings.allowMisaligned:
            return None
        found = [self.item(item) for item in user.items]
        for name in self.names():
            values = {json.dumps(item[name]) for item in found if name in item}
            if len(values) < len(found):
                return Finding("misaligned", name)
        return None


def texts(bodies: pa.LargeBinaryArray) -> list[str]:
    """The fragments as text, taken from the one buffer in which they stand one after the other."""
    assert b"".join(bodies.to_pylist()) in (bodies.buffers()[2] or pa.py_buffer(b"")).to_pybytes()
    return [body.decode() for body in bodies.to_pylist()]


def post(emulator, bodies: list[bytes]) -> requests.Response:
    """Deliver fragments in one request, as the connector says."""
    environment = {"BRAZE_REST_ENDPOINT_URL": emulator.url, "BRAZE_API_KEY": emulator.api_key}
    removal = False
    to, call, envelope = CONNECTOR.destination(environment), CONNECTOR.call(None, removal), CONNECTOR.envelope
    body = envelope.before + b"".join(bodies).removesuffix(envelope.separator) + envelope.after
    return requests.request(call.method, to.url + call.path, data=body, headers=to.headers, timeout=10)


@st.composite
def cases(draw, payload, values=VALUES, fields=FIELDS, *, unique=False, changes=CHANGES):
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
        "updateExistingOnly": draw(st.booleans()) and not unique,
    }  # fmt: skip
    rows = draw(st.dictionaries(TEXTS, st.tuples(lists, st.sampled_from(changes)), max_size=5))
    users = [
        User(user, [] if change == "removed" else of_user, change) for user, (of_user, change) in rows.items()
    ]
    return Case(items, users, BrazeSettings.model_validate(block))


def small(payload, items, users, **block) -> Case:
    """A case whose users are numbered."""
    block = {"payload": payload, "attributePrefix": "r_"} | block
    numbered = [User(f"u{place}", items) for place, items in enumerate(users)]
    return Case(items, numbered, BrazeSettings.model_validate(block))


LAMP = {"name": "Lamp", "price": 9.99}
CHAIR = {"name": 'Ch"air', "price": 9.99}
