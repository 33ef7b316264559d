"""What a run tells about its inputs without stopping, and what it stops for because nothing would be left."""

from __future__ import annotations

import pytest

from personalize_connectors import layout
from personalize_connectors.job_run import Job

PERSONAL, RELATED = Job("user_personalization", "daily"), Job("related_items", "similar")


def test_values_that_braze_would_drop_are_left_out_and_told(world):
    """A value for which Braze would drop the whole list is left out of it, and a check says which and why."""
    world.configure(PERSONAL)
    world.metadata(PERSONAL, {"a": {"name": "Lamp", "text": "x" * 300, "a.b": 1}, "b": {"name": "Tea"}})
    world.answer(PERSONAL, 0, {"ana": ["a", "b"]})
    found = world.run(PERSONAL, 0)
    assert found.success
    items = [{"name": "Lamp", "itemId": "a"}, {"name": "Tea", "itemId": "b"}]
    assert world.emulator.profiles() == {"ana": {"recommendation_items": items}}
    assert found.checks["values_can_be_delivered"] == (
        False,
        (
            "braze: text_over_255_characters (text): 1 items, drop_field; braze: name_not_storable (a.b): 1 items, drop_field"
        ),
    )


def test_a_field_that_no_item_has_is_told(world):
    """A typing mistake in itemMetadataFields shows."""
    world.configure(PERSONAL, {"itemMetadataFields": ["nmae", "price"]})
    world.metadata(PERSONAL, {"a": {"name": "Lamp", "price": 1}})
    world.answer(PERSONAL, 0, {"ana": ["a"]})
    found = world.run(PERSONAL, 0)
    assert found.checks["metadata_fields_arrive"] == (False, "braze: nmae: no item has it")


def test_bad_lines_of_the_inputs_are_told(world):
    """Lines of metadata and rows of the mapping that cannot be used are counted in a check, and kept."""
    world.configure(RELATED)
    world.write(f"{layout.metadata_folder(RELATED)}/items.json", '{"id":"b"}\nno JSON\n')
    world.write(f"{layout.mapping_folder(RELATED)}/views.csv", "USER_ID,ITEM_ID\nana,a\nben\n,a\n")
    world.answer(RELATED, 0, {"a": ["b"]})
    found = world.run(RELATED, 0)
    assert found.success
    assert found.checks["metadata_and_mapping_are_clean"] == (
        False,
        "1 lines of item metadata and 2 mapping rows cannot be used",
    )
    assert found.metadata["inference_errors"]["error_lines"] == 0


def test_a_mapping_that_leaves_nobody_stops_the_run(world):
    """Where no user gets a recommendation nothing is delivered, and the check says where to look."""
    world.configure(RELATED)
    world.write(f"{layout.mapping_folder(RELATED)}/views.csv", "USER_ID,ITEM_ID\nana;a\n")
    world.answer(RELATED, 0, {"a": ["b"]})
    found = world.run(RELATED, 0)
    assert not found.success
    passed, words = found.checks["users_against_previous_run"]
    assert (
        passed,
        "no user gets a recommendation; look at inference_errors, and at the mapping" in words,
        "--allow-user-drop" in words,
    ) == (False, True, False)


def test_a_mapping_with_old_line_ends_is_refused(world):
    """A file whose lines end with CR alone is an error that names it, not an empty mapping."""
    world.configure(RELATED)
    world.write(f"{layout.mapping_folder(RELATED)}/views.csv", "USER_ID,ITEM_ID\rana,a\r")
    world.answer(RELATED, 0, {"a": ["b"]})
    found = world.run(RELATED, 0)
    assert (
        "views.csv ends its lines with CR alone; write LF or CRLF" in found.failures["user_recommendations"]
    )


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("", "the batch output holds no line: look at the batch inference job in Amazon Personalize"),
        (
            '{"input":{"itemId":"a"},"output":{"recommendedItems":["b"]}}\n',
            "another job type than user_personalization?",
        ),
    ],
)
def test_an_output_of_the_wrong_kind_is_told(world, lines, words):
    """An empty output, or one of another job type, is stopped with what to look at."""
    world.configure(PERSONAL)
    world.write("batch/daily/2026_11_21_03_00_00/x.out", lines)
    found = world.run(PERSONAL, 0)
    assert (found.success, found.checks["error_share"][0]) == (False, False)
    assert words in found.checks["error_share"][1]


def test_flat_attributes_do_not_mix(world):
    """With flat, a day's shorter list and missing fields leave nothing of the day before on the profile."""
    world.configure(
        PERSONAL,
        {"payload": "flat", "attributePrefix": "f_", "itemMetadataFields": ["name", "price"]},
        itemsPerUser=3,
    )
    world.metadata(
        PERSONAL, {"a": {"name": "A", "price": 1}, "b": {"name": "B", "price": 2}, "c": {"name": "C"}}
    )
    world.answer(PERSONAL, 0, {"ana": ["a", "b"]})
    world.answer(PERSONAL, 1, {"ana": ["c"]})
    assert world.run(PERSONAL, 0).success
    points = world.emulator.stats()["data_points"]
    second = world.run(PERSONAL, 1)
    assert world.emulator.profiles() == {"ana": {"f_1_name": "C", "f_1_itemId": "c"}}
    assert (
        world.emulator.stats()["data_points"] - points
        == second.metadata["braze_sync"]["data_points_sent"]
        == 9
    )
