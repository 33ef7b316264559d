"""Delivery: one `<connector>_sync` for each installed connector."""

import os
import time
from collections.abc import Iterator, Sequence

import dagster as dg

from personalize_connectors import layout, progress
from personalize_connectors.assets.decoration import items_frame, rendering_key
from personalize_connectors.assets.preview import column_schema, table
from personalize_connectors.connectors.protocol import Connector
from personalize_connectors.delivery.dispatch import Dispatch, Watch, dispatch
from personalize_connectors.delivery.receipts import SCHEMA
from personalize_connectors.delivery.recovery import Recovered
from personalize_connectors.delivery.report import DeliveryReport
from personalize_connectors.errors import ConnectorsError, InvalidConfig
from personalize_connectors.folders import Folder
from personalize_connectors.installation import Installation, clear_failures, job_run
from personalize_connectors.io_manager import folder_link
from personalize_connectors.job_config import JobConfig
from personalize_connectors.job_run import JobRun
from personalize_connectors.jobs import read_config
from personalize_connectors.reporting import chart_of_last_runs, report, report_link
from personalize_connectors.storage import Storage

REJECTED = "no_rejected_records"

_COLUMNS = {
    "user_id": "The user; of a catalog, the item.",
    "fingerprint": "128-bit digest of what was sent.",
    "status": "accepted, rejected, or unknown: sent, and never answered.",
    "text": "The destination's own words where it rejected the record, or the rule that refused it here.",
    "request": "The request that held the record; empty where nothing was sent.",
    "attempt": "Which try of the request was answered; 0 where nothing was sent.",
    "answered_at": "When it was answered.",
    "delivery": "The delivery that sent it.",
    "points": "What the destination bills for the record.",
    "sent_again": "How often it was sent although a try before may have been applied.",
}


class Allowance(dg.Config):
    """What a person allows for one delivery."""

    allow_older_run: bool = False


def sync_name(connector: str) -> str:
    """Name of a connector's asset."""
    return f"{connector}_sync"


def sync_asset(
    connector: Connector, partitions: dg.PartitionsDefinition[str], after: Sequence[str]
) -> dg.AssetsDefinition:
    """A connector's asset with its check, in the installation's form of partitions; it runs after the connectors named."""
    name = sync_name(connector.name)

    @dg.asset(
        name=name,
        partitions_def=partitions,
        deps=[sync_name(other) for other in after],
        group_name="recommendations",
        kinds={connector.name},
        owners=["team:personalize-connectors"],
        description=f"Receipts of the delivery to {connector.name}: one row for each record that was sent, with the answer.",
        metadata=column_schema(SCHEMA, _COLUMNS),
        check_specs=[
            dg.AssetCheckSpec(
                REJECTED, asset=name, description="The destination took every record that was sent."
            )
        ],
    )
    def sync(
        context: dg.AssetExecutionContext,
        installation: Installation,
        config: Allowance,
        decorated_recommendations: Folder,
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with clear_failures(), installation.session() as session:
            bucket, run = installation.bucket, job_run(context)
            job_config = read_config(bucket, run.job)
            if connector.name not in job_config.connectors:
                context.log.info(f"config.json has no connectors.{connector.name}; nothing to do")
                yield dg.MaterializeResult(metadata={"configured": False})
                yield _rejects(DeliveryReport())
                return
            what = _dispatch(
                bucket,
                run,
                job_config,
                connector,
                decorated_recommendations,
                allow_older=config.allow_older_run,
            )
            watch = Watch(
                context.log.info,
                lambda done, total: progress.report(f"{connector.name}: {done:,} of {total:,} records"),
            )
            started = time.monotonic()
            try:
                done, recovered = dispatch(session, what, os.environ, watch)
            except ConnectorsError as error:
                report(context, installation, run, name, stopped=[str(error)])
                raise
            seconds = time.monotonic() - started
            context.log.info(_line(connector.name, done, seconds))
            figures = _figures(done, recovered, seconds)
            report(context, installation, run, name, figures=figures, rejects=done.rejected, stopped=[])
            yield dg.MaterializeResult(
                metadata={
                    **figures,
                    "last_runs": chart_of_last_runs(context, bucket, run, connector.name),
                    "report": report_link(installation, run),
                    "folder": folder_link(bucket, layout.delivered_run(run, connector.name, "receipts")),
                    "rejects": table(
                        {"reason": text, "records": number} for text, number in done.rejected.items()
                    ),
                    "preview": table(
                        decorated_recommendations.head(
                            5, ["user_id", "change", "items"], connector.name
                        ).to_pylist()
                    ),
                }
            )
            yield _rejects(done)

    return sync


def _dispatch(
    bucket: Storage,
    run: JobRun,
    config: JobConfig,
    connector: Connector,
    decorated: Folder,
    *,
    allow_older: bool,
) -> Dispatch:
    """What is delivered; the delta must have been worked out under the settings it is sent with."""
    settings = config.connectors[connector.name]
    if decorated.manifest.get(rendering_key(connector.name)) != connector.rendering(settings):
        raise InvalidConfig(
            f"{run.key}: connectors.{connector.name} in config.json changed after {decorated.uri} was written; materialize "
            "decorated_recommendations again, then this"
        )
    return Dispatch(
        bucket=bucket,
        run=run,
        connector=connector,
        settings=settings,
        decorated=decorated,
        documents=items_frame(connector.name),
        longest=config.top.itemsPerUser,
        delta=config.delta_check(connector.name),
        allow_older=allow_older,
    )


def _line(name: str, done: DeliveryReport, seconds: float) -> str:
    twice = f", {done.billed_twice:,} perhaps billed twice" if done.billed_twice else ""
    return (
        f"{name}: {done.accepted:,} accepted, {done.rejected_records:,} rejected in {done.requests:,} requests "
        f"({done.retries:,} retries){twice}, {done.data_points:,} data points, {seconds:.1f} s"
    )


def _figures(done: DeliveryReport, recovered: Recovered, seconds: float) -> dict[str, int | float | bool]:
    return {
        "configured": True,
        "rows": done.accepted + done.rejected_records,
        "requests": done.requests,
        "retries": done.retries,
        "throttled": done.throttled,
        "accepted": done.accepted,
        "rejected": done.rejected_records,
        "records_perhaps_billed_twice": done.billed_twice,
        "data_points_perhaps_billed_twice": done.billed_twice_points,
        "recovered_accepted": recovered.accepted,
        "recovered_rejected": recovered.rejected,
        "recovered_without_answer": recovered.unknown,
        "data_points_sent": done.data_points,
        "bytes_sent": done.body_bytes,
        "seconds": round(seconds, 3),
        "seconds_at_the_rate_limit": round(done.waited, 3),
        "users_per_second": round(done.accepted / seconds, 1) if seconds else 0.0,
    }


def _rejects(done: DeliveryReport) -> dg.AssetCheckResult:
    most = max(done.rejected, key=lambda text: done.rejected[text], default="")
    return dg.AssetCheckResult(
        check_name=REJECTED,
        passed=not done.rejected,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{done.rejected_records:,} records rejected" + (f", most: {most}" if most else ""),
        metadata={"rejected": done.rejected_records},
    )
