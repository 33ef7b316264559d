"""Shows an explanation: as lines for people, or as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from personalize_connectors.explain.decision import when
from personalize_connectors.explain.explanation import Delivery, Explanation
from personalize_connectors.explain.origin import Line, MappedItem, Origin
from personalize_connectors.explain.traces import History
from personalize_connectors.shortened import shortened

_MOST_RUNS = 5
_MOST_ROWS = 20
_LONGEST_LINE = 500
_LABEL = 13


def as_json(explanation: Explanation) -> str:
    """All of it as JSON, in ASCII; times in ISO 8601, records as they are."""
    content = asdict(explanation)
    subject = explanation.subject
    content = {"job": str(subject.job), subject.unit: subject.id, "found": explanation.found, **content}
    del content["subject"]
    for delivery in content["deliveries"]:
        if delivery["record"]:
            delivery["record"]["text"] = json.loads(delivery["record"]["text"])
    return json.dumps(content, indent=2, default=_time)


def as_lines(explanation: Explanation) -> Iterator[str]:
    """All of it as lines of text, in which what a terminal would obey is escaped."""
    return map(_visible, _lines(explanation))


def _lines(explanation: Explanation) -> Iterator[str]:
    subject = explanation.subject
    if not explanation.found:
        yield f"nothing is known of {subject.unit} {shortened(subject.id)!r} in {subject.job}; looked in {_runs(explanation.runs)}"
        yield from _gone(explanation)
        return
    run = f"run {explanation.run}" if explanation.run else "no run has left a stage"
    yield f"{subject.unit} {shortened(subject.id)} of {subject.job}, {run}"
    yield from _gone(explanation)
    yield from _origin(explanation.origin)
    for delivery in explanation.deliveries:
        yield ""
        yield from _delivery(delivery)


def _gone(explanation: Explanation) -> Iterator[str]:
    if explanation.run and explanation.missing_stages:
        names = ", ".join(explanation.missing_stages)
        yield _row("not there", f"{names}: pruned, or run {explanation.run} never came to it")


def _origin(origin: Origin) -> Iterator[str]:
    if origin.source:
        yield _row("source", origin.source)
    for line in origin.lines[:_MOST_ROWS]:
        yield _row("line", _line(line))
    yield from _more(len(origin.lines))
    yield from _mapped(origin.mapped)
    if origin.mapping_note:
        yield _row("mapping", origin.mapping_note)
    if origin.items is not None:
        yield _row("list", _ids(origin.items))
    if origin.on_lists is not None:
        yield _row("named", f"on the lists of {origin.on_lists:,} users")


def _mapped(mapped: Sequence[MappedItem]) -> Iterator[str]:
    """In the mapping's order, or of very many first those that count."""
    many = len(mapped) > _MOST_ROWS
    for item in sorted(mapped, key=lambda item: not item.used)[:_MOST_ROWS] if many else mapped:
        use = "its list is used" if item.used else "nothing of it is used"
        yield _row(
            "mapped item",
            f"{shortened(item.item_id)}: {use if item.lines else 'no line in the batch output'}",
        )
        for line in item.lines[:_MOST_ROWS]:
            yield _row("  line", _line(line))
        yield from _more(len(item.lines))
    yield from _more(len(mapped))


def _more(rows: int) -> Iterator[str]:
    if rows > _MOST_ROWS:
        yield _row("", f"and {rows - _MOST_ROWS:,} more; --json prints all")


def _ids(ids: Iterable[str]) -> str:
    return ", ".join(map(shortened, ids))


def _line(line: Line) -> str:
    place = f"{line.file}:{line.line}"
    if line.reason:
        whose = "" if line.query else " (names nobody, and holds this id)"
        return f"{line.error}{whose}: {shortened(line.text or '', _LONGEST_LINE)}"
    what = (
        f"place {line.rank:,} in the segment of {shortened(line.query or '')}"
        if line.rank
        else _ids(line.items)
    )
    return f"{place}: {what}" + ("" if line.used else " (not used: a later line is of the same query)")


def _delivery(delivery: Delivery) -> Iterator[str]:
    yield f"{delivery.connector}: {delivery.decision.name}"
    for place, sentence in enumerate(delivery.decision.why):
        yield _row("" if place else "  why", sentence)
    yield _row("  fingerprint", f"now {_fingerprint(delivery.fingerprint)}; {_accepted(delivery)}")
    for note in delivery.notes[:_MOST_ROWS]:
        yield _row("  note", note)
    yield from _more(len(delivery.notes))
    record = delivery.record
    yield _row(
        "  record",
        f"of run {record.run}: {record.text}" if record else "none is there, for a run keeps those it sends",
    )
    for place, event in enumerate(_events(delivery.history)):
        yield _row("" if place else "  history", event)


def _fingerprint(fingerprint: str | None) -> str:
    return "none" if fingerprint is None else fingerprint or "removal"


def _accepted(delivery: Delivery) -> str:
    word = delivery.accepted
    if word is None:
        return "accepted none"
    if word.fingerprint is None:
        return f"accepted is uncertain since {when(word.at)}"
    return f"accepted {word.fingerprint or 'removal'} on {when(word.at)}"


def _events(history: History) -> list[str]:
    """Everything in the order of time."""
    events = [
        (change.compared_at, change.run, f"delta: {change.change}", change.refused or "")
        for change in history.changes
    ]
    events += [
        (found.at, found.run, f"receipt: {found.status}", _request(found.request, found.attempt, found.text))
        for found in history.receipts
    ]
    events += [
        (found.at, found.run, "dead letter", _request(found.request, found.attempt, found.reason))
        for found in history.dead_letters
    ]
    events += [
        (found.at, found.run, "in flight", _request(found.request, 0, "")) for found in history.in_flight
    ]
    return [
        f"{when(at)}  run {run}  {what}" + (f"  {more}" if more else "")
        for at, run, what, more in sorted(events, key=lambda event: event[0])
    ]


def _request(request: str, attempt: int, text: str) -> str:
    tries = f"request {request}, attempt {attempt}" if attempt else f"request {request}" if request else ""
    return ": ".join(part for part in (tries, text) if part)


def _runs(runs: tuple[str, ...]) -> str:
    if len(runs) > _MOST_RUNS:
        return f"{len(runs)} runs, {runs[0]} to {runs[-1]}"
    return f"run {', '.join(runs)}" if runs else "vain, for no run has left anything"


def _row(label: str, text: str) -> str:
    return f"{label:<{_LABEL}}  {text}"


def _visible(text: str) -> str:
    """What is no visible sign (control characters, directions, line ends) as an escape."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def _time(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value)} has no form in JSON")
