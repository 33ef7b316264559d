"""Where a list comes from, for each job type."""

from __future__ import annotations

import shutil

import orjson

from personalize_connectors import layout
from personalize_connectors.explain.origin import Line, MappedItem
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors_tests.assets.runs import DAYS

PERSONAL, RELATED, SEGMENTS = (
    Job("user_personalization", "daily"),
    Job("related_items", "similar"),
    Job("user_segmentation", "circles"),
)
WEIRD = 'u"3|/,é\n\x1b[31m[bold]\\ :smile:\x00'
FILE = "input.json.out"


def line(query, items, number=1, **more):
    """A line that counts, unless said otherwise."""
    return Line(FILE, number, query, items=tuple(items), **{"used": True} | more)


def test_the_last_line_of_a_user_counts(world, explained):
    """Earlier lines of the same user are shown as not used, and the list is the last one's."""
    world.configure(PERSONAL)
    later = '{"input":{"userId":"ana"},"output":{"recommendedItems":["b","c"],"scores":[0.9,0.1]}}'
    world.answer(PERSONAL, 0, {"ana": ["a"], "ben": ["c"]}, later)
    world.run(PERSONAL, 0)
    found = explained(PERSONAL, "ana").origin
    assert found.lines == (line("ana", ["a"], used=False), line("ana", ["b", "c"], 3))
    assert (found.items, found.scores) == (("b", "c"), (0.9, 0.1))
    assert found.source == f"{world.root}/batch/daily/{DAYS[0]:%Y_%m_%d_%H_%M_%S}"


def test_lines_that_name_nobody_and_hold_the_id_are_shown(world, explained):
    """A line that cannot be read may be the user's where it holds the id; those of others are not shown."""
    world.configure(PERSONAL, maxErrorShare=1.0)
    broken = '{"input":{"userId":"ana"},"output":{'
    other = '{"input":{"userId":"ben"},"output":null,"error":"not \\"ana\\""}'
    world.answer(PERSONAL, 0, {"eve": ["c"]}, broken, other)
    world.run(PERSONAL, 0)
    nameless = Line(FILE, 2, None, reason="not_json", text=broken)
    assert explained(PERSONAL, "ana").origin.lines == (nameless,)
    shutil.rmtree(world.root / layout.stage(JobRun(PERSONAL, DAYS[0]), "batch_inference_raw"))
    failed = Line(FILE, 3, None, reason="service_error", message='not "ana"', text=other)
    assert explained(PERSONAL, "ben").origin.lines == (failed,)


def test_any_id_is_found(world, explained, decided):
    """An id with quotes, control characters and whatever else is data, everywhere."""
    world.configure(PERSONAL)
    world.answer(PERSONAL, 0, {WEIRD: ["a"], "ana": ["a"]})
    world.emulator.faults(reject_users=[WEIRD])
    world.run(PERSONAL, 0)
    assert decided(PERSONAL, WEIRD)[0] == "added"
    found = explained(PERSONAL, WEIRD)
    (delivery,) = found.deliveries
    assert found.origin.lines == (line(WEIRD, ["a"]),)
    assert orjson.loads(delivery.record.text)["queryUserId"] == WEIRD
    assert [letter.payload["external_id"] for letter in delivery.history.dead_letters] == [WEIRD]


def test_related_items_show_the_mapping(world, explained):
    """The mapped items come in mapping order, with their lines, and whether the list took something of them."""
    world.configure(RELATED, itemsPerUser=2)
    world.mapping(RELATED, [("ana", "x"), ("ben", "y"), ("ana", "z"), ("ana", "none"), ("ana", "x")])
    failed = '{"input":{"itemId":"z"},"output":null,"error":"no"}'
    world.answer(RELATED, 0, {"x": ["a", "b", "c"], "y": ["c"]}, failed)
    world.configure(RELATED, itemsPerUser=2, maxErrorShare=0.5)
    world.run(RELATED, 0)
    found = explained(RELATED, "ana")
    error = Line(FILE, 3, "z", reason="service_error", message="no", text=failed)
    assert found.origin.mapped == (
        MappedItem("x", (line("x", ["a", "b", "c"]),), used=True),
        MappedItem("z", (error,), used=False),
        MappedItem("none", (), used=False),
    )
    assert (found.origin.items, found.origin.lines, found.origin.mapping_note) == (("a", "b"), (), "")
    assert '"queryItemId":"x","userId":"ana"' in found.deliveries[0].record.text


def test_a_user_of_a_failed_item_is_present(world, decided):
    """A user without a list is told which mapped item's line was an error."""
    world.configure(RELATED, {"missingUsers": "unset"}, maxErrorShare=0.9)
    world.mapping(RELATED, [("ana", "x"), ("ben", "y")])
    failed = '{"input":{"itemId":"y"},"output":null,"error":"no"}'
    world.answer(RELATED, 0, {"x": ["a"]}, failed)
    world.run(RELATED, 0)
    name, error, _ = decided(RELATED, "ben")
    assert (name, error) == (
        "present",
        f"line was an error: {FILE}:2: Amazon Personalize answered with an error: no",
    )


def test_a_mapping_that_is_gone_or_new_is_told(world, explained):
    """The mapping is read as it is now, and it is said where that may not be what the run read."""
    world.configure(RELATED)
    world.mapping(RELATED, [("ana", "x")])
    world.answer(RELATED, 0, {"x": ["a"]})
    world.run(RELATED, 0)
    world.mapping(RELATED, [("ana", "y")])
    found = explained(RELATED, "ana").origin
    assert found.mapped == (MappedItem("y", (), used=False),)
    assert found.mapping_note == "it was written after this run read it"
    assert explained(RELATED, "ben").origin.mapping_note == "it does not name the user"
    shutil.rmtree(world.root / layout.mapping_folder(RELATED))
    assert "holds no .csv file" in explained(RELATED, "ana").origin.mapping_note


def test_segments_show_who_names_the_user(world, explained, decided):
    """The segments that name a user are shown with the user's place; an earlier line of a segment is not used."""
    world.configure(SEGMENTS)
    earlier = '{"input":{"itemId":"x"},"output":{"recommendedUsers":["ana"]}}'
    last = '{"input":{"itemId":"x"},"output":{"recommendedUsers":["ben"]}}'
    world.answer(SEGMENTS, 0, {"y": ["ben", "ana"]}, earlier, last)
    world.run(SEGMENTS, 0)
    found = explained(SEGMENTS, "ana")
    assert found.origin.lines == (line("y", [], rank=2), line("x", [], 2, rank=1, used=False))
    assert found.origin.items == ("y",)
    assert found.deliveries[0].record.text.startswith('{"userId":"ana","recommendations":[')
    assert decided(SEGMENTS, "ben")[0] == "added"
