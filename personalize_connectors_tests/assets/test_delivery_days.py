"""Days of deliveries: what is on the profiles, what is sent, and what is not sent again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from personalize_connectors import layout
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors_tests.assets.runs import DAYS, launch, outcome
from personalize_connectors_tests.until import until

PERSONAL = Job("user_personalization", "daily")
ITEMS = {
    "a": {"name": "Lämp", "price": 9.5},
    "b": {"name": "Chair", "price": 20},
    "c": {"price": 1, "name": None},
}
LISTS = {"u1": ["a", "b"], "u2": ["b", "ghost"], 'u"3|/,é': ["c", "a"]}


@pytest.fixture
def shop(world):
    """One job with the batch output of day 1."""
    world.configure(PERSONAL)
    world.metadata(PERSONAL, ITEMS)
    world.answer(PERSONAL, 0, LISTS)
    return world


def documents(items, metadata=ITEMS):
    """The items as they stand on a profile."""
    kept = [
        {key: value for key, value in metadata.get(item, {}).items() if value is not None} for item in items
    ]
    return [fields | {"itemId": item} for fields, item in zip(kept, items, strict=True)]


def profiles(lists, metadata=ITEMS, prefix="recommendation_", **others):
    """The profiles that the input asks for."""
    return {user: {**others, f"{prefix}items": documents(items, metadata)} for user, items in lists.items()}


def delta(outcome):
    """Added, changed, unchanged and missing users of a run, and the accepted records."""
    found = outcome.metadata["decorated_recommendations"]
    return *(found[name] for name in ("added", "changed", "unchanged", "missing")), outcome.metadata[
        "braze_sync"
    ]["accepted"]


def test_the_profiles_equal_the_input(shop):
    """After a run every profile holds what the input says, and the run counts it."""
    outcome = shop.run(PERSONAL, 0)
    assert (outcome.success, outcome.failures) == (True, {})
    assert shop.emulator.profiles() == profiles(LISTS)
    assert delta(outcome) == (3, 0, 0, 0, 3)
    assert outcome.metadata["braze_sync"]["data_points_sent"] == shop.emulator.stats()["data_points"]


def test_the_same_day_again_sends_nothing(shop):
    """Running a day again finds everybody unchanged and sends no request."""
    first = shop.run(PERSONAL, 0)
    requests = shop.requests()
    outcome = shop.run(PERSONAL, 0)
    assert (outcome.success, delta(outcome), shop.requests() - requests) == (True, (0, 0, 3, 0, 0), 0)
    assert shop.records(PERSONAL, 0) == []
    folded = [run.metadata["connector_state"]["receipt_files_folded"] for run in (first, outcome)]
    assert folded == [1, 0]


def test_the_next_day_sends_exactly_the_changed_users(shop):
    """A day later those are sent whose list or items changed, and who are new; scores alone change nothing."""
    shop.run(PERSONAL, 0)
    shop.metadata(PERSONAL, ITEMS | {"c": {"price": 2, "name": None}})
    with_scores = (
        '{"input":{"userId":"u1"},"output":{"recommendedItems":["a","b"],"scores":[0.9,0.1]},"error":null}'
    )
    shop.answer(PERSONAL, 1, {'u"3|/,é': ["c", "a"], "u2": ["ghost", "b"], "new": ["a"]}, with_scores)
    outcome = shop.run(PERSONAL, 1)
    sent = {'u"3|/,é': ["c", "a"], "u2": ["ghost", "b"], "new": ["a"]}
    assert delta(outcome) == (1, 2, 1, 0, 3)
    assert shop.emulator.stats()["objects_accepted"] == 3 + 3
    assert shop.emulator.profiles() == profiles({"u1": ["a", "b"]}) | profiles(
        sent, ITEMS | {"c": {"price": 2, "name": None}}
    )


def test_users_who_left_are_counted_and_keep_their_profile(shop):
    """A user who is in no list any more is counted as missing and is not sent."""
    shop.run(PERSONAL, 0)
    shop.answer(PERSONAL, 1, {user: LISTS[user] for user in list(LISTS)[:2]})
    outcome = shop.run(PERSONAL, 1, allow_user_drop=True)
    assert (delta(outcome), shop.emulator.profiles()) == ((0, 0, 2, 1, 0), profiles(LISTS))


def test_a_rejected_user_is_sent_again_though_nothing_changed(shop):
    """A user whom Braze rejects on day 1 gets Braze's words in the receipt and is sent on day 2 with an equal list."""
    shop.emulator.faults(reject_users=["u2"], reject_type="EMAIL_BAD_FORMAT")
    first = shop.run(PERSONAL, 0)
    shop.emulator.faults(reject_users=[])
    shop.answer(PERSONAL, 1, LISTS)
    second = shop.run(PERSONAL, 1)
    assert (first.success, delta(first), delta(second)) == (True, (3, 0, 0, 0, 2), (1, 0, 2, 0, 1))
    assert first.checks["no_rejected_records"] == (False, "1 records rejected, most: EMAIL_BAD_FORMAT")
    assert shop.emulator.profiles() == profiles(LISTS)


def test_a_user_goes_back_to_an_earlier_list_though_nobody_was_told_of_the_one_between(shop):
    """Braze drops one user of a request and does not say whom; a neighbour it took has the list of the day before again on day 3."""
    shop.run(PERSONAL, 0)
    shop.answer(PERSONAL, 1, {user: ["a"] for user in LISTS})
    shop.emulator.faults(reject_users=["u2"], unindexed_errors=True)
    shop.run(PERSONAL, 1)
    assert shop.emulator.profiles() == profiles({"u1": ["a"], "u2": LISTS["u2"], 'u"3|/,é': ["a"]})
    shop.emulator.faults(reject_users=[], unindexed_errors=False)
    shop.answer(PERSONAL, 2, LISTS)
    assert delta(shop.run(PERSONAL, 2)) == (0, 3, 0, 0, 3)
    assert shop.emulator.profiles() == profiles(LISTS)


def test_without_the_delta_check_all_are_sent_and_the_state_is_kept(shop):
    """PerformDeltaCheck false sends everybody each time; turned on again, nobody who was accepted is sent."""
    for day, wanted in ((0, False), (0, False), (1, True)):
        shop.answer(PERSONAL, day, LISTS)
        shop.configure(PERSONAL, {"performDeltaCheck": wanted}, performDeltaCheck=not wanted)
        outcome = shop.run(PERSONAL, day)
        assert outcome.metadata["braze_sync"]["accepted"] == (0 if wanted else 3)
        assert outcome.metadata["connector_state"]["users"] == 3
    assert len(shop.records(PERSONAL, 0)) == 3


PLAIN = {"u1": ["a", "b"], "u2": ["b"]}
NAMES = {"a": {"name": "Lämp"}, "b": {"name": "Chair"}}


@pytest.mark.parametrize(
    ("braze", "changed", "wanted"),
    [
        ({"otherAttributes": {}}, 0, {}),
        ({"itemMetadataFields": ["name", "price"]}, 0, {}),
        ({"itemMetadataFields": ["price", "name"]}, 2, profiles(PLAIN)),
        ({"itemMetadataFields": ["name"]}, 2, profiles(PLAIN, NAMES)),
        ({"attributePrefix": "new_"}, 2, profiles(PLAIN, prefix="new_")),
        ({"otherAttributes": {"source": "x"}}, 2, profiles(PLAIN, source="x")),
        ({"payload": "ids"}, 2, {user: {"recommendation_items": items} for user, items in PLAIN.items()}),
    ],
)
def test_a_config_change_sends_whoever_it_concerns(shop, braze, changed, wanted):
    """A setting that changes what is sent sends everybody again, one that changes nothing sends nobody."""
    shop.answer(PERSONAL, 0, PLAIN)
    shop.run(PERSONAL, 0)
    before = shop.emulator.profiles()
    shop.configure(PERSONAL, braze)
    found = delta(shop.run(PERSONAL, 0))
    assert found == (0, changed, 2 - changed, 0, changed)
    assert shop.emulator.profiles() == {user: before[user] | wanted.get(user, {}) for user in before}


def test_killing_the_run_and_running_again_leaves_the_right_profiles(world, tmp_path_factory):
    """A run killed while it delivers, run again, sends what was not answered, at the most, and the profiles equal the input."""
    lists = {f"user {number}": ["a", "b", f"item {number % 7}"] for number in range(9_000)}
    world.configure(PERSONAL)
    world.metadata(PERSONAL, ITEMS)
    world.answer(PERSONAL, 0, lists)
    world.emulator.faults(delay_seconds=1)
    run = JobRun(PERSONAL, DAYS[0])
    scratch = tmp_path_factory.mktemp("scratch")  # what is killed leaves its temporary files
    environment = os.environ | {"JOB_RUN": run.key, "TMPDIR": str(scratch)}
    receipts = world.root / layout.delivered_run(run, "braze", "receipts")
    with subprocess.Popen(
        [sys.executable, "-m", "personalize_connectors_tests.assets.runs"],
        env=environment,
    ) as process:
        until(lambda: complete(receipts) or process.poll() is not None)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    world.emulator.faults(delay_seconds=0)
    kept = sum(pq.read_metadata(path).num_rows for path in complete(receipts))
    outcome = world.run(PERSONAL, 0)
    assert 0 < kept < len(lists)
    assert (outcome.success, outcome.checks["every_accepted_user_is_in_the_state"][0]) == (True, True)
    sync = outcome.metadata["braze_sync"]
    twice = sum(count > 1 for count in world.emulator.objects().values())
    assert delta(outcome)[:4] == (0, len(lists) - kept, kept, 0)
    assert sync["recovered_accepted"] + sync["accepted"] == len(lists) - kept
    assert twice <= sync["records_perhaps_billed_twice"] == sync["recovered_without_answer"] <= 32 * 75
    assert world.emulator.profiles() == profiles(lists)
    assert delta(world.run(PERSONAL, 0)) == (0, 0, len(lists), 0, 0)


def test_ctrl_c_ends_a_run_with_a_word(world, tmp_path_factory):
    """An interrupted run ends with exit code 130 and no traceback; what was accepted is kept and not sent again."""
    lists = {f"user {number}": ["a", "b"] for number in range(9_000)}
    world.configure(PERSONAL)
    world.answer(PERSONAL, 0, lists)
    world.emulator.faults(delay_seconds=1)
    home = tmp_path_factory.mktemp("home")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    receipts = world.root / layout.delivered_run(JobRun(PERSONAL, DAYS[0]), "braze", "receipts")
    with subprocess.Popen(
        [sys.executable, "-m", "personalize_connectors.cli", "run", str(PERSONAL)],
        env=os.environ | {"DAGSTER_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        until(lambda: complete(receipts) or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate()
    assert (process.returncode, told.splitlines()[-1], "Traceback" in told) == (130, "interrupted", False)
    world.emulator.faults(delay_seconds=0)
    kept = sum(pq.read_metadata(path).num_rows for path in complete(receipts))
    assert 0 < kept < len(lists)
    assert delta(world.run(PERSONAL, 0)) == (len(lists) - kept, 0, kept, 0, len(lists) - kept)


def complete(folder: Path) -> list[Path]:
    """The receipt files that are whole; one being written has another name."""
    return sorted(folder.glob("*.parquet"))


def test_a_delta_is_not_sent_under_another_config(world):
    """Delivering alone, after the config's rendering changed, is refused: what is sent would not be what was compared."""
    world.configure(PERSONAL, {"attributePrefix": "one_"})
    world.answer(PERSONAL, 0, {"ana": ["a"]})
    assert world.run(PERSONAL, 0).success
    world.configure(PERSONAL, {"attributePrefix": "two_"})
    found = outcome(launch(world.instance, JobRun(PERSONAL, DAYS[0]).key, only="braze_sync"))
    assert (found.success, world.requests()) == (False, 1)
    assert "connectors.braze in config.json changed after" in found.failures["braze_sync"]
    assert "materialize decorated_recommendations again, then this" in found.failures["braze_sync"]
