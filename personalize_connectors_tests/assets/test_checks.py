"""What stops a run before anything is delivered, and what a run warns of."""

from __future__ import annotations

import orjson
import pytest

from personalize_connectors import layout
from personalize_connectors.job_run import KEY_FORM, Job, JobRun
from personalize_connectors_tests.assets.runs import DAYS, launch, outcome, read_lines

PERSONAL = Job("user_personalization", "daily")
BAD = '{"input":{"userId":"x"},"output":null,"error":"Internal failure"}'


def lists(count):
    """So many users with a list each."""
    return {f"u{number}": ["a"] for number in range(count)}


def ready(world, **top):
    """A job that could run."""
    world.configure(PERSONAL, **top)
    world.metadata(PERSONAL, {"a": {"name": "Lamp"}})
    return world


def said(found, check):
    """Whether a check passed, and its words."""
    return found.checks[check]


def test_too_many_error_lines_stop_the_run(world):
    """Above the error share nothing is decorated or sent, and the error lines are there to look at."""
    ready(world, saveBatchInferenceErrors=True).answer(PERSONAL, 0, lists(3), BAD, "no JSON")
    found = world.run(PERSONAL, 0)
    assert (found.success, world.requests()) == (False, 0)
    assert set(found.metadata) == {"batch_inference_raw", "inference_errors", "user_recommendations"}
    assert said(found, "error_share") == (
        False,
        (
            "2 of 5 lines carry no recommendation (40.00%, at most 5.00%): look at inference_errors; "
            "a higher maxErrorShare in config.json lets the run pass"
        ),
    )
    (kept,) = (world.root / layout.errors(JobRun(PERSONAL, DAYS[0]))).glob("*.json")
    assert sorted(
        (row["line"], row["reason"], row["message"], row["text"])
        for row in map(orjson.loads, read_lines(kept))
    ) == [
        (4, "service_error", "Internal failure", BAD),
        (5, "not_json", None, "no JSON"),
    ]


def test_the_error_share_is_a_setting(world):
    """An error share that the job allows lets the rest be delivered."""
    ready(world, maxErrorShare=0.4).answer(PERSONAL, 0, lists(3), BAD, "no JSON")
    found = world.run(PERSONAL, 0)
    assert (found.success, said(found, "error_share")) == (
        True,
        (True, "2 of 5 lines carry no recommendation (40.00%, at most 40.00%)"),
    )
    assert set(world.emulator.profiles()) == {"u0", "u1", "u2"}


def test_an_empty_batch_output_stops_the_run(world):
    """A batch output without a line is not taken for one without errors."""
    ready(world).answer(PERSONAL, 0, {})
    found = world.run(PERSONAL, 0)
    assert (found.success, said(found, "error_share")[0], world.requests()) == (False, False, 0)


def test_a_drop_of_users_stops_the_run_unless_it_is_allowed(world):
    """Over 30 % fewer users than in the previous run are not delivered until a person allows it for the run."""
    ready(world).answer(PERSONAL, 0, lists(10))
    world.answer(PERSONAL, 1, lists(6) | {"new": ["a"]})
    world.answer(PERSONAL, 2, lists(4))
    assert said(world.run(PERSONAL, 0), "users_against_previous_run") == (True, "10 users, no previous run")
    assert said(world.run(PERSONAL, 1), "users_against_previous_run") == (
        True,
        "7 users, 10 in the previous run",
    )
    requests = world.requests()
    found = world.run(PERSONAL, 2)
    assert (found.success, world.requests()) == (False, requests)
    assert said(found, "users_against_previous_run") == (
        False,
        "4 users, 7 in the previous run: a drop of 42.9%, at most 30.0%; if it is right, run again with --allow-user-drop (allow_user_drop in the launchpad)",
    )
    allowed = world.run(PERSONAL, 2, allow_user_drop=True)
    assert (allowed.success, said(allowed, "users_against_previous_run")) == (
        True,
        (True, "4 users, 7 in the previous run"),
    )


def test_a_run_that_was_stopped_is_no_measure_for_the_next(world):
    """After a day that was stopped for too few users, an equally small day is stopped as well."""
    ready(world).answer(PERSONAL, 0, lists(10))
    world.run(PERSONAL, 0)
    for day in (1, 2):
        world.answer(PERSONAL, day, lists(4))
        found = world.run(PERSONAL, day)
        assert said(found, "users_against_previous_run") == (
            False,
            "4 users, 10 in the previous run: a drop of 60.0%, at most 30.0%; if it is right, run again with --allow-user-drop (allow_user_drop in the launchpad)",
        )


def test_items_without_metadata_are_a_warning(world):
    """Items that have no metadata go out as their id and are named by a check that stops nothing."""
    ready(world).answer(PERSONAL, 0, {"u": ["ghost", "a"]})
    found = world.run(PERSONAL, 0)
    assert (found.success, said(found, "items_without_metadata")) == (
        True,
        (False, "1 of 2 recommended items have no metadata, for example 'ghost'"),
    )
    assert world.emulator.profiles() == {
        "u": {"recommendation_items": [{"itemId": "ghost"}, {"name": "Lamp", "itemId": "a"}]}
    }


def test_a_good_run_passes_every_check(world):
    """Where nothing is wrong all checks pass, among them that every accepted user is in the state."""
    ready(world).answer(PERSONAL, 0, lists(3))
    found = world.run(PERSONAL, 0)
    assert {name: passed for name, (passed, _) in found.checks.items()} == dict.fromkeys(
        [
            "metadata_and_mapping_are_clean",
            "error_share",
            "users_against_previous_run",
            "items_without_metadata",
            "metadata_fields_arrive",
            "values_can_be_delivered",
            "within_max_users_and_data_points",
            "missing_users_are_removed",
            "no_rejected_records",
            "every_accepted_user_is_in_the_state",
        ],
        True,
    )


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        (["BRAZE_API_KEY"], "BRAZE_API_KEY not set"),
        (["BRAZE_REST_ENDPOINT_URL"], "BRAZE_REST_ENDPOINT_URL not set"),
        (["BRAZE_REST_ENDPOINT_URL", "BRAZE_API_KEY"], "BRAZE_REST_ENDPOINT_URL and BRAZE_API_KEY not set"),
    ],
)
def test_a_missing_endpoint_or_key_stops_the_run_before_anything_is_read(world, monkeypatch, missing, text):
    """Without endpoint or key the first step fails with what to set, and writes nothing."""
    ready(world).answer(PERSONAL, 0, lists(3))
    for name in missing:
        monkeypatch.delenv(name)
    found = world.run(PERSONAL, 0)
    assert (found.success, list(found.failures), found.metadata) == (False, ["batch_inference_raw"], {})
    assert text in found.failures["batch_inference_raw"]
    assert not (world.root / layout.job_folder(PERSONAL) / "stages").exists()


@pytest.mark.parametrize(
    ("job", "run"),
    [
        ("daily", "2026-11-22T03-00-00Z"),
        (str(PERSONAL), "yesterday"),
        (f"{PERSONAL.job_type}/..", "2026-11-22T03-00-00Z"),
    ],
)
def test_a_key_that_is_not_of_the_form_is_refused_with_the_form(world, job, run):
    """A partition key typed by hand that is not of the form fails with the form, and nothing is written."""
    ready(world).answer(PERSONAL, 0, lists(3))
    before = sorted(world.root.rglob("*"))
    for dimension, key in (("job", job), ("run", run)):
        world.instance.add_dynamic_partitions(dimension, [key])
    found = outcome(launch(world.instance, f"{job}|{run}"))
    assert (found.success, list(found.failures)) == (False, ["batch_inference_raw"])
    assert f"is not of the form {KEY_FORM}" in found.failures["batch_inference_raw"]
    assert sorted(world.root.rglob("*")) == before


def test_a_run_without_a_source_names_the_folder(world):
    """Where there is no batch output the failure names the folder that was looked in."""
    ready(world)
    found = world.run(PERSONAL, 0)
    assert found.success is False
    assert "no .out file in batch/daily (batchInferencePath" in found.failures["batch_inference_raw"]
    assert str(world.root) in found.failures["batch_inference_raw"]


def test_a_run_older_than_every_source_names_the_oldest(world):
    """Where every batch output is younger than the run the failure says which is the oldest."""
    ready(world).answer(PERSONAL, 1, lists(3))
    found = world.run(PERSONAL, 0)
    assert f"{world.root}/batch/daily/2026_11_22_03_00_00" in found.failures["batch_inference_raw"]
    assert "younger than the run" in found.failures["batch_inference_raw"]


def test_a_connector_that_is_not_installed_stops_the_run(world):
    """Of several connectors one unknown is an error that names it, and the known one gets nothing."""
    ready(world, connectors={"braze": {}, "braise": {}}).answer(PERSONAL, 0, lists(3))
    found = world.run(PERSONAL, 0)
    assert (found.success, world.requests()) == (False, 0)
    assert (
        "config.json: $.connectors.braise: no such connector is installed; did you mean 'braze'?"
        in found.failures["batch_inference_raw"]
    )


def test_a_wrong_key_stops_the_delivery_with_what_to_check(world, monkeypatch):
    """A key that Braze refuses fails the delivery after one answer to each request in flight, and says what to check."""
    ready(world).answer(PERSONAL, 0, lists(3))
    monkeypatch.setenv("BRAZE_API_KEY", "wrong")
    found = world.run(PERSONAL, 0)
    assert (list(found.failures), world.emulator.stats()["by_status"]) == (["braze_sync"], {"401": 1})
    assert "BRAZE_API_KEY is not valid" in found.failures["braze_sync"]
    assert "wrong" not in found.failures["braze_sync"]
