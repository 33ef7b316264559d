"""One row per user, and the checks that stop a bad batch output before anything is delivered."""

import time
from collections.abc import Iterator, Mapping

import dagster as dg

from personalize_connectors.assets.checks import ERROR_SHARE, USER_DROP, error_share, stopping, user_drop
from personalize_connectors.assets.decoration import LISTS, PRESENT
from personalize_connectors.assets.preview import check_result, column_schema, table
from personalize_connectors.assets.user_lists import ASSET, previous_users
from personalize_connectors.engine.recommendations import SCHEMA
from personalize_connectors.folders import Folder
from personalize_connectors.installation import Installation, clear_failures, job_run
from personalize_connectors.io_manager import Materialization, Metadata
from personalize_connectors.jobs import read_config
from personalize_connectors.reporting import report
from personalize_connectors.submitted import or_submitted

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
        name=ASSET,
        partitions_def=partitions,
        group_name="recommendations",
        kinds={"duckdb", "parquet"},
        owners=["team:personalize-connectors"],
        metadata=column_schema(SCHEMA, _COLUMNS),
        check_specs=[
            dg.AssetCheckSpec(
                ERROR_SHARE,
                asset=ASSET,
                blocking=True,
                description="Error lines of the batch output are at most maxErrorShare; above it nothing is delivered.",
            ),
            dg.AssetCheckSpec(
                USER_DROP,
                asset=ASSET,
                blocking=True,
                description="Users did not drop by more than maxUserDrop against the previous run; a run can allow it.",
            ),
        ],
    )
    @or_submitted
    def user_recommendations(
        context: dg.AssetExecutionContext,
        installation: Installation,
        config: Allowance,
        batch_inference_raw: Folder,
    ) -> Iterator[dg.MaterializeResult[Materialization] | dg.AssetCheckResult]:
        """One row per user: the recommended items in rank order, with scores and the query items they came from."""
        started = time.monotonic()
        with clear_failures(), installation.engine() as engine:
            bucket, run = installation.bucket, job_run(context)
            job_config = read_config(bucket, run.job)
            lists = engine.user_lists(bucket, run, job_config, batch_inference_raw)
            previous = previous_users(bucket, run)
            users: list[int] = []

            def describe(folders: Mapping[str, Folder]) -> Metadata:
                (folder,) = folders.values()
                users.append(folder.rows_of(LISTS))
                return {
                    "rows": users[0],
                    "dagster/partition_row_count": users[0],
                    "users": users[0],
                    "users_with_errors": folder.rows_of(PRESENT),
                    "recommendations": folder.values_of("items.list.element", LISTS),
                    "repeated_queries": lists.repeated,
                    "mapping_rows_set_aside": lists.set_aside.total,
                    "users_in_previous_run": previous if previous is not None else 0,
                    "preview": table(folder.head(5, name=LISTS).to_pylist()),
                }

            yield dg.MaterializeResult(value=Materialization(lists.frames, describe, started))
            context.log.info(
                f"{users[0]:,} users, {lists.repeated:,} earlier lines of the same query left out"
            )
            errors, top = sum(lists.errors.values()), job_config.top
            checks = [
                error_share(errors, batch_inference_raw.rows, top.maxErrorShare, run.job.job_type),
                user_drop(users[0], previous, top.maxUserDrop, allowed=config.allow_user_drop),
            ]
            if stopped := stopping(checks):
                report(context, installation, run, ASSET, stopped=stopped)
            yield from map(check_result, checks)

    return user_recommendations
