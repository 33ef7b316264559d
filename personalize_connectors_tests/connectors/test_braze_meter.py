"""The four shapes over a socket, against the emulator's profiles and its meter of data points."""

from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors.connectors.braze import CONNECTOR
from personalize_connectors.emulators.braze import running
from personalize_connectors_tests.connectors.shape_cases import LONGEST, TEXTS, Case, cases, small


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
