"""One connector's part of `decorated_recommendations`: item documents, the delta, and the records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from personalize_connectors import layout
from personalize_connectors.connectors.protocol import Connector, ConnectorSettings
from personalize_connectors.connectors.registry import connectors
from personalize_connectors.delivery.state import accepted_state, find_accepted
from personalize_connectors.engine.delta import DeltaCounts, compare
from personalize_connectors.engine.fingerprints import fingerprints
from personalize_connectors.engine.frame import ROWS_PER_BATCH, Frame, Lines, batches
from personalize_connectors.engine.item_documents import SCHEMA as DOCUMENTS
from personalize_connectors.engine.item_documents import Selection, field_notes, render
from personalize_connectors.engine.item_metadata import ItemMetadata
from personalize_connectors.engine.records import RecordForm, with_records
from personalize_connectors.folders import Folder
from personalize_connectors.job_config import JobConfig
from personalize_connectors.job_run import JobRun
from personalize_connectors.storage import Storage

ASSET = "decorated_recommendations"

SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("fingerprint", pa.binary()),
        ("points", pa.int64()),
        ("change", pa.string()),
        ("items", pa.list_(pa.string())),
        ("queries", pa.list_(pa.string())),
    ]
)
Items = list[tuple[str, str | None]]


@dataclass(frozen=True)
class Decorating:
    """A connector as a job configures it."""

    config: JobConfig
    name: str

    @property
    def connector(self) -> Connector:
        """The connector."""
        return connectors()[self.name]

    @property
    def settings(self) -> ConnectorSettings:
        """Its block of config.json."""
        return self.config.connectors[self.name]

    @property
    def selection(self) -> Selection:
        """Which metadata it sends."""
        fields = self.settings.itemMetadataFields
        return Selection(tuple(fields) if fields is not None else None)


@dataclass(frozen=True)
class Decoration:
    """What is to be written for a connector.

    Attributes:
        frames: The users to deliver with their records, and the item documents.
        counts: How the run's users stand to what was accepted.
        notes: What a person should know of the metadata fields.
    """

    frames: list[Frame]
    counts: DeltaCounts
    notes: list[str]


def items_frame(connector: str) -> str:
    """Name of the frame that holds a connector's item documents."""
    return f"{connector}.items"


def rendering_key(connector: str) -> str:
    """Where the manifest says how a connector's users were rendered."""
    return f"rendering_{connector}"


def recommended_items(session: duckdb.DuckDBPyConnection, users: Folder, metadata: ItemMetadata) -> Items:
    """Every item that some user gets, with its metadata line."""
    distinct = (
        session.from_arrow(users.scan()).project("unnest(items) AS item").distinct().order("item").fetchall()
    )
    return [(item, metadata.lines.get(item)) for (item,) in distinct]


def decorate(
    session: duckdb.DuckDBPyConnection,
    bucket: Storage,
    run: JobRun,
    what: Decorating,
    users: Folder,
    items: Items,
) -> Decoration:
    """Render the items, compare the users with what was accepted, and leave the records to be written lazily."""
    documents = render(
        items,
        what.selection,
        lambda fields: what.connector.payload(what.settings, fields),
        lambda fields: what.connector.left_out(what.settings, fields),
    )
    accepted = accepted_state(session, bucket, find_accepted(bucket, run.job, what.name))
    scanned = users.scan().to_batches(columns=["user_id", "items"], batch_size=ROWS_PER_BATCH)
    rendering = what.connector.rendering(what.settings)
    points = what.connector.data_points(what.settings, documents, what.config.top.itemsPerUser)
    current = fingerprints(session, scanned, documents, rendering, points)
    counts = compare(session, current, accepted, f"delta_{what.name}", points.per_known_user)
    folder = layout.stage(run, ASSET)
    delivered = Frame(
        SCHEMA.append(pa.field("record", pa.large_binary())),
        _records(session, run, what, users, documents),
        folder,
        name=what.name,
        lines=Lines("record", layout.output(run, what.name), what.config.top.recordCompression),
        manifest={"users": users.rows, rendering_key(what.name): rendering},
    )
    rendered = Frame(DOCUMENTS, iter(documents.to_batches()), folder, name=items_frame(what.name))
    return Decoration([delivered, rendered], counts, field_notes(documents, what.selection))


def _records(
    session: duckdb.DuckDBPyConnection, run: JobRun, what: Decorating, users: Folder, documents: pa.Table
) -> Iterator[pa.RecordBatch]:
    """The users to deliver, with their records; the table `delta_<connector>` says who they are."""
    session.register("users", users.scan())
    wanted = "WHERE change <> 'unchanged'" if what.config.delta_check(what.name) else ""
    rows = session.sql(
        f"""
        SELECT user_id, fingerprint, points, change, items, queries
        FROM users JOIN "delta_{what.name}" USING (user_id) {wanted}
        """
    )
    job_info = {"name": run.job.name, "runDateTime": run.run_at.isoformat()}
    form = RecordForm(run.job.job_type, job_info, _directives(what.settings))
    return with_records(batches(rows, SCHEMA), documents, form)


def _directives(settings: ConnectorSettings) -> dict[str, Any]:
    wanted = ("attributePrefix", "otherAttributes")
    return {key: getattr(settings, key) for key in wanted if key in settings.model_fields_set}
