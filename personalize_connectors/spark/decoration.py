"""One connector's part of `decorated_recommendations`: the delta where users meet, then the records, a file of lists at a time.

Lists are never moved: who is to be delivered is sent to where the lists stand. Connectors that deliver items are worked out on
the driver, as on one machine.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as column

from personalize_connectors import layout
from personalize_connectors.allowance import Allowance
from personalize_connectors.assets.decorating import Decorating
from personalize_connectors.assets.decoration import (
    LISTS,
    PRESENT,
    Decoration,
    decorate_one,
    documents_frame,
    is_catalog,
    items_still_named,
    judged,
    rendered_documents,
    rows_frame,
    rows_manifest,
    unwanted,
    with_known_items,
)
from personalize_connectors.assets.record_lines import recorded
from personalize_connectors.assets.removal import most_removed, too_many_missing
from personalize_connectors.delivery.refusals import Refusals
from personalize_connectors.delivery.state import find_accepted
from personalize_connectors.engine.chosen import chosen
from personalize_connectors.engine.frame import Written
from personalize_connectors.engine.ids import distinct
from personalize_connectors.engine.item_documents import unseen_fields
from personalize_connectors.engine.item_metadata import ItemMetadata
from personalize_connectors.engine.items import Items
from personalize_connectors.folders import Folder
from personalize_connectors.job_config import JobConfig
from personalize_connectors.job_run import JobRun
from personalize_connectors.spark.delta import (
    BITS_OF_A_ROW,
    Compared,
    Fingerprinting,
    compare,
    current_rows,
    standing,
)
from personalize_connectors.spark.lookup import Lookup, write_lookup
from personalize_connectors.spark.root import Stage, stage_of
from personalize_connectors.spark.state import accepted_rows, rejected_rows
from personalize_connectors.spark.work import TOLD, groups, pieces, table, task_session, told, written
from personalize_connectors.storage import Storage

_CHANGES = ("added", "changed", "unchanged", "held", "removed")


@dataclass(frozen=True)
class _Items:
    """The items that some user of a file gets."""

    users: Stage

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"item_id": distinct(self.users.file(number).ids("items", LISTS))})


@dataclass(frozen=True)
class _Recording:
    """Writes the rows to deliver, with their records, of each file of lists."""

    users: Stage
    lookup: Lookup
    run: JobRun
    what: Decorating
    token: str

    def __call__(self, number: int, rows: pa.Table) -> pa.Table:
        ids = () if self.lookup.whole else (distinct(self._ids(number)),)
        documents = self.lookup.documents(ids)
        refusals = Refusals(self.what.connector, self.what.settings, documents, self.what.longest)
        with task_session() as session:
            delta = session.from_arrow(rows).project("place, user_id, fingerprint, points, change")
            lists = with_known_items(self._lists(number, ["items", "queries"]), documents)
            found = judged(chosen(delta, lists), refusals)
            frame = recorded(self.run, self.what, documents, rows_frame(self.run, self.what, found))
            row = written(self.users.root, frame, self.token, number, lambda: _found(refusals))
        return pa.Table.from_batches([row])

    def _ids(self, number: int) -> Iterator[pa.Array]:
        return self.users.file(number).ids("items", LISTS) if number < len(self.users) else iter(())

    def _lists(self, number: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Those who are removed are in no file."""
        return self.users.file(number).coded(columns, LISTS) if number < len(self.users) else iter(())


def _found(refusals: Refusals) -> list[tuple[str, str, int]]:
    return [(rule, field, number) for (rule, field), number in refusals.records.items()]


@dataclass(frozen=True)
class Decorator:
    """What the decoration of a run is made of."""

    spark: SparkSession
    session: duckdb.DuckDBPyConnection
    bucket: Storage
    run: JobRun
    users: Folder
    allowance: Allowance
    documents_bytes: int

    @property
    def lists(self) -> Stage:
        """The users' lists, for workers."""
        return stage_of(self.users, LISTS)

    @property
    def scratch(self) -> str:
        """Where the documents are that workers look up."""
        return layout.stage(self.run, "scratch")


def recommended_items(spark: SparkSession, users: Folder, metadata: ItemMetadata) -> Items:
    """As `assets.decoration`."""
    lists = stage_of(users, LISTS)
    found = table(pieces(spark, len(lists), _Items(lists), "item_id string").distinct())
    return Items(found["item_id"].combine_chunks().sort(), metadata)


def decorate(
    made_of: Decorator, config: JobConfig, items: Items
) -> tuple[dict[str, Decoration], list[DataFrame]]:
    """As `assets.decoration`; also gives what Spark keeps for the records."""
    decorations: dict[str, Decoration] = {}
    oldest: list[int] = []
    kept: list[DataFrame] = []
    for name in sorted(config.connectors, key=is_catalog):
        what = Decorating(config, name)
        if what.connector.unit == "item":
            decorations[name] = _catalog(made_of, what, items, oldest)
            continue
        decorations[name], compared = _profiles(made_of, what, items)
        kept.append(compared.rows)
        oldest += [] if compared.oldest is None else [compared.oldest]
    return decorations, kept


def _catalog(made_of: Decorator, what: Decorating, items: Items, oldest: list[int]) -> Decoration:
    at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=min(oldest)) if oldest else None
    present = items_still_named(made_of.session, made_of.bucket, made_of.run, what, lambda: at)
    return decorate_one(
        made_of.session,
        made_of.bucket,
        made_of.run,
        what,
        made_of.users,
        items,
        made_of.allowance,
        present,
    )


def _profiles(made_of: Decorator, what: Decorating, items: Items) -> tuple[Decoration, Compared]:
    documents, rendered = rendered_documents(made_of.bucket, made_of.run.job, what, items)
    points = what.connector.data_points(what.settings, documents, what.longest)
    # A name of its own, for workers keep what they looked up by it.
    path = f"{made_of.scratch}/{what.name}-{secrets.token_hex(4)}.parquet"
    lookup = write_lookup(made_of.bucket, path, documents, points, made_of.documents_bytes)
    share, kept = most_removed(what.connector, what.settings, made_of.users, made_of.allowance, known=True)
    compared = compare(_standing(made_of, what, lookup), points.per_removal, share)
    refusals = Refusals(what.connector, what.settings, documents, what.longest)
    kept = kept or too_many_missing(compared.counts, share)
    rows = recorded(made_of.run, what, documents, rows_frame(made_of.run, what, iter(())))
    decoration = Decoration(
        what=what,
        documents=documents,
        rendered=rendered,
        rows=replace(
            rows,
            manifest=rows_manifest(what, made_of.users, kept),
            spread=_recording(made_of, what, lookup, compared, refusals),
        ),
        items=documents_frame(made_of.run, what, documents),
        counts=compared.counts,
        refusals=refusals,
        unseen=unseen_fields(documents, what.selection),
        kept=kept,
    )
    return decoration, compared


def _standing(made_of: Decorator, what: Decorating, lookup: Lookup) -> DataFrame:
    """How the users stand to what was accepted; kept by Spark until the records are written."""
    spark, bucket, run = made_of.spark, made_of.bucket, made_of.run
    accepted = find_accepted(bucket, run.job, what.name)
    fingerprinting = Fingerprinting(made_of.lists, lookup, what.connector.rendering(what.settings))
    rejected = rejected_rows(spark, bucket, run, accepted, made_of.allowance.redrive)
    present = stage_of(made_of.users, PRESENT)
    return standing(
        current_rows(spark, fingerprinting),
        accepted_rows(spark, bucket, accepted),
        rejected,
        pieces(spark, len(present), _Present(present), "user_id string"),
    ).persist()


@dataclass(frozen=True)
class _Present:
    """The users whose line was an error."""

    stage: Stage

    def __call__(self, number: int) -> Iterator[pa.RecordBatch]:
        yield from self.stage.file(number).scan(PRESENT).to_batches()


def _recording(
    made_of: Decorator, what: Decorating, lookup: Lookup, compared: Compared, refusals: Refusals
) -> Callable[[str], list[Written]]:
    """What writes the rows to deliver; those who are removed are behind the others."""
    number = max(len(made_of.lists), 1)
    wanted = column.col("change").isin([change for change in _CHANGES if change not in unwanted(what)])
    place, row = column.col("place"), (1 << BITS_OF_A_ROW) - 1
    nowhere = number + column.pmod(column.hash("user_id"), column.lit(number))
    rows = compared.rows.where(wanted).select(
        column.coalesce(column.shiftright("place", BITS_OF_A_ROW), nowhere).alias("piece"),
        place.bitwiseAND(row).alias("place"),
        "user_id",
        "fingerprint",
        "points",
        "change",
    )

    def spread(token: str) -> list[Written]:
        recording = _Recording(made_of.lists, lookup, made_of.run, what, token)
        files: list[Written] = []
        counted: Counter[tuple[str, str]] = Counter()
        for piece in told(groups(rows, number, recording, TOLD)):
            files += piece.files
            counted.update({(rule, field): times for rule, field, times in piece.found})
        refusals.records.update(counted)
        return files

    return spread
