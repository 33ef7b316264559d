"""Reads what a connector's deliveries left of one id, over all runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa

from personalize_connectors import layout
from personalize_connectors.assets.decoration import ASSET as DECORATED
from personalize_connectors.delivery.receipts import SCHEMA as RECEIPTS
from personalize_connectors.delivery.state import SCHEMA as STATE
from personalize_connectors.delivery.state import find_accepted
from personalize_connectors.delivery.write_ahead import PLAN
from personalize_connectors.explain.lookup import Row, lines_with, rows_of
from personalize_connectors.explain.subject import Subject, folder_at, written_at
from personalize_connectors.explain.traces import Change, DeadLetter, History, InFlight, LastWord, Receipt
from personalize_connectors.folders import complete
from personalize_connectors.storage import Storage

_File = tuple[datetime | None, str]


def history_of(bucket: Storage, subject: Subject, connector: str) -> History:
    """All traces of a subject that a connector left."""
    accepted = find_accepted(bucket, subject.job, connector)
    planned = _rows(bucket, accepted.in_flight, PLAN, subject)
    answered = _rows(bucket, accepted.receipts, RECEIPTS, subject)
    states = _rows(bucket, accepted.snapshot, STATE, subject)
    told = {row["delivery"] for row in answered}
    rejected = {_file(row["path"]) for row in answered if row["status"] == "rejected"}
    without_letter = {_file(path) for path in accepted.receipts} - rejected
    return History(
        changes=tuple(_changes(bucket, subject, connector)),
        receipts=tuple(sorted((_receipt(subject, row) for row in answered), key=lambda found: found.at)),
        dead_letters=tuple(
            sorted(_letters(bucket, subject, connector, without_letter), key=lambda found: found.at)
        ),
        in_flight=tuple(_in_flight(subject, row) for row in planned if row["delivery"] not in told),
        snapshot=next(map(_last_word, states), None),
    )


def _rows(bucket: Storage, paths: tuple[str, ...], schema: pa.Schema, subject: Subject) -> list[Row]:
    return rows_of(bucket.dataset(list(paths), schema), "user_id", [subject.id]) if paths else []


def _changes(bucket: Storage, subject: Subject, connector: str) -> Iterator[Change]:
    for _, path in complete(bucket, subject.job, DECORATED):
        folder = folder_at(bucket, path)
        if not folder or not folder.rows_of(connector):
            continue
        for row in rows_of(folder.scan(connector), "user_id", [subject.id]):
            yield Change(
                run=subject.run_of(path),
                compared_at=written_at(folder),
                change=row["change"],
                fingerprint=row["fingerprint"].hex(),
                items=tuple(row["items"]),
                refused=row["refused"],
            )


def _letters(
    bucket: Storage, subject: Subject, connector: str, without_letter: set[_File]
) -> Iterator[DeadLetter]:
    """The dead letters of a subject; files whose receipts say that they hold none are not read."""
    needle = b'"user_id":' + orjson.dumps(subject.id)
    for file in bucket.objects(layout.delivered(subject.job, connector, "dead_letters")):
        if _file(file.path) in without_letter:
            continue
        for line in lines_with(bucket.blocks(file.path), needle):
            letter = json.loads(line)
            if letter["user_id"] == subject.id:
                yield _dead_letter(subject.run_of(file.path), letter)


def _file(path: str) -> _File:
    """What a file of receipts and that of its dead letters have in common."""
    return layout.run_at_of(path), path.rpartition("/")[2].partition(".")[0]


def _receipt(subject: Subject, row: Row) -> Receipt:
    return Receipt(
        run=subject.run_of(row["path"]),
        status=row["status"],
        text=row["text"],
        fingerprint=row["fingerprint"].hex(),
        request=row["request"],
        attempt=row["attempt"],
        at=row["answered_at"],
    )


def _in_flight(subject: Subject, row: Row) -> InFlight:
    return InFlight(
        run=subject.run_of(row["path"]),
        fingerprint=row["fingerprint"].hex(),
        request=row["request"],
        at=row["planned_at"],
    )


def _dead_letter(run: str, letter: dict[str, Any]) -> DeadLetter:
    return DeadLetter(
        run=run,
        reason=letter["reason"],
        fingerprint=letter["fingerprint"],
        request=letter["request"],
        attempt=letter["attempt"],
        at=datetime.fromisoformat(letter["at"]),
        payload=letter["payload"],
    )


def _last_word(row: Row) -> LastWord:
    fingerprint = row["fingerprint"]
    return LastWord(None if fingerprint is None else fingerprint.hex(), row["accepted_at"])
