"""Dead letters that a person sends again."""

import pytest

from personalize_connectors.allowance import Allowance
from personalize_connectors.errors import NotFound
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.runs import redrive, run_with_dead_letters
from personalize_connectors.settings import read_settings
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.assets.runs import DAYS
from personalize_connectors_tests.assets.test_delivery_days import ITEMS, profiles

PERSONAL = Job("user_personalization", "daily")
LISTS = {"u1": ["a", "b"], "u2": ["b"]}


@pytest.fixture
def shop(world):
    """A job of which Braze rejected one user on day 1."""
    world.configure(PERSONAL)
    world.metadata(PERSONAL, ITEMS)
    world.answer(PERSONAL, 0, LISTS)
    world.emulator.faults(reject_users=["u2"], reject_type="EMAIL_BAD_FORMAT")
    world.run(PERSONAL, 0)
    world.emulator.faults(reject_users=[])
    return world


def newest(world, at=None):
    """The run whose dead letters are sent again."""
    return run_with_dead_letters(open_storage(str(world.root)), PERSONAL, at)


def test_it_sends_the_dead_letters_of_the_newest_run(shop):
    """A redrive sends who was rejected, with today's metadata, and nobody else; the state knows it."""
    run = newest(shop)
    found = redrive(shop.instance, read_settings(), run, "email", Allowance())
    assert (run, found.failures) == (JobRun(PERSONAL, DAYS[0]), {})
    assert (found.numbers["braze_sync"]["accepted"], found.numbers["connector_state"]["users"]) == (1, 2)
    assert shop.emulator.profiles() == profiles(LISTS)


def test_without_dead_letters_there_is_nothing_to_send(world):
    """Where nothing was rejected the error says so, with the timestamp where one was asked for."""
    world.configure(PERSONAL)
    with pytest.raises(NotFound, match="has no dead letters: there is nothing to send again"):
        newest(world)
    with pytest.raises(NotFound, match="has no dead letters of 2026-11-21T03-00-00Z"):
        newest(world, DAYS[0])


def test_a_reason_that_nothing_has_is_told(shop):
    """Where no dead letter has the reason, nothing is run, and the error says which reasons there are."""
    bucket = open_storage(str(shop.root))
    with pytest.raises(NotFound, match=r"holds 'too large'; there are: EMAIL_BAD_FORMAT \(1\)"):
        run_with_dead_letters(bucket, PERSONAL, None, "too large")
    assert run_with_dead_letters(bucket, PERSONAL, None, "bad_format") == JobRun(PERSONAL, DAYS[0])


def test_dead_letters_that_a_newer_run_made_up_for_are_over(shop):
    """Once a newer run was delivered its records count, and the older dead letters are not sent over them."""
    shop.answer(PERSONAL, 1, LISTS)
    assert shop.run(PERSONAL, 1).success
    with pytest.raises(NotFound, match="2026-11-22T03-00-00Z was delivered since"):
        newest(shop)
