"""Accepted requests that are applied late, and not in order: braze.md 1.6 and 1.9."""

from functools import partial

import pytest

from personalize_connectors.emulators.braze import BrazeEmulatorSettings, running
from personalize_connectors.emulators.braze.waiting import Waiting
from personalize_connectors_tests.emulators.calls import Clock, answered, call, track

LATE = {"apply_delay": 10.0}


def order(**settings):
    """The numbers of 30 requests that came at once, as they are applied."""
    waiting, applied = Waiting(BrazeEmulatorSettings(**LATE, **settings), Clock()), []
    for number in range(30):
        waiting.add(partial(applied.append, number))
    assert (list(applied), len(waiting), waiting.flush(), len(waiting)) == ([], 30, 30, 0)
    return applied


def test_applies_in_an_order_of_its_own():
    """Requests are applied out of order, each once, and in the same order for the same seed."""
    orders = [order(seed=0), order(seed=0), order(seed=1)]
    assert [sorted(one) for one in orders] == [list(range(30))] * 3
    assert list(range(30)) != orders[0] == orders[1] != orders[2]
    assert order(apply_in_order=True) == list(range(30))


@pytest.mark.parametrize("in_order", [False, True])
def test_applies_what_is_due(in_order):
    """Each request is applied within the delay, and in order those applied are always the first ones."""
    clock, ragged = Clock(), False
    with running(BrazeEmulatorSettings(**LATE, apply_in_order=in_order), clock=clock) as emulator:
        for number in range(30):
            track(emulator, {"external_id": "u", f"n{number}": 1})
            clock.now += 1
            applied = sorted(int(name[1:]) for name in emulator.profiles().get("u", {}))
            assert set(applied) >= set(range(number - 9))
            ragged |= applied != list(range(len(applied)))
        clock.now += 10
        assert (len(emulator.profiles()["u"]), emulator.stats()["waiting"]) == (30, 0)
    assert ragged == (not in_order)


def test_accepts_at_once_and_bills_when_applied():
    """Objects count as accepted with the answer; users and data points come with the effect."""
    names = ("objects_accepted", "users", "data_points", "waiting")
    with running(BrazeEmulatorSettings(**LATE), clock=Clock()) as emulator:
        track(emulator, "u", "v")
        before = [emulator.stats()[name] for name in names]
        assert emulator.flush() == 1
        assert (before, [emulator.stats()[name] for name in names]) == ([2, 0, 0, 1], [2, 2, 2, 0])
        assert emulator.flush() == 0


def test_flushes_in_the_order_that_would_have_been():
    """A flush ends where waiting would have ended."""
    with running(BrazeEmulatorSettings(**LATE), clock=Clock()) as emulator:
        for number in range(30):
            track(emulator, {"external_id": "u", "n": number})
        assert (emulator.flush(), emulator.profiles()["u"]["n"]) == (30, order()[-1])


def test_reads_back_what_is_applied():
    """The export shows the profile as it is by now, and update-only asks for the user as of then."""
    clock = Clock()
    with running(BrazeEmulatorSettings(**LATE), clock=clock) as emulator:
        track(emulator, "u")
        export = ("POST", "/users/export/ids", {"external_ids": ["u"]})
        assert answered(emulator, *export)[1]["invalid_user_ids"] == ["u"]
        clock.now += 10
        assert answered(emulator, *export)[1]["users"] == [
            {"external_id": "u", "custom_attributes": {"n": 1}}
        ]


def test_counts_the_objects_of_each_user():
    """What was sent twice was applied twice, also where nothing came of it."""
    with running() as emulator:
        track(emulator, "u", "v", "u")
        track(emulator, "u", {"external_id": "unknown", "_update_existing_only": True}, {"external_id": ""})
        assert emulator.objects() == {"u": 3, "v": 1, "unknown": 1}


def test_sync_does_not_wait():
    """A synchronous call is applied when it is answered."""
    with running(BrazeEmulatorSettings(**LATE), clock=Clock()) as emulator:
        call(emulator, "POST", "/users/track/sync", {"attributes": [{"external_id": "u", "n": 1}]})
        assert emulator.profiles() == {"u": {"n": 1}}
