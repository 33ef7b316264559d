"""The contract of the engines: on a Spark cluster the stages of a run are those of one machine, to the byte."""

from __future__ import annotations

import orjson
import pytest

from personalize_connectors import layout
from personalize_connectors.allowance import Allowance
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors_tests.assets.runs import DAYS
from personalize_connectors_tests.engine.test_batch_output import BAD, SHAPES

pytestmark = pytest.mark.spark

PERSONAL, RANKING = Job("user_personalization", "daily"), Job("personalized_ranking", "daily")
RELATED, SEGMENTS = Job("related_items", "daily"), Job("user_segmentation", "daily")
GENEROUS = {"maxErrorShare": 1.0, "saveBatchInferenceErrors": True}
ITEMS = {
    "a": {"name": "Lämp", "price": 9.5},
    "b": {"name": "Chair", "price": 20, "tags": ["x", {"y": 1}]},
    "c": {"price": 1, "name": None},
    "d": {"color": "red"},
}
BOM = b"\xef\xbb\xbf"
FAILED = '{"input":{"userId":"%s"},"output":null,"error":"the service could not say"}'


def put(world, job, day, **files):
    """Write the files of a day's batch output."""
    for name, content in files.items():
        path = f"batch/{job.name}/{DAYS[day]:%Y_%m_%d_%H_%M_%S}/{name}.out"
        world.bucket.write(path, content)


def good(user, *items):
    """A line as Amazon Personalize writes it."""
    return (
        orjson.dumps({"input": {"userId": user}, "output": {"recommendedItems": items}, "error": None})
        + b"\n"
    )


def add_mapping(world, job, **files):
    """Write the files of the mapping."""
    for name, content in files.items():
        world.bucket.write(f"{layout.mapping_folder(job)}/{name}.csv", content.encode())


@pytest.mark.parametrize("job", [PERSONAL, RANKING, RELATED, SEGMENTS], ids=lambda job: job.job_type)
def test_lines_are_read_alike(both, job):
    """Every shape of line, good and bad, gives the same rows with the same places, however files are cut into splits."""
    lines = [line for job_type, line, _ in SHAPES if job_type == job.job_type] + [line for _, line, *_ in BAD]
    texts = "\n".join(lines).encode()
    both.world.configure(job, **GENEROUS)
    both.world.mapping(job, [("u", "u"), ("v", "u")])
    put(both.world, job, 0, all=texts, crlf=texts[:900].replace(b"\n", b"\r\n"))
    said, left = both.run(JobRun(job, DAYS[0]), split_bytes=1500)
    _, rows = left["batch_inference_raw part"]
    assert said["error_lines"] >= len(BAD)
    assert len(rows) > len(lines)


def test_lines_keep_their_places_in_splits_of_any_size(both):
    """Byte order marks, blank lines, bytes that are not UTF-8 and lines over several splits are where one machine finds them."""
    odd = (
        BOM
        + b"\n  \r\n"
        + good("a", *"xyz" * 30)
        + BOM
        + good("b", "x")
        + b"caf\xe9\r\n\xe2\x82"
        + b"\n\t\n"
        + good("c", "y")[:-1]
    )
    both.world.configure(PERSONAL, **GENEROUS)
    put(both.world, PERSONAL, 0, bom=BOM, empty=b"", odd=odd, one=b"\n", two=good("d", "x") + b"\n")
    _, left = both.run(JobRun(PERSONAL, DAYS[0]), split_bytes=61)
    rows = [orjson.loads(row) for row in left["batch_inference_raw part"][1]]
    assert sorted((row["file"], row["line"], row["reason"]) for row in rows) == [
        ("odd.out", 3, None),
        ("odd.out", 4, "not_json"),
        ("odd.out", 5, "not_utf8"),
        ("odd.out", 6, "not_utf8"),
        ("odd.out", 8, None),
        ("two.out", 1, None),
    ]


def test_days_of_users(both):
    """New, changed, unchanged, rejected and unanswered users, and those with an error, stand as on one machine; repeated lines too."""
    world, (first, second, third) = both.world, (JobRun(PERSONAL, day) for day in DAYS)
    world.configure(PERSONAL, {"itemMetadataFields": ["name", "price"]}, **GENEROUS)
    world.metadata(PERSONAL, ITEMS)
    lists = {f"u{number}": [*"abc"[number % 3 :], "ghost"] for number in range(40)}
    put(
        world,
        PERSONAL,
        0,
        x=b"".join(good(user, *items) for user, items in lists.items()) + good("u3", "d"),
        y=good("u5", "b") + (FAILED % "x").encode() + b"\n" + good("u5", "a"),
    )
    said, _ = both.run(first, split_bytes=500)
    assert (said["repeated"], said["counts"]["braze"]["added"]) == (3, 40)
    both.answer(first, u1="rejected", u2="unknown")
    assert both.again(first) == said["counts"]["braze"] | {
        "added": 0,
        "held": 1,
        "changed": 1,
        "unchanged": 38,
        "accepted": 39,
        "points": 3,
        "points_saved": 226,
    }
    assert both.again(first, Allowance(redrive="bad f"))["held"] == 0
    world.metadata(PERSONAL, ITEMS | {"a": {"name": "Lamp"}})
    assert both.again(first)["changed"] == 15
    both.fold(first)
    lists["u4"] = ["d"]
    put(world, PERSONAL, 1, x=b"".join(good(user, *items) for user, items in lists.items() if user != "u6"))
    counts = both.run(second)[0]["counts"]["braze"]
    assert counts["missing"] == 1
    both.answer(second)
    put(world, PERSONAL, 2, x=b"".join(good(user, *items) for user, items in lists.items()))
    counts = both.run(third)[0]["counts"]["braze"]
    assert (counts["added"], counts["changed"], counts["unchanged"]) == (0, 1, 39)


def test_users_who_left_are_removed_alike(both):
    """Missing users are removed, held or kept by the same rules, and an error line keeps its user."""
    world, (first, second, _) = both.world, (JobRun(PERSONAL, day) for day in DAYS)
    world.configure(PERSONAL, {"missingUsers": "unset", "maxRemovalShare": 0.3}, **GENEROUS)
    world.answer(PERSONAL, 0, {f"u{number}": ["a"] for number in range(10)})
    both.run(first)
    both.answer(first)
    both.fold(first)
    world.answer(PERSONAL, 1, {f"u{number}": ["a"] for number in range(7)}, FAILED % "u7")
    said, _ = both.run(second)
    counts = said["counts"]["braze"]
    assert (counts["missing"], counts["removed"]) == (2, 2)
    both.answer(second, u8="rejected")
    assert both.again(second)["held"] == 1
    world.answer(PERSONAL, 1, {"u1": ["a"]})
    assert both.run(second)[0]["counts"]["braze"]["removed"] == 0
    assert both.again(second, Allowance(removals=True))["removed"] > 0
    world.answer(PERSONAL, 1, {"u1": ["a"]}, "who knows")
    assert not both.run(second)[0]["counts"]["braze"]["removed"]


@pytest.mark.parametrize("policy", ["merge", "first"])
def test_lists_of_mapped_items_are_merged_alike(both, policy):
    """The lists of mapped items are merged in the mapping's order, over several files, with rows that cannot be used."""
    world, run = both.world, JobRun(RELATED, DAYS[0])
    world.configure(RELATED, userItemPolicy=policy, itemsPerUser=3, **GENEROUS)
    world.metadata(RELATED, ITEMS)
    add_mapping(
        world,
        RELATED,
        a='USER_ID,ITEM_ID\nu,x\nv,y\nv,x\nonly\n,x\n"w\nw",z\nu,x\nt,z\n',
        b="item_id,other,user_id\ny,1,u\nnone,2,s\nx,3,r\n",
    )
    failed = '{"input":{"itemId":"z"},"output":null,"error":"no"}'
    world.answer(RELATED, 0, {"x": ["a", "y", "b", "c"], "y": ["c", "a"]}, failed)
    put(world, RELATED, 0, more=good("p", "q").replace(b"userId", b"itemId") * 2)
    said, left = both.run(run, split_bytes=60)
    assert (said["rows_set_aside"], said["repeated"]) == (2, 1)
    assert [orjson.loads(row)["user_id"] for row in left["user_recommendations present"][1]] == ["t", "w\nw"]


def test_segments_are_turned_round_alike(both):
    """Users get the queries whose segment names them by rank, a repeated query by its last line, a repeated user once."""
    world, run = both.world, JobRun(SEGMENTS, DAYS[0])
    world.configure(SEGMENTS, itemsPerUser=2, **GENEROUS)
    world.metadata(SEGMENTS, ITEMS)
    expression = '{"itemAttributes":"ITEMS.genres = \\"Comedy\\"","output":{"recommendedUsers":["v","u"]}}'
    world.answer(
        SEGMENTS, 0, {"a": ["u", "w", "u"], "b": ["u", "w", "t"], "é": ["t"]}, expression, expression
    )
    said, left = both.run(run, split_bytes=50)
    rows = [orjson.loads(row) for row in left["user_recommendations part"][1]]
    assert {row["user_id"]: row["items"] for row in rows}["u"] == ["a", "b"]
    assert said["repeated"] == 1


def test_a_catalog_keeps_what_profiles_may_still_name(both):
    """Items are compared on the driver, and which ones profiles may still name is known from the cluster's delta."""
    world, (first, second, third) = both.world, (JobRun(PERSONAL, day) for day in DAYS)
    catalog = {"braze_catalog": {"catalog": "shop", "maxRemovalShare": 1.0}}
    world.configure(PERSONAL, {"payload": "ids", "missingUsers": "unset", "maxRemovalShare": 1.0}, catalog)
    world.metadata(PERSONAL, ITEMS)
    removed = []
    for run, lists in (
        (first, {"u": ["a"], "v": ["b"]}),
        (second, {"u": ["c"], "v": ["b"]}),
        (third, {"u": ["c"], "v": ["b"]}),
    ):
        world.answer(PERSONAL, DAYS.index(run.run_at), lists)
        removed.append(both.run(run)[0]["counts"]["braze_catalog"]["removed"])
        for name in ("braze", "braze_catalog"):
            both.answer(run, name)
            both.fold(run, name)
    assert removed == [0, 0, 1]


def test_values_are_judged_alike(both):
    """What Braze would drop, move or refuse is found alike, also where a worker holds only the documents that it needs."""
    world, run = both.world, JobRun(PERSONAL, DAYS[0])
    settings = {"payload": "arrays", "onInvalid": {"text_over_255_characters": "drop_record"}}
    world.configure(PERSONAL, settings, **GENEROUS)
    world.metadata(PERSONAL, ITEMS | {"e": {"name": "e" * 300}, "f": {"name": "Lämp", "price": 1}})
    lists = {"u": ["a", "f"], "v": ["a"], "w": ["e", "b"], "x" * 1000: ["a"], "y": ["a", "b"]}
    world.answer(PERSONAL, 0, lists)
    _, left = both.run(run, split_bytes=100)
    both.again(run, documents_bytes=0)
    refused = [orjson.loads(row)["refused"] for row in left["decorated_recommendations braze"][1]]
    assert len([text for text in refused if text]) >= 3


def test_a_bucket_on_s3_is_the_workers_own_to_read_and_write(both_on_s3):
    """On S3 workers use the address that the driver names and keys of their own, with the same result; the batch output too."""
    run = JobRun(PERSONAL, DAYS[0])
    both_on_s3.world.configure(PERSONAL, **GENEROUS)
    both_on_s3.world.metadata(PERSONAL, ITEMS)
    both_on_s3.world.answer(PERSONAL, 0, {f"u{number}": ["a", "b"] for number in range(20)}, FAILED % "x", "")
    both_on_s3.run(run, split_bytes=300)
    both_on_s3.answer(run)
    assert both_on_s3.again(run)["unchanged"] == 20
