"""One connector's part of `decorated_recommendations`: item documents, the delta, and the records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import duckdb
import pyarrow as pa

from personalize_connectors import layout
from personalize_connectors.allowance import Allowance
from personalize_connectors.assets.decorating import Decorating
from personalize_connectors.assets.last_documents import documents_key, documents_of, rendered_by
from personalize_connectors.assets.removal import most_removed, too_many_missing
from personalize_connectors.assets.still_named import oldest_list, still_named
from personalize_connectors.connectors.registry import connectors
from personalize_connectors.delivery.refusals import Refusals
from personalize_connectors.delivery.state import accepted_state, find_accepted, rejected_in_run
from personalize_connectors.engine.chosen import SCHEMA as CHOSEN
from personalize_connectors.engine.chosen import chosen
from personalize_connectors.engine.delta import Compared, DeltaCounts, compare
from personalize_connectors.engine.fingerprints import fingerprints
from personalize_connectors.engine.frame import ROWS_PER_BATCH, Frame
from personalize_connectors.engine.ids import distinct, recoding
from personalize_connectors.engine.item_documents import SCHEMA as DOCUMENTS
from personalize_connectors.engine.item_documents import column, unseen_fields
from personalize_connectors.engine.item_metadata import ItemMetadata
from personalize_connectors.engine.items import Items
from personalize_connectors.engine.recommendations import SCHEMA as USERS
from personalize_connectors.engine.session import quoted
from personalize_connectors.folders import Folder, complete
from personalize_connectors.job_config import JobConfig
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.storage import Storage

ASSET = "decorated_recommendations"
# The frames of `user_recommendations`.
LISTS, PRESENT = "part", "present"
# What is worked out of so many lists takes some hundred bytes for each of their items for a moment.
_ROWS_AT_ONCE = 32_768

SCHEMA = CHOSEN.append(pa.field("refused", pa.string()))
# Batches of these columns of the rows that records are made of; each time from the beginning.
Records = Callable[[Sequence[str]], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class Decoration:
    """What is to be delivered to a connector.

    Attributes:
        what: The connector, as the job configures it.
        documents: The item documents.
        rendered: How many of them are not taken over from the last run.
        rows: The rows to deliver, to be written lazily, without their records.
        items: The item documents, to be written.
        counts: How the run's records stand to what was accepted.
        refusals: What breaks a rule; complete once the rows are written.
        unseen: Fields that were asked for and that no item has.
        kept: Why those that are missing are not removed; empty where they are, or where nobody asked for it.
    """

    what: Decorating
    documents: pa.Table
    rendered: int
    rows: Frame
    items: Frame
    counts: DeltaCounts
    refusals: Refusals
    unseen: list[str]
    kept: str


def items_frame(connector: str) -> str:
    """Name of the frame that holds a connector's item documents."""
    return f"{connector}.items"


def rendering_key(connector: str) -> str:
    """Where the manifest says how a connector's users were rendered."""
    return f"rendering_{connector}"


def kept_key(connector: str) -> str:
    """Where the manifest says why those who are missing were not removed."""
    return f"missing_kept_{connector}"


def recommended_items(users: Folder, metadata: ItemMetadata) -> Items:
    """Every item that some user gets, with its metadata line."""
    return Items(distinct(users.ids("items", LISTS)), metadata)


def rendered_documents(bucket: Storage, job: Job, what: Decorating, items: Items) -> tuple[pa.Table, int]:
    """A connector's item documents, and how many of them are not taken over from the job's newest run."""
    runs = complete(bucket, job, ASSET)
    last = runs[-1][1] if runs else None
    return documents_of(what, items, bucket, last, items_frame(what.name))


def records_of(
    what: Decorating, users: Folder, items: Items, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """The rows of `engine.recommendations` that a connector's records are made of; of a catalog each item, with itself."""
    if what.connector.unit == "user":
        return users.coded(columns, LISTS)
    itself = pa.ListArray.from_arrays(pa.array(range(len(items) + 1), pa.int32()), items.ids)
    empty = [pa.nulls(len(items), USERS.field(column).type) for column in ("scores", "queries")]
    return iter(
        pa.table([items.ids, itself, *empty], schema=USERS).select(columns).to_batches(ROWS_PER_BATCH)
    )


def _known_records(
    what: Decorating, users: Folder, items: Items, documents: pa.Table, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    return with_known_items(records_of(what, users, items, columns), documents)


def with_known_items(rows: Iterable[pa.RecordBatch], documents: pa.Table) -> Iterator[pa.RecordBatch]:
    """The same rows, in smaller batches, in which items are places among the item documents."""
    known_items = recoding(column(documents, "item_id"))
    for batch in rows:
        place = batch.schema.get_field_index("items")
        lists = known_items(batch["items"])
        coded = batch.set_column(place, pa.field("items", lists.type), lists)
        for start in range(0, len(batch), _ROWS_AT_ONCE):
            yield coded.slice(start, _ROWS_AT_ONCE)


def is_catalog(connector: str) -> bool:
    """Whether a connector delivers items; those are compared after the profiles, which say what is still named."""
    return connectors()[connector].unit == "item"


def decorate(
    session: duckdb.DuckDBPyConnection,
    bucket: Storage,
    run: JobRun,
    config: JobConfig,
    users: Folder,
    items: Items,
    allowance: Allowance,
) -> dict[str, Decoration]:
    """For each connector of a job: render the items, compare the records with what was accepted, and leave them to be written."""
    found: dict[str, Decoration] = {}
    for name in sorted(config.connectors, key=is_catalog):
        what = Decorating(config, name)
        present = _present(session, bucket, run, what, users)
        found[name] = decorate_one(session, bucket, run, what, users, items, allowance, present)
    return found


def decorate_one(
    session: duckdb.DuckDBPyConnection,
    bucket: Storage,
    run: JobRun,
    what: Decorating,
    users: Folder,
    items: Items,
    allowance: Allowance,
    present: duckdb.DuckDBPyRelation | None,
) -> Decoration:
    """The same for one connector.

    Args:
        session: Takes the table `delta_<connector>`.
        bucket: The root of the layout.
        run: The job run.
        what: The connector, as the job configures it.
        users: The written folder of `user_recommendations`.
        items: Every item that some user gets, with its metadata line.
        allowance: What a person allows.
        present: Who is not gone though no list says so (`user_id`); None where nobody knows.
    """
    documents, rendered = rendered_documents(bucket, run.job, what, items)
    records = partial(_known_records, what, users, items, documents)
    counts, kept = _compare(session, bucket, run, what, users, records, documents, allowance, present)
    refusals = Refusals(what.connector, what.settings, documents, what.longest)
    rows = judged(chosen(session.sql(_wanted(what)), records(["items", "queries"])), refusals)
    return Decoration(
        what=what,
        documents=documents,
        rendered=rendered,
        rows=replace(rows_frame(run, what, rows), manifest=rows_manifest(what, users, kept)),
        items=documents_frame(run, what, documents),
        counts=counts,
        refusals=refusals,
        unseen=unseen_fields(documents, what.selection),
        kept=kept,
    )


def rows_frame(run: JobRun, what: Decorating, rows: Iterator[pa.RecordBatch]) -> Frame:
    """The rows to deliver."""
    return Frame(SCHEMA, rows, layout.stage(run, ASSET), name=what.name)


def rows_manifest(what: Decorating, users: Folder, kept: str) -> dict[str, Any]:
    """What the manifest says of them."""
    return {
        "users": users.rows_of(LISTS),
        rendering_key(what.name): what.connector.rendering(what.settings),
        kept_key(what.name): kept,
        documents_key(what.name): rendered_by(what),
    }


def documents_frame(run: JobRun, what: Decorating, documents: pa.Table) -> Frame:
    """The item documents."""
    rows = iter(documents.to_batches())
    return Frame(DOCUMENTS, rows, layout.stage(run, ASSET), name=items_frame(what.name))


def _compare(
    session: duckdb.DuckDBPyConnection,
    bucket: Storage,
    run: JobRun,
    what: Decorating,
    users: Folder,
    records: Records,
    documents: pa.Table,
    allowance: Allowance,
    present: duckdb.DuckDBPyRelation | None,
) -> tuple[DeltaCounts, str]:
    """Leave the table `delta_<connector>`; gives its counts, and why those that are missing are not removed."""
    points = what.connector.data_points(what.settings, documents, what.longest)
    share, kept = most_removed(what.connector, what.settings, users, allowance, known=present is not None)
    found = find_accepted(bucket, run.job, what.name)
    compared = Compared(
        current=fingerprints(
            session, records(["user_id", "items"]), documents, what.connector.rendering(what.settings), points
        ),
        accepted=accepted_state(session, bucket, found),
        rejected=rejected_in_run(session, bucket, run, found, redrive=allowance.redrive),
        present=session.sql("SELECT NULL::VARCHAR AS user_id WHERE false") if present is None else present,
        points_of_removal=points.per_removal,
    )
    counts = compare(session, compared, f"delta_{what.name}", most_removed=share)
    return counts, kept or too_many_missing(counts, share)


def _present(
    session: duckdb.DuckDBPyConnection, bucket: Storage, run: JobRun, what: Decorating, users: Folder
) -> duckdb.DuckDBPyRelation | None:
    """Who is not gone though no list says so: users whose line was an error, items that a profile may still name."""
    if what.connector.unit == "user":
        return session.from_arrow(users.scan(PRESENT))
    return items_still_named(
        session, bucket, run, what, partial(oldest_list, session, bucket, run, what.config)
    )


def items_still_named(
    session: duckdb.DuckDBPyConnection,
    bucket: Storage,
    run: JobRun,
    what: Decorating,
    oldest: Callable[[], datetime | None],
) -> duckdb.DuckDBPyRelation | None:
    """The items that a profile may still name, given when the oldest list was accepted that this run does not change."""
    if not what.connector.removes(what.settings):
        return None
    return still_named(session, bucket, oldest(), layout.stages(run.job, ASSET), items_frame(what.name))


def unwanted(what: Decorating) -> tuple[str, ...]:
    """The changes whose records are not delivered."""
    return ("unchanged", "held") if what.config.delta_check(what.name) else ("held",)


def _wanted(what: Decorating) -> str:
    left_out = ", ".join(map(quoted, unwanted(what)))
    return f"""SELECT place, user_id, fingerprint, points, change FROM "delta_{what.name}" WHERE change NOT IN ({left_out})"""


def judged(rows: Iterable[pa.RecordBatch], refusals: Refusals) -> Iterator[pa.RecordBatch]:
    """Rows of `engine.chosen` with why they are refused."""
    for batch in rows:
        yield batch.append_column("refused", refusals.column(batch))
