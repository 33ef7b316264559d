"""What a run decided for one id and one connector, and why, in words for whoever answers a customer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from personalize_connectors.explain.traces import REMOVED, Change, History, LastWord


@dataclass(frozen=True)
class Decision:
    """A decision and its reasons.

    Attributes:
        name: `added`, `changed`, `unchanged`, `removed`, `refused`, `held` (a dead letter), `missing`, `present` (its line was
            an error), `nothing` (no list, and nothing delivered before) or `not known`.
        why: Sentences, in the order in which things happened.
    """

    name: str
    why: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """What a decision is explained by.

    Attributes:
        connector: Its name.
        unit: `user` or `item`.
        run: The run's timestamp, as in its key.
        compared_at: When the run's delta was written; None where it is not there.
        change: Its row, where it has one.
        fingerprint: Of what the run would deliver; None where that cannot be told.
        listed: Whether the run has a list; None where nobody knows any more.
        error: How a line that could have held the list was an error; empty where none was.
        kept: Why the run does not remove who is missing.
        difference: What is another in the record than in the one accepted before.
        history: All traces.
    """

    connector: str
    unit: str
    run: str
    compared_at: datetime | None
    change: Change | None
    fingerprint: str | None
    listed: bool | None
    error: str
    kept: str
    difference: str
    history: History

    @property
    def absence(self) -> str:
        """That the run has no list for it."""
        return "no list in this run" if self.unit == "user" else "on no list in this run"


def decide(facts: Facts) -> Decision:
    """Explain what the run decided."""
    if facts.compared_at is None:
        return Decision("not known", (f"this run left nothing to compare for {facts.connector}",))
    before = facts.history.last_word(facts.compared_at)
    if facts.change:
        name = "refused" if facts.change.refused else facts.change.change
        reasons = (*_cause(facts, facts.change, before), *_outcome(facts.history, facts.change))
        return Decision(name, reasons)
    if facts.listed is None:
        text = "not in the delta: unchanged, a dead letter or missing; the stage that could tell is not there"
        return Decision("not known", (text,))
    return _not_sent(facts, before) if facts.listed else _without_list(facts, before)


def when(at: datetime) -> str:
    """A time for people."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _cause(facts: Facts, change: Change, before: LastWord | None) -> Iterator[str]:
    """Why the record is in the delta."""
    if change.change == "removed":
        yield f"{facts.absence}, so what {facts.connector} holds of this {facts.unit} is removed"
    elif change.change == "added" and before is None:
        yield f"{facts.connector} had accepted nothing of this {facts.unit} before"
        tries = [receipt for receipt in facts.history.receipts if receipt.at < change.compared_at]
        if tries:
            yield f"an earlier try was rejected on {when(tries[-1].at)}: '{tries[-1].text}'"
    elif before is None:
        yield f"{facts.connector} had accepted something before, whose receipt is not there any more"
    elif before.fingerprint is None:
        yield f"uncertain: what was sent on {when(before.at)} was never answered, so it is sent again"
    elif before.fingerprint == REMOVED:
        yield f"removed on {when(before.at)}, and in a list again"
    elif change.change == "unchanged":
        yield f"{facts.connector} accepted exactly this on {when(before.at)}"
        yield "sent all the same, for performDeltaCheck is false"
    elif before.fingerprint == change.fingerprint:
        yield "in flight while this run compared, of a delivery that was killed"
    else:
        yield f"{facts.connector} accepted another record on {when(before.at)}"
        if facts.difference:
            yield facts.difference


def _outcome(history: History, change: Change) -> Iterator[str]:
    """What became of a record of the delta."""
    answers = [
        receipt
        for receipt in history.receipts
        if (receipt.run, receipt.fingerprint) == (change.run, change.fingerprint)
        and receipt.at >= change.compared_at
    ]
    last = history.last_word()
    if answers and answers[-1].status == "accepted":
        yield f"sent, and accepted on {when(answers[-1].at)}"
    elif answers and answers[-1].status == "unknown":
        yield f"uncertain: sent on {when(answers[-1].at)} and never answered; the next run sends it again"
    elif change.refused:
        yield f"refused here, and not sent: {change.refused}"
    elif answers:
        yield f"sent, and rejected on {when(answers[-1].at)}: '{answers[-1].text}'"
        yield "redrive sends it again, and so does the next run"
    elif last and last.fingerprint == change.fingerprint and change.change != "unchanged":
        yield f"accepted on {when(last.at)}, so it was not sent again"
    elif any(planned.run == change.run for planned in history.in_flight):
        yield "in flight: a delivery goes on, or was killed, and then the next one finds out what was answered"
    else:
        yield "not sent: a check stopped the run, or it has not come to the delivery yet"


def _not_sent(facts: Facts, before: LastWord | None) -> Decision:
    """A list that is not in the delta."""
    if facts.fingerprint is None:
        text = "the list was written after the delta; materialize decorated_recommendations again"
        return Decision("not known", (text,))
    if before and before.fingerprint == facts.fingerprint:
        text = f"{facts.connector} accepted exactly this on {when(before.at)}"
        return Decision("unchanged", (text,))
    rejections = [
        receipt
        for receipt in facts.history.receipts
        if (receipt.run, receipt.fingerprint, receipt.status) == (facts.run, facts.fingerprint, "rejected")
    ]
    if rejections:
        said = f"not sent: rejected in this run on {when(rejections[-1].at)} with '{rejections[-1].text}'"
        return Decision("held", (f"{said}; redrive sends it again",))
    text = f"not in the delta, though nothing that is left says that {facts.connector} accepted it"
    return Decision("not known", (text,))


def _without_list(facts: Facts, before: LastWord | None) -> Decision:
    """No list, and not in the delta."""
    if facts.error:
        kept = "keeps what was delivered before" if before else "nothing was delivered before"
        return Decision("present", (facts.error, f"the {facts.unit} is not taken for gone, and {kept}"))
    if before is None:
        return Decision("nothing", (f"{facts.absence}, and nothing was accepted before",))
    if before.fingerprint == REMOVED:
        text = f"{facts.absence}, and what was delivered before was removed on {when(before.at)}"
        return Decision("nothing", (text,))
    return Decision("missing", (f"{facts.absence}; kept because {facts.kept}",))
