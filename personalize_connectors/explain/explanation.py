"""The explanation of one user or item: where its list comes from, and what each connector made of it and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import chain

import duckdb

from personalize_connectors.assets.decoration import ASSET as DECORATED
from personalize_connectors.assets.decoration import kept_key, rendering_key
from personalize_connectors.connectors.registry import connectors
from personalize_connectors.connectors.settings import ProfileSettings
from personalize_connectors.delivery.state import runs_of
from personalize_connectors.errors import NotFound
from personalize_connectors.explain.decision import Decision, Facts, decide
from personalize_connectors.explain.history import history_of
from personalize_connectors.explain.lookup import Row
from personalize_connectors.explain.origin import Origin, origin_of
from personalize_connectors.explain.rendered import (
    Record,
    difference,
    documents_of,
    fingerprint_of,
    notes_on,
    record_of,
)
from personalize_connectors.explain.subject import USERS, Stages, Subject, stages_of, written_at
from personalize_connectors.explain.traces import Change, History, LastWord
from personalize_connectors.folders import Folder
from personalize_connectors.job_config import JobConfig
from personalize_connectors.job_run import JobRun
from personalize_connectors.jobs import read_config
from personalize_connectors.storage import Storage


@dataclass(frozen=True)
class Delivery:
    """What a connector made of a subject.

    Attributes:
        connector: Its name.
        decision: What the run decided, and why.
        fingerprint: Of what the run would deliver, in hexadecimal; empty for a removal, None where there is none.
        accepted: What is known last of what the destination holds; None where it never accepted anything.
        notes: What is not as it should be with the items.
        record: The newest decorated record up to the run.
        history: All that was left, over all runs.
    """

    connector: str
    decision: Decision
    fingerprint: str | None
    accepted: LastWord | None
    notes: tuple[str, ...]
    record: Record | None
    history: History


@dataclass(frozen=True)
class Explanation:
    """All that is known of a subject.

    Attributes:
        subject: Who or what is explained.
        run: The run that is explained, as in its key; None where no run has left a stage.
        runs: All runs that were looked into for traces.
        missing_stages: The assets of which the run left nothing, or nothing any more.
        origin: Where the list comes from.
        deliveries: One for each connector.
    """

    subject: Subject
    run: str | None
    runs: tuple[str, ...]
    missing_stages: tuple[str, ...]
    origin: Origin
    deliveries: tuple[Delivery, ...]

    @property
    def found(self) -> bool:
        """Whether the run or any delivery knows of the subject."""
        origin = self.origin
        taken_in = (
            origin.lines or origin.mapped or origin.items or origin.counts_as_present or origin.on_lists
        )
        return bool(taken_in) or any(delivery.history != History() for delivery in self.deliveries)


@dataclass(frozen=True)
class _Asked:
    """What is asked for, and where the answers are."""

    session: duckdb.DuckDBPyConnection
    bucket: Storage
    subject: Subject
    config: JobConfig
    stages: Stages
    origin: Origin


def explain(
    session: duckdb.DuckDBPyConnection,
    bucket: Storage,
    subject: Subject,
    at: datetime | None = None,
    connector: str | None = None,
) -> Explanation:
    """Explain a subject by one run, the newest that left stages unless a timestamp is given, and the traces of all runs.

    Raises:
        NotFound: there is no such job, or it has no such connector for this kind of subject.
    """
    config = read_config(bucket, subject.job)
    names = _names(config, subject, connector)
    stages = stages_of(bucket, subject.job, at)
    origin = origin_of(session, bucket, subject, stages)
    asked = _Asked(session, bucket, subject, config, stages, origin)
    delivered = [runs_of(bucket, subject.job, name, "receipts") for name in names]
    return Explanation(
        subject=subject,
        run=stages.run.run if stages.run else None,
        runs=tuple(JobRun(subject.job, run).run for run in sorted({*stages.runs, *chain(*delivered)})),
        missing_stages=stages.missing,
        origin=origin,
        deliveries=tuple(_delivery(asked, name) for name in names),
    )


def _names(config: JobConfig, subject: Subject, wanted: str | None) -> list[str]:
    names = [name for name in config.connectors if connectors()[name].unit == subject.unit]
    if not names or (wanted is not None and wanted not in names):
        what = f"no connector {wanted!r} that delivers" if names else "no connector that delivers"
        there = f"; it has {', '.join(names)}" if names else ""
        raise NotFound(f"{subject.job} has {what} {subject.unit}s{there}")
    return names if wanted is None else [wanted]


def _delivery(asked: _Asked, name: str) -> Delivery:
    history = history_of(asked.bucket, asked.subject, name)
    run = asked.stages.run.run if asked.stages.run else ""
    change, decorated = history.change_in(run), _compared(asked.stages, name)
    items = change.items if change else _items(asked)
    documents = documents_of(decorated, name, items) if decorated and items else []
    facts = Facts(
        connector=name,
        unit=asked.subject.unit,
        run=run,
        compared_at=written_at(decorated) if decorated else None,
        change=change,
        fingerprint=change.fingerprint if change else _fingerprint(asked, name, decorated, documents),
        listed=bool(_items(asked)) if USERS in asked.stages.folders else None,
        error=_error(asked.origin),
        kept=_kept(asked, name, decorated),
        difference=_difference(asked, name, change, history),
        history=history,
    )
    written = [found.run for found in history.changes if found.run <= run]
    return Delivery(
        connector=name,
        decision=decide(facts),
        fingerprint=facts.fingerprint,
        accepted=history.last_word(),
        notes=notes_on(documents, connectors()[name]),
        record=record_of(asked.bucket, asked.subject, name, written[-1]) if written else None,
        history=history,
    )


def _fingerprint(asked: _Asked, name: str, decorated: Folder | None, documents: list[Row]) -> str | None:
    """The fingerprint of a list that is not in the delta; None where the delta is older than the list."""
    users, items = asked.stages.folders.get(USERS), _items(asked)
    if not decorated or not users or not items or written_at(decorated) < written_at(users):
        return None
    return fingerprint_of(asked.session, asked.subject, items, documents, decorated, name)


def _compared(stages: Stages, name: str) -> Folder | None:
    """The run's delta, if it has one for the connector."""
    folder = stages.folders.get(DECORATED)
    return folder if folder and rendering_key(name) in folder.manifest else None


def _items(asked: _Asked) -> tuple[str, ...]:
    if asked.subject.unit == "item":
        return (asked.subject.id,) if asked.origin.on_lists else ()
    return asked.origin.items or ()


def _error(origin: Origin) -> str:
    """The line that was an error, of a user who counts as present for it."""
    if not origin.counts_as_present:
        return ""
    lines = [*origin.lines, *(line for mapped in origin.mapped for line in mapped.lines)]
    errors = [line.error for line in lines if line.reason and line.query]
    return errors[-1] if errors else "line was an error, and is not there any more"


def _kept(asked: _Asked, name: str, decorated: Folder | None) -> str:
    """Why the run does not remove what is missing."""
    if said := decorated and decorated.manifest.get(kept_key(name)):
        return str(said)
    settings = asked.config.connectors[name]
    if not connectors()[name].removes(settings):
        profiles = isinstance(settings, ProfileSettings)
        return "missingUsers is keep" if profiles else f"connectors.{name} asks for no removal"
    if asked.subject.unit == "item":
        return "a profile may still name it"
    return "the run did not know yet that it had been delivered"


def _difference(asked: _Asked, name: str, change: Change | None, history: History) -> str:
    """What is another in a changed record than in the one that was accepted before, where that is still there."""
    before = history.last_word(change.compared_at) if change else None
    if not change or not before or not before.fingerprint:
        return ""
    then = [found for found in history.changes if found.fingerprint == before.fingerprint]
    return difference(asked.bucket, asked.subject, name, change, then[-1]) if then else ""
