"""One row per user, and the checks that stop a bad batch output before anything is delivered."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa

from personalize_connectors import layout
from personalize_connectors.assets.decoration import ASSET as DECORATED
from personalize_connectors.assets.decoration import LISTS, NAMELESS_LINES, PRESENT
from personalize_connectors.assets.preview import column_schema, table
from personalize_connectors.engine.frame import Frame, batches
from personalize_connectors.engine.mapping import MAPPED, SetAside, items_by_user
from personalize_connectors.engine.merge import item_lists, merged
from personalize_connectors.engine.recommendations import (
    SCHEMA,
    LastLines,
    last_lines,
    lines_naming_nobody,
    of_segments,
    of_users,
    users_with_errors,
)
from personalize_connectors.folders import Folder
from personalize_connectors.inputs import item_mapping
from personalize_connectors.installation import Installation, clear_failures, job_run
from personalize_connectors.io_manager import Materialization, Metadata
from personalize_connectors.job_config import JobConfig
from personalize_connectors.job_run import JobRun
from personalize_connectors.jobs import read_config
from personalize_connectors.storage import Storage

NAME = "user_recommendations"
ERROR_SHARE, USER_DROP = "error_share", "users_against_previous_run"

_PRESENT = pa.schema([("user_id", pa.string())])

_COLUMNS = {
    "user_id": "The user.",
    "items": "Recommended item ids in rank order, at most itemsPerUser.",
    "scores": "Scores in the same order, where the recipe gives them.",
    "queries": "The mapped items whose lists the user got (related_items).",
}


class Allowance(dg.Config):
    """What a person allows for one run."""

    allow_user_drop: bool = False


def user_recommendations_asset(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset with its checks, in the installation's form of partitions."""

    @dg.asset(
        name=NAME,
        partitions_def=partitions,
        group_name="recommendations",
        kinds={"duckdb", "parquet"},
        owners=["team:personalize-connectors"],
        metadata=column_schema(SCHEMA, _COLUMNS),
        check_specs=[
            dg.AssetCheckSpec(
                ERROR_SHARE,
                asset=NAME,
                blocking=True,
                description="Error lines of the batch output are at most maxErrorShare; above it nothing is delivered.",
            ),
            dg.AssetCheckSpec(
                USER_DROP,
                asset=NAME,
                blocking=True,
                description="Users did not drop by more than maxUserDrop against the previous run; a run can allow it.",
            ),
        ],
    )
    def user_recommendations(
        context: dg.AssetExecutionContext,
        installation: Installation,
        config: Allowance,
        batch_inference_raw: Folder,
    ) -> Iterator[dg.MaterializeResult[Materialization] | dg.AssetCheckResult]:
        """One row per user: the recommended items in rank order, with scores and the query items they came from."""
        started = time.monotonic()
        with clear_failures(), installation.session() as session:
            bucket, run = installation.bucket, job_run(context)
            job_config = read_config(bucket, run.job)
            set_aside = SetAside()
            lines = last_lines(session, batch_inference_raw.scan())
            rows = _users(session, bucket, run, job_config, lines, set_aside)
            errors = (
                session.from_arrow(batch_inference_raw.scan())
                .filter("reason IS NOT NULL")
                .count("*")
                .fetchall()[0][0]
            )
            nameless = lines_naming_nobody(session, run.job.job_type)
            folder = layout.stage(run, NAME)
            present = batches(users_with_errors(session, run.job.job_type), _PRESENT)
            frames = [
                Frame(SCHEMA, rows, folder, name=LISTS, manifest={NAMELESS_LINES: nameless}),
                Frame(_PRESENT, present, folder, name=PRESENT),
            ]
            previous = previous_users(bucket, run)
            users: list[int] = []

            def describe(folders: Mapping[str, Folder]) -> Metadata:
                (folder,) = folders.values()
                users.append(folder.rows_of(LISTS))
                counted = (
                    session.from_arrow(folder.scan(LISTS))
                    .aggregate("coalesce(sum(len(items)), 0)::BIGINT")
                    .fetchall()
                )
                return {
                    "rows": users[0],
                    "dagster/partition_row_count": users[0],
                    "users": users[0],
                    "users_with_errors": folder.rows_of(PRESENT),
                    "recommendations": counted[0][0],
                    "repeated_queries": lines.repeated,
                    "mapping_rows_set_aside": set_aside.total,
                    "users_in_previous_run": previous if previous is not None else 0,
                    "preview": table(folder.scan(LISTS).head(5).to_pylist()),
                }

            yield dg.MaterializeResult(value=Materialization(frames, describe, started))
            context.log.info(
                f"{users[0]:,} users, {lines.repeated:,} earlier lines of the same query left out"
            )
            yield _error_share(
                errors, batch_inference_raw.rows, job_config.top.maxErrorShare, run.job.job_type
            )
            yield _user_drop(users[0], previous, job_config.top.maxUserDrop, allowed=config.allow_user_drop)

    return user_recommendations


def previous_users(bucket: Storage, run: JobRun) -> int | None:
    """The users of the newest earlier run of the same job that was not stopped; None where there is none."""
    found = [
        (at, entry.path.removesuffix(f"/{layout.SUCCESS}"))
        for entry in bucket.objects(layout.stages(run.job, DECORATED))
        if entry.name == layout.SUCCESS and (at := layout.run_at_of(entry.path)) and at < run.run_at
    ]
    manifest = bucket.manifest(max(found)[1]) if found else None
    return int(manifest["users"]) if manifest else None


def _users(
    session: duckdb.DuckDBPyConnection,
    bucket: Storage,
    run: JobRun,
    config: JobConfig,
    lines: LastLines,
    set_aside: SetAside,
) -> Iterator[pa.RecordBatch]:
    longest = config.top.itemsPerUser
    if run.job.job_type == "related_items":
        mapped = items_by_user(session, item_mapping(bucket, run.job, set_aside))
        lists = item_lists(lines.relation.to_arrow_table())
        return merged(batches(mapped, MAPPED), lists, config.top.userItemPolicy, longest)
    if run.job.job_type == "user_segmentation":
        return batches(of_segments(lines, longest), SCHEMA)
    return batches(of_users(lines, longest), SCHEMA)


def _error_share(errors: int, lines: int, most: float, job_type: str) -> dg.AssetCheckResult:
    share = errors / lines if lines else 1.0
    what = f"{errors:,} of {lines:,} lines carry no recommendation ({share:.2%}, at most {most:.2%})"
    advice = "look at inference_errors; a higher maxErrorShare in config.json lets the run pass"
    if not lines:
        what, advice = (
            "the batch output holds no line",
            "look at the batch inference job in Amazon Personalize",
        )
    elif errors == lines:
        advice = f"look at inference_errors; is this the output of another job type than {job_type}?"
    passed = share <= most
    return dg.AssetCheckResult(
        check_name=ERROR_SHARE,
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR,
        description=what if passed else f"{what}: {advice}",
        metadata={"error_lines": errors, "lines": lines, "share": share},
    )


def _user_drop(users: int, previous: int | None, most: float, *, allowed: bool) -> dg.AssetCheckResult:
    drop = (previous - users) / previous if previous else 0.0
    before = f"{previous:,} in the previous run" if previous is not None else "no previous run"
    what, advice = f"{users:,} users, {before}", f": a drop of {drop:.1%}, at most {most:.1%}"
    if not users:
        advice = (
            ": no user gets a recommendation; look at inference_errors, and at the mapping of related items"
        )
    advice += "; if it is right, run again with --allow-user-drop (allow_user_drop in the launchpad)"
    passed = allowed or (users > 0 and drop <= most)
    metadata: dict[str, Any] = {
        "users": users,
        "users_in_previous_run": previous or 0,
        "drop": max(drop, 0.0),
    }
    return dg.AssetCheckResult(
        check_name=USER_DROP,
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR,
        description=what if passed else what + advice,
        metadata=metadata,
    )
