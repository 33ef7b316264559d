"""What a block for Braze cannot say, and the words for it."""

import pytest

from personalize_connectors.connectors.braze import CONNECTOR, BrazeSettings

FIELD = "is a field of Braze's own profile, not a custom attribute; choose another name"
NAME = (
    "a name over 255 characters, with a space, a dot or a dollar sign, or of a field of Braze's own profile"
)
NO_NAME = "is no name for a custom attribute: Braze takes names with _ in front for flags and strips spaces"
NULL = "is null, which would remove the attribute from every user; leave it out"
HOLDS = "holds {}, which Braze drops without a word"
HOLDS_NULL = HOLDS.format("a null inside a nested value")
BAD_PREFIX = "Braze takes names that begin with _ for flags and strips spaces; begin with a letter"
TAKEN = "is also written by the recommendations (they begin with 'recommendation_'); choose another name"


@pytest.mark.parametrize(
    ("block", "found"),
    [
        ({}, []),
        ({"attributePrefix": "recs ok_"}, []),
        ({"attributePrefix": "_recs"}, [("attributePrefix", BAD_PREFIX)]),
        ({"attributePrefix": "$recs"}, [("attributePrefix", BAD_PREFIX)]),
        ({"attributePrefix": " recs"}, [("attributePrefix", BAD_PREFIX)]),
        (
            {"attributePrefix": "first_", "payload": "arrays", "itemMetadataFields": ["name", "price"]},
            [
                (
                    "attributePrefix",
                    "makes the attribute 'first_name', a field of Braze's own profile; choose another prefix",
                )
            ],
        ),
        ({"otherAttributes": {"source": "x", "n": 1, "list": ["a"], "object": {"a": [{"b": 1}]}}}, []),
        ({"otherAttributes": {"email": "x"}}, [("otherAttributes.email", FIELD)]),
        ({"otherAttributes": {"Time_Zone": "x"}}, [("otherAttributes.Time_Zone", FIELD)]),
        ({"otherAttributes": {"external_id": "x"}}, [("otherAttributes.external_id", FIELD)]),
        ({"otherAttributes": {"": 1}}, [("otherAttributes.", NO_NAME)]),
        ({"otherAttributes": {"_merge_objects": True}}, [("otherAttributes._merge_objects", NO_NAME)]),
        ({"otherAttributes": {"$add": 1}}, [("otherAttributes.$add", NO_NAME)]),
        ({"otherAttributes": {"a ": 1}}, [("otherAttributes.a ", NO_NAME)]),
        ({"otherAttributes": {"a": None}}, [("otherAttributes.a", NULL)]),
        ({"otherAttributes": {"a": {"b": [{"c": None}]}}}, [("otherAttributes.a", HOLDS_NULL)]),
        ({"otherAttributes": {"a": [1, None]}}, [("otherAttributes.a", HOLDS_NULL)]),
        ({"otherAttributes": {"n" * 255: 1, "a.b c$": 1}}, []),
        (
            {"otherAttributes": {"n" * 256: 1}},
            [(f"otherAttributes.{'n' * 256}", "is a name of 256 characters; Braze takes 255")],
        ),
        (
            {"otherAttributes": {"a": "x" * 256}},
            [("otherAttributes.a", HOLDS.format("a text over 255 characters"))],
        ),
        (
            {"otherAttributes": {"a": ["x" * 256]}},
            [("otherAttributes.a", HOLDS.format("a text over 255 characters"))],
        ),
        ({"otherAttributes": {"a": {"b c": 1}}}, [("otherAttributes.a", HOLDS.format(NAME))]),
        (
            {"otherAttributes": {"a": {"$time": 1}}},
            [("otherAttributes.a", HOLDS.format("a $time that is no text"))],
        ),
        (
            {"otherAttributes": {"a": list(range(501))}},
            [("otherAttributes.a", HOLDS.format("an array of over 500 elements"))],
        ),
        ({"otherAttributes": {"a": list(range(500)), "b": [{"c": n} for n in range(501)]}}, []),
        (
            {"otherAttributes": {"a": [{"b": "x" * 250}] * 500}},
            [("otherAttributes.a", HOLDS.format("a nested value over 100 KB"))],
        ),
        ({"recordsPerRequest": 75}, []),
        (
            {"recordsPerRequest": 76},
            [("recordsPerRequest", "is 76; Braze takes at most 75 objects in a request")],
        ),
        ({"payload": "ids", "catalogIds": True}, []),
        ({"payload": "flat", "catalogIds": False}, []),
        (
            {"payload": "flat", "catalogIds": True},
            [("catalogIds", "has no meaning with payload flat; only ids sends ids alone")],
        ),
        ({"otherAttributes": {"recommendation_items": 1}}, [("otherAttributes.recommendation_items", TAKEN)]),
        ({"otherAttributes": {"recommendation_name": 1}}, []),
        (
            {"payload": "ids", "otherAttributes": {"recommendation_items": 1}},
            [("otherAttributes.recommendation_items", TAKEN)],
        ),
        ({"payload": "flat", "otherAttributes": {"recommendation_items": 1, "recommendation_x_1": 1}}, []),
        (
            {"payload": "flat", "otherAttributes": {"recommendation_12_name": 1}},
            [("otherAttributes.recommendation_12_name", TAKEN)],
        ),
        (
            {"payload": "arrays", "otherAttributes": {"recommendation_anything": 1, "source": 1}},
            [("otherAttributes.recommendation_anything", TAKEN)],
        ),
        (
            {
                "payload": "arrays",
                "itemMetadataFields": ["name"],
                "otherAttributes": {
                    "recommendation_anything": 1,
                    "recommendation_name": 1,
                    "recommendation_itemId": 1,
                },
            },
            [
                ("otherAttributes.recommendation_name", TAKEN),
                ("otherAttributes.recommendation_itemId", TAKEN),
            ],
        ),
    ],
)
def test_finds_what_braze_would_not_keep(block, found):
    """What Braze would interpret, drop or refuse, and what two values would fight for, are problems of the config."""
    assert CONNECTOR.problems(BrazeSettings.model_validate(block)) == found
