"""Per connector: the delta, as the documented record, and the checks that stop a delivery before anything is sent."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict

import dagster as dg

from personalize_connectors import layout
from personalize_connectors.allowance import Allowance
from personalize_connectors.assets.checks import (
    BUDGET,
    FIELDS,
    REMOVAL,
    VALID,
    WITHOUT_METADATA,
    decoration_checks,
    stopping,
)
from personalize_connectors.assets.decoration import (
    ASSET,
    SCHEMA,
    Decoration,
)
from personalize_connectors.assets.preview import check_result, column_schema, table
from personalize_connectors.delivery.lease import refuse_while_delivering
from personalize_connectors.engine.delta import DeltaCounts
from personalize_connectors.folders import Folder
from personalize_connectors.inputs import item_metadata
from personalize_connectors.installation import Installation, clear_failures, job_run
from personalize_connectors.io_manager import Materialization, Metadata
from personalize_connectors.jobs import read_config
from personalize_connectors.reporting import report, report_link
from personalize_connectors.submitted import or_submitted

_COLUMNS = {
    "user_id": "The user.",
    "fingerprint": "128-bit digest of all that is delivered for the user.",
    "points": "What the destination bills for it.",
    "change": "added, changed or unchanged against what the destination last accepted.",
    "items": "Item ids in rank order.",
    "queries": "The mapped items whose lists the user got (related_items).",
    "refused": "Why the record is not sent: the rule that it breaks.",
}


class Allowances(dg.Config):
    """What a person allows or asks for in one run.

    Attributes:
        allow_removals: Remove whoever is missing, however many they are.
        redrive: Send dead letters of this run again whose reason holds this text; empty: all of them.
    """

    allow_removals: bool = False
    redrive: str | None = None


_CHECKS = [
    dg.AssetCheckSpec(
        WITHOUT_METADATA,
        asset=ASSET,
        description="Every recommended item has metadata; others go out as their id.",
    ),
    dg.AssetCheckSpec(FIELDS, asset=ASSET, description="Every metadata field that is asked for is there."),
    dg.AssetCheckSpec(
        VALID,
        asset=ASSET,
        blocking=True,
        description="The destination would keep every value; what it would not is left out, or stops the run, by onInvalid.",
    ),
    dg.AssetCheckSpec(
        BUDGET,
        asset=ASSET,
        blocking=True,
        description="What is to be sent is within maxUsers and maxDataPoints; above them nothing is delivered.",
    ),
    dg.AssetCheckSpec(
        REMOVAL, asset=ASSET, description="Users who are missing are removed, where missingUsers asks for it."
    ),
]


def decorated_recommendations_asset(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset with its check, in the installation's form of partitions."""

    @dg.asset(
        name=ASSET,
        partitions_def=partitions,
        group_name="recommendations",
        kinds={"duckdb", "json"},
        owners=["team:personalize-connectors"],
        metadata=column_schema(SCHEMA, _COLUMNS),
        check_specs=_CHECKS,
    )
    @or_submitted
    def decorated_recommendations(
        context: dg.AssetExecutionContext,
        installation: Installation,
        config: Allowances,
        user_recommendations: Folder,
    ) -> Iterator[dg.MaterializeResult[Materialization] | dg.AssetCheckResult]:
        """Per connector one row for each user to deliver, and below output/ the decorated record as one line of JSON."""
        started = time.monotonic()
        with clear_failures(), installation.engine() as engine:
            bucket, run = installation.bucket, job_run(context)
            job_config, metadata = read_config(bucket, run.job), item_metadata(bucket, run.job)
            for name in job_config.connectors:
                refuse_while_delivering(bucket, layout.lease(run.job, name), run.key)
            items = engine.recommended_items(user_recommendations, metadata)
            allowance = Allowance(removals=config.allow_removals, redrive=config.redrive)
            decorations = engine.decorate(bucket, run, job_config, user_recommendations, items, allowance)
            for name, decoration in decorations.items():
                context.log.info(f"{name}: {_delta_line(decoration.counts)}")

            def describe(folders: Mapping[str, Folder]) -> Metadata:
                folder = folders[layout.stage(run, ASSET)]
                return {
                    **_delta_metadata(decorations),
                    "rows": sum(folder.rows_of(name) for name in decorations),
                    "items": len(items),
                    "items_without_metadata": len(items.without_metadata),
                    "repeated_metadata_lines": metadata.repeated,
                    "report": report_link(installation, run),
                    "preview": table(
                        folder.head(5, ["user_id", "change", "items"], next(iter(decorations))).to_pylist()
                    ),
                }

            frames = [
                frame
                for decoration in decorations.values()
                for frame in (engine.with_record_lines(run, decoration), decoration.items)
            ]
            yield dg.MaterializeResult(value=Materialization(frames, describe, started))
            checks = decoration_checks(job_config, decorations, items)
            deltas = {
                name: {**asdict(found.counts), "everyone": not job_config.delta_check(name)}
                for name, found in decorations.items()
            }
            report(context, installation, run, ASSET, deltas=deltas, stopped=stopping(checks))
            for check in checks:
                more = {"findings": _findings(decorations)} if check.name == VALID else {}
                yield check_result(check, **more)

    return decorated_recommendations


def _delta_line(counts: DeltaCounts) -> str:
    parts = [f"{counts.added:,} added, {counts.changed:,} changed, {counts.unchanged:,} unchanged"]
    parts += [f"{counts.missing:,} missing"] if counts.missing else []
    parts += [f"{counts.removed:,} to be removed"] if counts.removed else []
    parts += [f"{counts.held:,} dead letters not sent again"] if counts.held else []
    return ", ".join(parts)


def _findings(decorations: Mapping[str, Decoration]) -> dg.MarkdownMetadataValue:
    return table(
        {"connector": name, "rule": rule, "field": field, "action": action, "found": number}
        for name, decoration in decorations.items()
        for rule, field, action, number in decoration.refusals.actions()
    )


def _delta_metadata(decorations: Mapping[str, Decoration]) -> dict[str, int]:
    """The counts under the same names in every run; with several connectors each has its own."""
    found: dict[str, int] = {}
    for name, decoration in decorations.items():
        delta, prefix = decoration.counts, f"{name}_" if len(decorations) > 1 else ""
        values = {
            "added": delta.added,
            "changed": delta.changed,
            "unchanged": delta.unchanged,
            "missing": delta.missing,
            "removed": delta.removed,
            "dead_letters": delta.held,
            "data_points_to_send": delta.points,
            "data_points_saved": delta.points_saved,
            "items_rendered": decoration.rendered,
        }
        found |= {prefix + key: value for key, value in values.items()}
    return found
