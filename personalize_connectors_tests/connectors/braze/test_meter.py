"""The four shapes over a socket, against the emulator's profiles and its meter of data points."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors.connectors.braze import CONNECTOR
from personalize_connectors.connectors.protocol import DataPoints
from personalize_connectors.emulators.braze import running
from personalize_connectors_tests.connectors.braze.shape_cases import (
    LONGEST,
    PAYLOADS,
    TEXTS,
    Case,
    User,
    cases,
    post,
    small,
)


@pytest.fixture(scope="module")
def emulator():
    """One emulator for all examples, which reset it."""
    with running() as emulator:
        yield emulator


def delivered(emulator, case: Case) -> tuple[dict[str, Any], int]:
    """The profiles, and the data points that delivering what is not refused costs; nothing is rejected."""
    before, refused = emulator.stats()["data_points"], case.judged()
    bodies = [body for place, body in enumerate(case.rendered().to_pylist()) if place not in refused]
    if bodies:
        response = post(emulator, bodies)
        assert (response.status_code, response.json()) == (
            201,
            {"attributes_processed": len(bodies), "message": "success"},
        )
    return emulator.profiles(), emulator.stats()["data_points"] - before


def data_points(case: Case) -> DataPoints:
    """What the connector says that users cost."""
    return CONNECTOR.data_points(case.settings, case.documents(), LONGEST)


def counted(case: Case) -> int:
    """The data points that the connector counts for the users who are not refused."""
    points, places = data_points(case), {item: place for place, item in enumerate(case.items)}

    def of_user(user: User) -> int:
        if user.change != "added" and points.per_known_user is not None:
            return points.per_known_user + sum(
                int(points.per_known_item[places[item]]) for item in user.items
            )
        return points.per_user + sum(int(points.per_item[places[item]]) for item in user.items)

    return sum(of_user(user) for user in case.users if case.refusal(user) is None)


def profile(case: Case, user: User) -> dict[str, Any]:
    """What Braze keeps of a user's attributes object."""
    sent = case.expected(user).items()
    return {key: value for key, value in sent if key[0] != "_" and key != "external_id" and value is not None}


KEPT = st.booleans() | st.integers(-(2**63), 2**63) | st.floats(0.5, 1e9) | TEXTS
ADDED, NOT_REMOVED = ("added",), ("added", "changed", "unchanged")
NESTED = st.lists(TEXTS, max_size=3, unique=True) | st.dictionaries(st.sampled_from("abc"), KEPT, max_size=3)
STORED = KEPT | NESTED
FIELDS = st.sampled_from(["name", "price"])
METERED = {
    "objects": cases("objects", STORED, FIELDS, unique=True, changes=NOT_REMOVED),
    "ids": cases("ids", STORED, unique=True, changes=NOT_REMOVED),
    "flat": cases("flat", STORED, FIELDS, unique=True, changes=ADDED),
    "flat again": cases("flat", STORED, FIELDS, unique=True, changes=NOT_REMOVED),
    "arrays": cases("arrays", KEPT, st.sampled_from(["name"]), unique=True, changes=ADDED),
}


@pytest.mark.parametrize("payload", METERED)
@given(st.data())
def test_braze_keeps_and_bills_what_we_say(emulator, payload, data):
    """Over a socket, the profiles are what the oracle says, and the meter shows what the connector counts."""
    case = data.draw(METERED[payload])
    emulator.reset()
    accepted = [user for user in case.users if case.refusal(user) is None]
    assert delivered(emulator, case) == (
        {user.user_id: profile(case, user) for user in accepted},
        counted(case),
    )


@pytest.mark.parametrize(("payload", "points"), [("objects", 9), ("ids", 2), ("flat", 10), ("arrays", 8)])
def test_bills_nested_values_by_their_keys(emulator, payload, points):
    """An array of scalars is one data point; an object costs one for each key, also as a constant or in an array."""
    items = {
        "l": {"name": "Lamp", "size": {"w": 1, "h": 2}, "tags": ["a", "b"]},
        "c": {"name": "Chair", "size": {"w": 3}, "tags": ["c"]},
    }
    case = small(payload, items, [["l", "c"]], otherAttributes={"source": "x"})
    assert delivered(emulator, case)[1] == counted(case) == points


@pytest.mark.parametrize(("payload", "points"), [("objects", 2), ("ids", 2), ("flat", 22), ("arrays", 4)])
def test_removal_leaves_nothing_and_creates_nobody(emulator, payload, points):
    """Of a user who is removed no attribute is left, an unknown one is not created, and each null is billed."""
    items = {"l": {"name": "Lamp", "price": 1}, "c": {"name": "Chair", "price": 2}}
    before = small(payload, items, [["l", "c"], ["l"], ["c"]], otherAttributes={"source": "x"})
    gone = [User("u0", [], "removed"), User("u1", ["c"], "changed"), User("nobody", [], "removed")]
    after = Case(items, gone, before.settings)
    emulator.reset()
    delivered(emulator, before)
    profiles, billed = delivered(emulator, after)
    assert profiles == {"u0": {}, "u1": profile(after, gone[1]), "u2": profile(before, before.users[2])}
    assert data_points(before).per_removal == points
    assert billed == points + counted(Case(items, gone[1:2], before.settings))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_creates_no_profile_where_none_is_wanted(emulator, payload):
    """With updateExistingOnly a user whom Braze does not know stays unknown, and costs nothing."""
    emulator.reset()
    assert delivered(emulator, small(payload, {"l": None}, [["l"]], updateExistingOnly=True)) == ({}, 0)
