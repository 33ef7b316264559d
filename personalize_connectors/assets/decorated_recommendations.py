"""Per connector: the delta, as the documented record."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa

from personalize_connectors import layout
from personalize_connectors.assets.preview import column_schema, table
from personalize_connectors.connectors.protocol import ConnectorSettings
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
from personalize_connectors.inputs import item_metadata
from personalize_connectors.installation import Installation, clear_failures, job_run
from personalize_connectors.io_manager import Materialization, Metadata
from personalize_connectors.job_config import JobConfig
from personalize_connectors.job_run import JobRun
from personalize_connectors.jobs import read_config
from personalize_connectors.storage import Storage

NAME = "decorated_recommendations"
WITHOUT_METADATA, FIELDS = "items_without_metadata", "metadata_fields_arrive"

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
_COLUMNS = {
    "user_id": "The user.",
    "fingerprint": "128-bit digest of all that is delivered for the user.",
    "points": "What the destination bills for it.",
    "change": "added, changed or unchanged against what the destination last accepted.",
    "items": "Item ids in rank order.",
    "queries": "The mapped items whose lists the user got (related_items).",
}


def items_frame(connector: str) -> str:
    """Name of the frame that holds a connector's item documents."""
    return f"{connector}.items"


def rendering_key(connector: str) -> str:
    """Where the manifest says how a connector's users were rendered."""
    return f"rendering_{connector}"


def decorated_recommendations_asset(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset with its check, in the installation's form of partitions."""

    @dg.asset(
        name=NAME,
        partitions_def=partitions,
        group_name="recommendations",
        kinds={"duckdb", "json"},
        owners=["team:personalize-connectors"],
        metadata=column_schema(SCHEMA, _COLUMNS),
        check_specs=[
            dg.AssetCheckSpec(
                WITHOUT_METADATA,
                asset=NAME,
                description="Every recommended item has metadata; others go out as their id.",
            ),
            dg.AssetCheckSpec(
                FIELDS,
                asset=NAME,
                description="Every metadata field is there, and the destination would keep every value; others are left out.",
            ),
        ],
    )
    def decorated_recommendations(
        context: dg.AssetExecutionContext, installation: Installation, user_recommendations: Folder
    ) -> Iterator[dg.MaterializeResult[Materialization] | dg.AssetCheckResult]:
        """Per connector one row for each user to deliver, and below output/ the decorated record as one line of JSON."""
        started = time.monotonic()
        with clear_failures(), installation.session() as session:
            bucket, run = installation.bucket, job_run(context)
            config, metadata = read_config(bucket, run.job), item_metadata(bucket, run.job)
            items = recommended_items(session, user_recommendations, metadata)
            decorations = {
                name: _decorate(session, bucket, run, config, name, user_recommendations, items)
                for name in config.connectors
            }
            for name, (_, counts, _) in decorations.items():
                context.log.info(
                    f"{name}: {counts.added:,} added, {counts.changed:,} changed, {counts.unchanged:,} unchanged"
                )
            missing = [item for item, line in items if line is None]

            def describe(folders: Mapping[str, Folder]) -> Metadata:
                folder = folders[layout.stage(run, NAME)]
                return {
                    **_delta_metadata({name: counts for name, (_, counts, _) in decorations.items()}),
                    "rows": sum(folder.rows_of(name) for name in decorations),
                    "items": len(items),
                    "items_without_metadata": len(missing),
                    "repeated_metadata_lines": metadata.repeated,
                    "preview": table(
                        folder.scan(next(iter(decorations)))
                        .head(5, columns=["user_id", "change", "items"])
                        .to_pylist()
                    ),
                }

            frames = [frame for found, _, _ in decorations.values() for frame in found]
            yield dg.MaterializeResult(value=Materialization(frames, describe, started))
            yield dg.AssetCheckResult(
                check_name=WITHOUT_METADATA,
                passed=not missing,
                severity=dg.AssetCheckSeverity.WARN,
                description=f"{len(missing):,} of {len(items):,} recommended items have no metadata"
                + (f", for example {', '.join(map(repr, missing[:5]))}" if missing else ""),
                metadata={"items": len(items), "items_without_metadata": len(missing)},
            )
            notes = [f"{name}: {note}" for name, (_, _, found) in decorations.items() for note in found]
            yield dg.AssetCheckResult(
                check_name=FIELDS,
                passed=not notes,
                severity=dg.AssetCheckSeverity.WARN,
                description=f"fields left out: {'; '.join(notes)}" if notes else "all fields go out",
                metadata={"fields_left_out": len(notes)},
            )

    return decorated_recommendations


def recommended_items(
    session: duckdb.DuckDBPyConnection, users: Folder, metadata: ItemMetadata
) -> list[tuple[str, str | None]]:
    """Every item that some user gets, with its metadata line."""
    distinct = (
        session.from_arrow(users.scan()).project("unnest(items) AS item").distinct().order("item").fetchall()
    )
    return [(item, metadata.lines.get(item)) for (item,) in distinct]


def _decorate(
    session: duckdb.DuckDBPyConnection,
    bucket: Storage,
    run: JobRun,
    config: JobConfig,
    name: str,
    users: Folder,
    items: list[tuple[str, str | None]],
) -> tuple[list[Frame], DeltaCounts, list[str]]:
    """A connector's frames, the users to deliver first; how they stand to what was accepted; notes on the fields."""
    connector, settings = connectors()[name], config.connectors[name]
    selection = Selection(
        tuple(settings.itemMetadataFields) if settings.itemMetadataFields is not None else None
    )
    documents = render(
        items,
        selection,
        lambda fields: connector.payload(settings, fields),
        lambda fields: connector.left_out(settings, fields),
    )
    accepted = accepted_state(session, bucket, find_accepted(bucket, run.job, name))
    scanned = users.scan().to_batches(columns=["user_id", "items"], batch_size=ROWS_PER_BATCH)
    points = connector.data_points(settings, documents, config.top.itemsPerUser)
    current = fingerprints(session, scanned, documents, connector.rendering(settings), points)
    delta = f"delta_{name}"
    counts = compare(session, current, accepted, delta, points.per_known_user)
    session.register("users", users.scan())
    wanted_rows = "WHERE change <> 'unchanged'" if config.delta_check(name) else ""
    rows = session.sql(
        f'SELECT user_id, fingerprint, points, change, items, queries FROM users JOIN "{delta}" USING (user_id) {wanted_rows}'
    )
    form = RecordForm(
        run.job.job_type, {"name": run.job.name, "runDateTime": run.run_at.isoformat()}, _directives(settings)
    )
    records = with_records(batches(rows, SCHEMA), documents, form)
    folder = layout.stage(run, NAME)
    lines = Lines("record", layout.output(run, name), config.top.recordCompression)
    schema = SCHEMA.append(pa.field("record", pa.large_binary()))
    frames = [
        Frame(
            schema,
            records,
            folder,
            name=name,
            lines=lines,
            manifest={"users": users.rows, rendering_key(name): connector.rendering(settings)},
        ),
        Frame(DOCUMENTS, iter(documents.to_batches()), folder, name=items_frame(name)),
    ]
    return frames, counts, field_notes(documents, selection)


def _directives(settings: ConnectorSettings) -> dict[str, Any]:
    wanted = ("attributePrefix", "otherAttributes")
    return {key: getattr(settings, key) for key in wanted if key in settings.model_fields_set}


def _delta_metadata(counts: Mapping[str, DeltaCounts]) -> dict[str, int]:
    """The counts under the same names in every run; with several connectors each has its own."""
    found: dict[str, int] = {}
    for name, delta in counts.items():
        prefix = f"{name}_" if len(counts) > 1 else ""
        values = {
            "added": delta.added,
            "changed": delta.changed,
            "unchanged": delta.unchanged,
            "missing": delta.missing,
            "data_points_to_send": delta.points,
            "data_points_saved": delta.points_saved,
        }
        found |= {prefix + key: value for key, value in values.items()}
    return found
