"""Per connector: the delta, as the documented record."""

import time
from collections.abc import Iterator, Mapping

import dagster as dg

from personalize_connectors import layout
from personalize_connectors.assets.decoration import ASSET, SCHEMA, Decorating, decorate, recommended_items
from personalize_connectors.assets.preview import column_schema, table
from personalize_connectors.engine.delta import DeltaCounts
from personalize_connectors.folders import Folder
from personalize_connectors.inputs import item_metadata
from personalize_connectors.installation import Installation, clear_failures, job_run
from personalize_connectors.io_manager import Materialization, Metadata
from personalize_connectors.jobs import read_config

NAME = ASSET
WITHOUT_METADATA, FIELDS = "items_without_metadata", "metadata_fields_arrive"

_COLUMNS = {
    "user_id": "The user.",
    "fingerprint": "128-bit digest of all that is delivered for the user.",
    "points": "What the destination bills for it.",
    "change": "added, changed or unchanged against what the destination last accepted.",
    "items": "Item ids in rank order.",
    "queries": "The mapped items whose lists the user got (related_items).",
}


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
                name: decorate(session, bucket, run, Decorating(config, name), user_recommendations, items)
                for name in config.connectors
            }
            for name, decoration in decorations.items():
                counts = decoration.counts
                context.log.info(
                    f"{name}: {counts.added:,} added, {counts.changed:,} changed, {counts.unchanged:,} unchanged"
                )
            missing = [item for item, line in items if line is None]

            def describe(folders: Mapping[str, Folder]) -> Metadata:
                folder = folders[layout.stage(run, NAME)]
                return {
                    **_delta_metadata({name: decoration.counts for name, decoration in decorations.items()}),
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

            frames = [frame for decoration in decorations.values() for frame in decoration.frames]
            yield dg.MaterializeResult(value=Materialization(frames, describe, started))
            yield dg.AssetCheckResult(
                check_name=WITHOUT_METADATA,
                passed=not missing,
                severity=dg.AssetCheckSeverity.WARN,
                description=f"{len(missing):,} of {len(items):,} recommended items have no metadata"
                + (f", for example {', '.join(map(repr, missing[:5]))}" if missing else ""),
                metadata={"items": len(items), "items_without_metadata": len(missing)},
            )
            notes = [
                f"{name}: {note}" for name, decoration in decorations.items() for note in decoration.notes
            ]
            yield dg.AssetCheckResult(
                check_name=FIELDS,
                passed=not notes,
                severity=dg.AssetCheckSeverity.WARN,
                description=f"fields left out: {'; '.join(notes)}" if notes else "all fields go out",
                metadata={"fields_left_out": len(notes)},
            )

    return decorated_recommendations


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
