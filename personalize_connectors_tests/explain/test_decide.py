"""Decisions that need a kill, or lost traces, to come about: by the traces alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from personalize_connectors.explain.decision import Facts, decide, when
from personalize_connectors.explain.traces import Change, History, InFlight, LastWord, Receipt
from personalize_connectors_tests.delivery.receipt_rows import NOON

RUN = "2026-11-22T03-00-00Z"
EARLIER, LATER = NOON - timedelta(hours=1), NOON + timedelta(hours=1)


def change(what, fingerprint="f1", refused=None):
    """The row of the run's delta."""
    return Change(RUN, NOON, what, fingerprint, ("a",), refused)


def receipt(status, at, fingerprint="f1", text=""):
    """A receipt of the run."""
    return Receipt(RUN, status, text, fingerprint, "d-0", 1, at)


FACTS = Facts(
    connector="braze",
    unit="user",
    run=RUN,
    compared_at=NOON,
    change=None,
    fingerprint="f1",
    listed=True,
    error="",
    kept="it is asked for",
    difference="",
    history=History(),
)
NEW = "braze had accepted nothing of this user before"
UNCERTAIN = f"uncertain: what was sent on {when(EARLIER)} was never answered, so it is sent again"
PLANNED = InFlight(RUN, "f1", "d-0", EARLIER)


@pytest.mark.parametrize(
    ("row", "history", "why"),
    [
        (
            change("added"),
            History(in_flight=(replace(PLANNED, at=LATER),)),
            (
                NEW,
                "in flight: a delivery goes on, or was killed, and then the next one finds out what was answered",
            ),
        ),
        (
            change("changed"),
            History(receipts=(receipt("accepted", EARLIER),)),
            (
                "in flight while this run compared, of a delivery that was killed",
                f"accepted on {when(EARLIER)}, so it was not sent again",
            ),
        ),
        (
            change("changed"),
            History(receipts=(receipt("unknown", EARLIER), receipt("accepted", LATER))),
            (UNCERTAIN, f"sent, and accepted on {when(LATER)}"),
        ),
        (
            change("changed"),
            History(snapshot=LastWord("f1", LATER)),
            (
                "braze had accepted something before, whose receipt is not there any more",
                f"accepted on {when(LATER)}, so it was not sent again",
            ),
        ),
        (
            change("removed", ""),
            History(in_flight=(PLANNED,), receipts=(receipt("rejected", LATER, "", "no"),)),
            (
                "no list in this run, so what braze holds of this user is removed",
                f"sent, and rejected on {when(LATER)}: 'no'",
                "redrive sends it again, and so does the next run",
            ),
        ),
    ],
)
def test_a_row_of_the_delta_is_told_by_what_was_known_and_what_came_of_it(row, history, why):
    """What was known before the run compared is the cause, what was answered since is the outcome."""
    found = decide(replace(FACTS, change=row, history=history))
    assert (found.name, found.why) == (row.change, why)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (
            {"fingerprint": None},
            "the list was written after the delta; materialize decorated_recommendations again",
        ),
        ({}, "not in the delta, though nothing that is left says that braze accepted it"),
        ({"compared_at": None}, "this run left nothing to compare for braze"),
    ],
)
def test_what_nobody_can_tell_is_not_guessed(facts, why):
    """Where the traces do not say, neither does the explanation."""
    found = decide(replace(FACTS, **facts))
    assert (found.name, found.why) == ("not known", (why,))


def test_who_is_uncertain_and_has_no_list_is_missing():
    """A user with something in flight is not gone."""
    found = decide(replace(FACTS, listed=False, history=History(in_flight=(PLANNED,))))
    assert (found.name, found.why) == ("missing", ("no list in this run; kept because it is asked for",))
