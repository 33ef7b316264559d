"""Fingerprints: one digest for each user over all that would be delivered."""

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from personalize_connectors.connectors.protocol import DataPoints
from personalize_connectors.engine.fingerprints import fingerprints
from personalize_connectors.engine.item_documents import Selection, render
from personalize_connectors_tests.engine.plain import items as items_of
from personalize_connectors_tests.engine.plain import plain

USERS = {"u": ["a", "b"], "v": ["b", "a"], "w": ["a"], "é|": ["c", "a", "b"]}
ITEMS = {"a": '{"price":1}', "b": '{"price":2,"name":"é"}', "c": None}
RENDERING = {"payload": "objects", "attributePrefix": "p_", "otherAttributes": {"x": 1}}
PER_ITEM = {"a": 2, "b": 3, "c": 1}

IN_ANOTHER_PROCESS = """
import json
from personalize_connectors.engine.session import open_session
from personalize_connectors_tests.engine.test_fingerprints import digests
with open_session(1 << 30) as session:
    print(json.dumps({user: digest.hex() for user, digest in digests(session).items()}))
"""


def rows(session, users, items, rendering, batch_size):
    """Rows of user, digest, points, and points where the user is known."""
    schema = pa.schema([("user_id", pa.string()), ("items", pa.list_(pa.string()))])
    batches = pa.table([list(users), list(users.values())], schema=schema).to_batches(batch_size)
    per_item = np.array([PER_ITEM[item] for item in items], np.int64)
    points = DataPoints(10, per_item, per_known_user=100, per_known_item=per_item - 1)
    documents = render(items_of(items), Selection(), plain)
    found = fingerprints(session, batches, documents, rendering, points).fetchall()
    assert [place for place, *_ in found] == list(range(len(users)))
    return [row[1:] for row in found]


def test_items_that_are_billed_alike_are_billed_by_their_number(session, monkeypatch):
    """Where one item counts as much as any other, and where not."""
    monkeypatch.setitem(globals(), "PER_ITEM", dict.fromkeys(ITEMS, 2))
    found = rows(session, {**USERS, "nothing": []}, ITEMS, RENDERING, 100)
    assert {user: tuple(points) for user, _, *points in found} == {
        user: (10 + 2 * number, 100 + number)
        for user, number in [("u", 2), ("v", 2), ("w", 1), ("é|", 3), ("nothing", 0)]
    }


def digests(session, users=USERS, items=ITEMS, rendering=RENDERING, batch_size=100):
    """User to digest."""
    return {user: digest for user, digest, *_ in rows(session, users, items, rendering, batch_size)}


def changed(before, after):
    """The users whose digests differ."""
    return {user for user in before if before[user] != after[user]}


def test_the_same_input_gives_the_same_digest_in_another_process(session):
    """A digest depends on nothing but what is delivered: not on the process, batches, or order of users or items."""
    here = {user: digest.hex() for user, digest in digests(session).items()}
    there = subprocess.run([sys.executable, "-c", IN_ANOTHER_PROCESS], capture_output=True, check=True).stdout
    reordered = digests(
        session,
        dict(reversed(USERS.items())),
        dict(reversed(ITEMS.items())),
        dict(reversed(RENDERING.items())),
        1,
    )
    assert (json.loads(there), {user: digest.hex() for user, digest in reordered.items()}) == (here, here)


def test_digests_are_128_bits_and_differ_between_lists(session):
    """Every list has its own digest of 16 bytes, also where it holds the same items in another order."""
    found = digests(session)
    assert ({len(digest) for digest in found.values()}, len(set(found.values()))) == ({16}, len(USERS))


def test_users_with_the_same_list_have_the_same_digest(session):
    """The user's id is not in the digest: it is what digests are compared by."""
    found = digests(session, {"u": ["a", "b"], "v": ["a", "b"]})
    assert found["u"] == found["v"]


@pytest.mark.parametrize(
    ("items", "users"),
    [
        (ITEMS | {"a": '{"price":1.5}'}, {"u", "v", "w", "é|"}),
        (ITEMS | {"b": '{"name":"é","price":2}'}, {"u", "v", "é|"}),
        (ITEMS | {"b": None}, {"u", "v", "é|"}),
        (ITEMS | {"c": '{"name":"new"}'}, {"é|"}),
        (ITEMS | {"a": '{ "price" : 1 }'}, set()),
        (ITEMS | {"a": '{"price":1,"none":null}'}, set()),
    ],
)
def test_a_change_of_an_item_changes_the_users_who_get_it(session, items, users):
    """Whatever is delivered of an item changes the digests of its users and of nobody else; what is not, does not."""
    assert changed(digests(session), digests(session, items=items)) == users


@pytest.mark.parametrize(
    "change",
    [
        {"payload": "flat"},
        {"attributePrefix": "q_"},
        {"otherAttributes": {"x": 2}},
        {"otherAttributes": {}},
        {"new": None},
    ],
)
def test_a_change_of_the_rendering_changes_everybody(session, change):
    """A setting that changes what is sent changes every digest."""
    assert changed(digests(session), digests(session, rendering=RENDERING | change)) == set(USERS)


def test_points_are_what_the_destination_bills(session):
    """A user is billed the constant and each item's share."""
    points = {user: billed for user, _, *billed in rows(session, USERS, ITEMS, RENDERING, 3)}
    assert points == {"u": [15, 103], "v": [15, 103], "w": [12, 101], "é|": [16, 103]}


def test_nobody_has_no_fingerprint(session):
    """Without users there are no rows."""
    assert digests(session, users={}) == {}
