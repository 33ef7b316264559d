"""All four job types, from the batch output to the profiles."""

from __future__ import annotations

import orjson
import pytest

from personalize_connectors.job_run import Job
from personalize_connectors_tests.assets.runs import DAYS

ITEMS = {"a": {"name": "Lämp"}, "b": {"name": "Chair", "tags": ["x", {"y": 1}]}}
A, B, C = (
    {"name": "Lämp", "itemId": "a"},
    {"name": "Chair", "tags": ["x", {"y": 1}], "itemId": "b"},
    {"itemId": "c"},
)
INFO = {"name": "daily", "runDateTime": DAYS[0].isoformat()}


def personal(world):
    """The query is the user."""
    job = Job("user_personalization", "daily")
    world.answer(job, 0, {"u": ["a", "b", "c"], "v": ["b"]})
    return job, {"u": ({"queryUserId": "u"}, [A, B, C]), "v": ({"queryUserId": "v"}, [B])}


def ranking(world):
    """The query is the user, with the items to rank beside."""
    job = Job("personalized_ranking", "daily")
    line = '{"input":{"userId":"u","itemList":["a","b"]},"output":{"recommendedItems":["b","a"],"scores":[0.7,0.3]}}'
    world.answer(job, 0, {}, line)
    return job, {"u": ({"queryUserId": "u"}, [B, A])}


def related(world):
    """The query is an item, mapped to users; one line has a theme."""
    job = Job("related_items", "daily")
    world.mapping(job, [("u", "x"), ("v", "y"), ("v", "x"), ("left out", "z")])
    theme = '{"input":{"itemId":"y"},"output":{"recommendedItems":["c"],"theme":"T","itemsThemeRelevanceScores":[0.1]}}'
    world.answer(job, 0, {"x": ["a", "y", "b"]}, theme)
    return job, {
        "u": ({"queryItemId": "x", "userId": "u"}, [A, {"itemId": "y"}, B]),
        "v": ({"queryItemIds": ["y", "x"], "userId": "v"}, [C, A, B]),
    }


def segments(world):
    """The query is an item or an attribute expression, recommended to the users of its segment."""
    job = Job("user_segmentation", "daily")
    expression = '{"itemAttributes":"ITEMS.genres = \\"Comedy\\"","output":{"recommendedUsers":["v","u"]}}'
    world.answer(job, 0, {"a": ["u", "w"], "b": ["u", "w"]}, expression)
    comedy = {"itemId": 'ITEMS.genres = "Comedy"'}
    return job, {
        "u": ({"userId": "u"}, [A, B, comedy]),
        "v": ({"userId": "v"}, [comedy]),
        "w": ({"userId": "w"}, [A, B]),
    }


@pytest.mark.parametrize(
    ("shape", "compression"),
    [(personal, "none"), (personal, "gzip"), (ranking, "zstd"), (related, "zstd"), (segments, "zstd")],
)
def test_profiles_and_records_equal_the_input(world, shape, compression):
    """Each user's record is the documented line, and the profile holds the same items in the same order."""
    job, users = shape(world)
    world.configure(job, {"attributePrefix": "recs_"}, recordCompression=compression)
    world.metadata(job, ITEMS)
    outcome = world.run(job, 0)
    assert (outcome.success, outcome.failures) == (True, {})
    tail = {"jobInfo": INFO, "syncDirectives": {"attributePrefix": "recs_"}}
    records = [orjson.dumps({**head, "recommendations": items, **tail}) for head, items in users.values()]
    assert sorted(world.records(job, 0)) == sorted(records)
    assert world.emulator.profiles() == {user: {"recs_items": items} for user, (_, items) in users.items()}


def test_two_jobs_write_side_by_side(world):
    """Two jobs with prefixes of their own leave each other's attributes alone, and each has its own state."""
    first, second = Job("user_personalization", "one"), Job("user_personalization", "two")
    for job, items in ((first, ["a"]), (second, ["b"])):
        world.configure(job, {"attributePrefix": f"{job.name}_"})
        world.answer(job, 0, {"u": items})
    assert (world.run(first, 0).success, world.run(second, 0).success) == (True, True)
    assert world.emulator.profiles() == {
        "u": {"one_items": [{"itemId": "a"}], "two_items": [{"itemId": "b"}]}
    }


def test_bad_lines_of_every_input_are_kept(world):
    """Bad lines of metadata and mapping are counted beside those of the batch output, and the rest is delivered."""
    job = Job("related_items", "daily")
    world.configure(job, saveBatchInferenceErrors=True)
    world.answer(job, 0, {"x": ["a"]} | {f"x{number}": ["b"] for number in range(30)}, "no JSON")
    world.mapping(job, [("u", "x"), ("", "x"), ("v", "x,too many")])
    world.metadata(job, ITEMS)
    world.write(
        f"etl_jobs/{job}/input/item_metadata/more.json", '{"id":"a","name":"New"}\n{"name":"no id"}\n'
    )
    outcome = world.run(job, 0)
    errors = outcome.metadata["inference_errors"]
    assert [errors[name] for name in ("error_lines", "bad_metadata_lines", "bad_mapping_rows")] == [1, 1, 2]
    assert outcome.metadata["decorated_recommendations"]["repeated_metadata_lines"] == 1
    assert world.emulator.profiles() == {"u": {"recommendation_items": [{"name": "New", "itemId": "a"}]}}
