"""What Braze keeps of a value, and what it would drop without a word."""

import pytest

from personalize_connectors.connectors.braze import CONNECTOR, BrazeSettings
from personalize_connectors.connectors.braze_values import kept, left_out
from personalize_connectors.emulators.braze import running

TEXT = "a text over 255 characters"
NAME = "a name over 255 characters, or with a space, a dot or a dollar sign"


@pytest.mark.parametrize(
    ("value", "sent", "reason"),
    [
        ("x" * 255, "x" * 255, None),
        ("x" * 256, None, TEXT),
        (["a", "x" * 256], None, TEXT),
        ({"w": {"h": "x" * 256}}, None, TEXT),
        ({"a.b": 1}, None, NAME),
        ({"a b": 1}, None, NAME),
        ({"$a": 1}, None, NAME),
        ({"k" * 256: 1}, None, NAME),
        ({"$time": "2026-11-22T03:00:00Z"}, {"$time": "2026-11-22T03:00:00Z"}, None),
        ({"$time": None}, None, "a $time that is no text"),
        ({"w": 1, "h": None, "d": {"x": None}}, {"w": 1, "d": {}}, None),
        ([1, None, {"a": None}], [1, {}], None),
        ("", "", None),
        (0, 0, None),
        (False, False, None),
    ],
)
def test_keeps_what_braze_keeps(value, sent, reason):
    """A field that would make Braze drop the whole list is left out with the reason; nested nulls go."""
    fields = {"field": value, "itemId": "l"}
    assert kept(fields) == ({"itemId": "l"} if reason else {"field": sent, "itemId": "l"})
    assert left_out(fields) == ([f"field: {reason}"] if reason else [])


@pytest.mark.parametrize("name", ["a.b", "$c", "d e", "f" * 256])
def test_leaves_out_fields_with_names_that_braze_drops(name):
    """The name of a field counts as a key."""
    assert (kept({name: 1, "itemId": "l"}), left_out({name: 1})) == ({"itemId": "l"}, [f"{name}: {NAME}"])


def test_with_ids_nothing_is_left_out():
    """Where only ids are sent, the metadata's values do not matter."""
    settings = BrazeSettings(payload="ids")
    assert CONNECTOR.left_out(settings, {"field": "x" * 300, "itemId": "l"}) == []


def test_the_rest_of_the_list_arrives():
    """With the field left out, Braze keeps the list; with it, it would not."""
    import requests

    with running() as braze:
        headers = {"Authorization": f"Bearer {braze.api_key}"}
        fields = {"name": "Lamp", "text": "x" * 300, "itemId": "l"}
        objects = [
            {"external_id": "as it is", "r_items": [fields]},
            {"external_id": "kept", "r_items": [kept(fields)]},
        ]
        answer = requests.post(
            f"{braze.url}/users/track", json={"attributes": objects}, headers=headers, timeout=10
        )
        assert answer.status_code == 201
        assert braze.profiles() == {"as it is": {}, "kept": {"r_items": [{"name": "Lamp", "itemId": "l"}]}}
