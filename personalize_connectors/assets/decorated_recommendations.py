"""Per connector: the delta, as the documented record, and the checks that stop a delivery before anything is sent."""

import time
from collections.abc import Iterator, Mapping

import dagster as dg

from personalize_connectors import layout
from personalize_connectors.assets.budget import over_budget
from personalize_connectors.assets.decoration import (
    ASSET,
    SCHEMA,
    Allowance,
    Decorating,
    Decoration,
    decorate,
    recommended_items,
)
from personalize_connectors.assets.preview import column_schema, table
from personalize_connectors.connectors.registry import connectors
from personalize_connectors.engine.delta import DeltaCounts
from personalize_connectors.folders import Folder
from personalize_connectors.inputs import item_metadata
from personalize_connectors.installation import Installation, clear_failures, job_run
from personalize_connectors.io_manager import Materialization, Metadata
from personalize_connectors.jobs import read_config

NAME = ASSET
WITHOUT_METADATA, FIELDS, VALID = (
    "items_without_metadata",
    "metadata_fields_arrive",
    "values_can_be_delivered",
)
BUDGET, REMOVAL = "within_max_users_and_data_points", "missing_users_are_removed"

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
        asset=NAME,
        description="Every recommended item has metadata; others go out as their id.",
    ),
    dg.AssetCheckSpec(FIELDS, asset=NAME, description="Every metadata field that is asked for is there."),
    dg.AssetCheckSpec(
        VALID,
        asset=NAME,
        blocking=True,
        description="The destination would keep every value; what it would not is left out, or stops the run, by onInvalid.",
    ),
    dg.AssetCheckSpec(
        BUDGET,
        asset=NAME,
        blocking=True,
        description="What is to be sent is within maxUsers and maxDataPoints; above them nothing is delivered.",
    ),
    dg.AssetCheckSpec(
        REMOVAL, asset=NAME, description="Users who are missing are removed, where missingUsers asks for it."
    ),
]


def decorated_recommendations_asset(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset with its check, in the installation's form of partitions."""

    @dg.asset(
        name=NAME,
        partitions_def=partitions,
        group_name="recommendations",
        kinds={"duckdb", "json"},
        owners=["team:personalize-connectors"],
        metadata=column_schema(SCHEMA, _COLUMNS),
        check_specs=_CHECKS,
    )
    def decorated_recommendations(
        context: dg.AssetExecutionContext,
        installation: Installation,
        config: Allowances,
        user_recommendations: Folder,
    ) -> Iterator[dg.MaterializeResult[Materialization] | dg.AssetCheckResult]:
        """Per connector one row for each user to deliver, and below output/ the decorated record as one line of JSON."""
        started = time.monotonic()
        with clear_failures(), installation.session() as session:
            bucket, run = installation.bucket, job_run(context)
            job_config, metadata = read_config(bucket, run.job), item_metadata(bucket, run.job)
            items = recommended_items(session, user_recommendations, metadata)
            allowance = Allowance(config.allow_removals, config.redrive)
            decorations = {
                name: decorate(
                    session, bucket, run, Decorating(job_config, name), user_recommendations, items, allowance
                )
                for name in sorted(job_config.connectors, key=is_catalog)
            }
            for name, decoration in decorations.items():
                context.log.info(f"{name}: {_delta_line(decoration.counts)}")
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
            yield _without_metadata(missing, len(items))
            yield _fields(decorations)
            yield _valid(decorations)
            yield _budget(
                over_budget(job_config, {name: found.counts for name, found in decorations.items()})
            )
            yield _removal(decorations)

    return decorated_recommendations


def is_catalog(connector: str) -> bool:
    """Whether a connector delivers items; those are compared after the profiles, which say what is still named."""
    return connectors()[connector].unit == "item"


def _delta_line(counts: DeltaCounts) -> str:
    parts = [f"{counts.added:,} added, {counts.changed:,} changed, {counts.unchanged:,} unchanged"]
    parts += [f"{counts.removed:,} of {counts.missing:,} missing removed"] if counts.missing else []
    parts += [f"{counts.held:,} dead letters not sent again"] if counts.held else []
    return ", ".join(parts)


def _without_metadata(missing: list[str], items: int) -> dg.AssetCheckResult:
    example = f", for example {', '.join(map(repr, missing[:5]))}" if missing else ""
    return dg.AssetCheckResult(
        check_name=WITHOUT_METADATA,
        passed=not missing,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(missing):,} of {items:,} recommended items have no metadata{example}",
        metadata={"items": items, "items_without_metadata": len(missing)},
    )


def _fields(decorations: Mapping[str, Decoration]) -> dg.AssetCheckResult:
    unseen = [
        f"{name}: {field}: no item has it" for name, found in decorations.items() for field in found.unseen
    ]
    return dg.AssetCheckResult(
        check_name=FIELDS,
        passed=not unseen,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(unseen) if unseen else "all fields are there",
        metadata={"fields_no_item_has": len(unseen)},
    )


def _valid(decorations: Mapping[str, Decoration]) -> dg.AssetCheckResult:
    found = [
        (name, *row) for name, decoration in decorations.items() for row in decoration.refusals.actions()
    ]
    stops = [row for row in found if row[3] == "stop"]
    said = [
        f"{name}: {rule}{f' ({field})' if field else ''}: {number:,} {'items' if field else 'records'}, {action}"
        for name, rule, field, action, number in stops or found
    ]
    return dg.AssetCheckResult(
        check_name=VALID,
        passed=not found,
        severity=dg.AssetCheckSeverity.ERROR if stops else dg.AssetCheckSeverity.WARN,
        description="; ".join(said) if said else "the destination would keep every value",
        metadata={
            "values_left_out_or_refused": sum(row[4] for row in found),
            "findings": table(
                {"connector": name, "rule": rule, "field": field, "action": action, "found": number}
                for name, rule, field, action, number in found
            ),
        },
    )


def _budget(over: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=BUDGET,
        passed=not over,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(over) if over else "within the budget",
    )


def _removal(decorations: Mapping[str, Decoration]) -> dg.AssetCheckResult:
    kept = [f"{name}: {found.kept}" for name, found in decorations.items() if found.kept]
    return dg.AssetCheckResult(
        check_name=REMOVAL,
        passed=not kept,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(kept) if kept else "nobody is kept who was to be removed",
        metadata={"removed": sum(found.counts.removed for found in decorations.values())},
    )


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
            "removed": delta.removed,
            "dead_letters": delta.held,
            "data_points_to_send": delta.points,
            "data_points_saved": delta.points_saved,
        }
        found |= {prefix + key: value for key, value in values.items()}
    return found
