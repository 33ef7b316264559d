"""What is said of a user over several days, by what the real assets left."""

from __future__ import annotations

import shutil

import pytest

from personalize_connectors import layout
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors_tests.assets.runs import DAYS

PERSONAL = Job("user_personalization", "daily")
ITEMS = {"a": {"name": "Lämp", "price": 9.5}, "b": {"name": "Chair", "price": 20}, "c": {"name": "x" * 300}}
LISTS = {"ana": ["a", "b"], "ben": ["b"], "eve": ["b", "a"]}
FAILED = '{"input":{"userId":"eve"},"output":null,"error":"the service could not say"}'
NEW = "braze had accepted nothing of this user before"
SENT = "sent, and accepted on T"
BEFORE = "braze accepted another record on T"
RUNS = [JobRun(PERSONAL, day).run for day in DAYS]


@pytest.fixture
def shop(world):
    """A job with the batch output of two days that say the same."""
    world.configure(PERSONAL)
    world.metadata(PERSONAL, ITEMS)
    for day in (0, 1):
        world.answer(PERSONAL, day, LISTS)
    return world


def test_who_was_new_was_added(shop, decided):
    """A user who was never delivered before was added, sent and accepted."""
    shop.run(PERSONAL, 0)
    assert decided(PERSONAL, "ana") == ("added", NEW, SENT)


def test_who_has_the_same_is_unchanged(shop, decided, explained):
    """A user whose record was accepted already is unchanged, and the fingerprint is computed to the same."""
    shop.run(PERSONAL, 0)
    shop.run(PERSONAL, 1)
    assert decided(PERSONAL, "ana") == ("unchanged", "braze accepted exactly this on T")
    assert decided(PERSONAL, "ana", DAYS[0]) == ("added", NEW, SENT)
    (delivery,) = explained(PERSONAL, "ana").deliveries
    assert delivery.fingerprint == delivery.accepted.fingerprint == delivery.history.receipts[0].fingerprint
    assert delivery.record.run == RUNS[0]


def test_a_changed_list_is_told(shop, decided):
    """A user who got another list is changed, and the older run is named."""
    shop.run(PERSONAL, 0)
    shop.answer(PERSONAL, 1, LISTS | {"ana": ["b", "a"]})
    shop.run(PERSONAL, 1)
    text = f"the list is another than in run {RUNS[0]}"
    assert decided(PERSONAL, "ana") == ("changed", BEFORE, text, SENT)


def test_changed_metadata_is_told(shop, decided):
    """A user with the same list is changed where the metadata of an item is, and the item is named."""
    shop.run(PERSONAL, 0)
    shop.metadata(PERSONAL, ITEMS | {"b": {"name": "Better chair"}})
    shop.run(PERSONAL, 1)
    text = f"what is sent of 'b' is another than in run {RUNS[0]}"
    assert decided(PERSONAL, "ana") == ("changed", BEFORE, text, SENT)


def test_changed_settings_are_told(shop, decided):
    """Everybody is changed where config.json asks for another rendering, and the key is named."""
    shop.run(PERSONAL, 0)
    shop.configure(PERSONAL, {"attributePrefix": "other_"})
    shop.run(PERSONAL, 1)
    text = f"config.json says another attributePrefix than in run {RUNS[0]}"
    assert decided(PERSONAL, "ana") == ("changed", BEFORE, text, SENT)


def test_without_the_delta_check_the_unchanged_are_sent(shop, decided):
    """Where all are sent, it is said that nothing changed."""
    shop.configure(PERSONAL, performDeltaCheck=False)
    shop.run(PERSONAL, 0)
    shop.run(PERSONAL, 1)
    accepted, sent = "braze accepted exactly this on T", "sent all the same, for performDeltaCheck is false"
    assert decided(PERSONAL, "ana") == ("unchanged", accepted, sent, SENT)


def test_a_rejection_is_told_in_the_words_of_braze(shop, decided, explained):
    """A rejected user was sent; in the same run it is held then, and in the next one it is added."""
    shop.emulator.faults(reject_users=["ben"], reject_type="EMAIL_BAD_FORMAT")
    shop.run(PERSONAL, 0)
    rejected = "sent, and rejected on T: 'EMAIL_BAD_FORMAT'"
    again = "redrive sends it again, and so does the next run"
    assert decided(PERSONAL, "ben") == ("added", NEW, rejected, again)
    shop.run(PERSONAL, 0)
    held = "not sent: rejected in this run on T with 'EMAIL_BAD_FORMAT'; redrive sends it again"
    assert decided(PERSONAL, "ben") == ("held", held)
    shop.emulator.faults(reject_users=[])
    shop.run(PERSONAL, 1)
    tried = "an earlier try was rejected on T: 'EMAIL_BAD_FORMAT'"
    assert decided(PERSONAL, "ben") == ("added", NEW, tried, SENT)
    ((letter,),) = (delivery.history.dead_letters for delivery in explained(PERSONAL, "ben").deliveries)
    assert (letter.run, letter.reason) == (RUNS[0], "EMAIL_BAD_FORMAT")
    assert letter.payload["external_id"] == "ben"
    ((delivery),) = explained(PERSONAL, "ana").deliveries
    assert delivery.history.dead_letters == ()


def test_a_refusal_names_rule_and_item(shop, decided):
    """A record that breaks a rule was refused here, and the item and the rule are named."""
    shop.configure(PERSONAL, {"onInvalid": {"text_over_255_characters": "drop_record"}})
    shop.answer(PERSONAL, 0, {"ana": ["b", "c"], "ben": ["b"]})
    shop.run(PERSONAL, 0)
    rule = "item 'c': text_over_255_characters (name): a text over 255 characters"
    assert decided(PERSONAL, "ana") == ("refused", NEW, f"refused here, and not sent: {rule}")


def test_what_is_left_out_of_items_is_noted(shop, explained):
    """Items without metadata, and values that were left out, are noted."""
    shop.answer(PERSONAL, 0, {"ana": ["ghost", "c"]})
    shop.run(PERSONAL, 0)
    (delivery,) = explained(PERSONAL, "ana").deliveries
    left_out = "'c': name: text_over_255_characters (a text over 255 characters)"
    assert sorted(delivery.notes) == [left_out, "'ghost' has no metadata"]


@pytest.mark.parametrize(
    ("first", "kept"),
    [(LISTS, "keeps what was delivered before"), ({"ana": ["a"]}, "nothing was delivered before")],
)
def test_an_error_line_is_told(shop, decided, explained, first, kept):
    """A user whose line was an error is there all the same, and the line is shown."""
    shop.configure(PERSONAL, {"missingUsers": "unset"}, maxErrorShare=0.5)
    shop.answer(PERSONAL, 0, first)
    shop.run(PERSONAL, 0)
    shop.answer(PERSONAL, 1, {"ana": ["a"], "ben": ["b"]}, FAILED)
    shop.run(PERSONAL, 1, allow_user_drop=True)
    error = "line was an error: input.json.out:3: Amazon Personalize answered with an error: the service could not say"
    assert decided(PERSONAL, "eve") == ("present", error, f"the user is not taken for gone, and {kept}")
    (line,) = explained(PERSONAL, "eve").origin.lines
    assert (line.text, line.message, line.used) == (FAILED, "the service could not say", False)


def without(*users):
    """The lists of the others."""
    return {user: items for user, items in LISTS.items() if user not in users}


def test_who_is_missing_is_kept(shop, decided):
    """Without a word in the config a missing user keeps what was delivered."""
    shop.run(PERSONAL, 0)
    shop.answer(PERSONAL, 1, without("eve"))
    shop.run(PERSONAL, 1, allow_user_drop=True)
    assert decided(PERSONAL, "eve") == ("missing", "no list in this run; kept because missingUsers is keep")


def test_who_is_missing_is_unset(shop, decided, explained):
    """With missingUsers unset a missing user is removed, has nothing then, and is added when it comes back."""
    shop.configure(PERSONAL, {"missingUsers": "unset", "maxRemovalShare": 0.5})
    shop.run(PERSONAL, 0)
    for day in (1, 2):
        shop.answer(PERSONAL, day, without("eve"))
    shop.run(PERSONAL, 1, allow_user_drop=True)
    gone = "no list in this run, so what braze holds of this user is removed"
    assert decided(PERSONAL, "eve") == ("removed", gone, SENT)
    (delivery,) = explained(PERSONAL, "eve").deliveries
    assert (delivery.fingerprint, delivery.accepted.fingerprint) == ("", "")
    assert '"recommendations":[]' in delivery.record.text
    shop.run(PERSONAL, 2)
    removed = "no list in this run, and what was delivered before was removed on T"
    assert decided(PERSONAL, "eve") == ("nothing", removed)
    shop.answer(PERSONAL, 2, LISTS)
    shop.run(PERSONAL, 2)
    assert decided(PERSONAL, "eve") == ("added", "removed on T, and in a list again", SENT)


def test_too_many_missing_are_kept(shop, decided):
    """Where more are missing than may be removed, the run's own words say so."""
    shop.configure(PERSONAL, {"missingUsers": "unset"})
    shop.run(PERSONAL, 0)
    shop.answer(PERSONAL, 1, without("eve"))
    shop.run(PERSONAL, 1, allow_user_drop=True)
    many = "1 of 3 are missing (33.3%), more than maxRemovalShare (10.0%)"
    name, why = decided(PERSONAL, "eve")
    assert (name, why.startswith(f"no list in this run; kept because {many}")) == ("missing", True)


def test_what_was_never_answered_is_uncertain(shop, decided, explained):
    """A user whose request was applied and not answered is uncertain, and is sent again by the next run."""
    shop.run(PERSONAL, 0)
    shop.answer(PERSONAL, 1, LISTS | {"ana": ["b"]})
    shop.emulator.faults(next=["reset_applied", "forbidden"])
    assert not shop.run(PERSONAL, 1).success
    uncertain = "uncertain: sent on T and never answered; the next run sends it again"
    text = f"the list is another than in run {RUNS[0]}"
    assert decided(PERSONAL, "ana") == ("changed", BEFORE, text, uncertain)
    (delivery,) = explained(PERSONAL, "ana").deliveries
    assert delivery.accepted.fingerprint is None
    shop.answer(PERSONAL, 2, LISTS | {"ana": ["b"]})
    shop.run(PERSONAL, 2)
    again = "uncertain: what was sent on T was never answered, so it is sent again"
    assert decided(PERSONAL, "ana") == ("changed", again, SENT)


def test_a_run_that_was_stopped_sent_nothing(shop, decided):
    """Where a check stopped the run before the delivery, nothing was sent."""
    shop.configure(PERSONAL, {"maxUsers": 1})
    assert not shop.run(PERSONAL, 0).success
    stopped = "not sent: a check stopped the run, or it has not come to the delivery yet"
    assert decided(PERSONAL, "ana") == ("added", NEW, stopped)


def test_who_is_nowhere_is_not_found(shop, explained):
    """A user whom no run knows is not found, and the runs are named."""
    shop.run(PERSONAL, 0)
    found = explained(PERSONAL, "nobody")
    assert (found.found, found.runs) == (False, (RUNS[0],))
    assert [delivery.decision.name for delivery in found.deliveries] == ["nothing"]


@pytest.mark.usefixtures("shop")
def test_a_job_that_never_ran_has_no_run(explained):
    """Before the first run there is nothing to tell."""
    found = explained(PERSONAL, "ana")
    assert (found.found, found.run, found.runs) == (False, None, ())
    assert [delivery.decision.name for delivery in found.deliveries] == ["not known"]


def test_pruned_stages_are_named_and_the_history_stays(shop, decided, explained):
    """Without the stages of a run it is said which are not there; receipts and records tell the rest."""
    shop.run(PERSONAL, 0)
    shop.run(PERSONAL, 1)
    stages = shop.root / layout.job_folder(PERSONAL) / "stages"
    for asset in ("batch_inference_raw", "user_recommendations"):
        shutil.rmtree(stages / asset)
    found = explained(PERSONAL, "ana")
    assert (found.run, found.missing_stages) == (RUNS[1], ("batch_inference_raw", "user_recommendations"))
    gone = "not in the delta: unchanged, a dead letter or missing; the stage that could tell is not there"
    assert decided(PERSONAL, "ana") == ("not known", gone)
    shutil.rmtree(stages)
    found = explained(PERSONAL, "ana", DAYS[0])
    assert (found.found, len(found.missing_stages), found.runs) == (True, 4, (RUNS[0],))
    assert decided(PERSONAL, "ana", DAYS[0]) == ("not known", "this run left nothing to compare for braze")
