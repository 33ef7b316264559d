"""Delivery: one `<connector>_sync` for each installed connector."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_connectors import layout, progress
from personalize_connectors.assets.decoration import items_frame, rendering_key
from personalize_connectors.assets.preview import column_schema, table
from personalize_connectors.connectors.protocol import Connector, ConnectorSettings, Fragments, Renderer
from personalize_connectors.delivery.lease import lease
from personalize_connectors.delivery.receipts import SCHEMA, ReceiptWriter
from personalize_connectors.delivery.sender import DeliveryReport, Sender
from personalize_connectors.delivery.state import PENDING, find_accepted, pending, refuse_older
from personalize_connectors.engine.frame import batches
from personalize_connectors.engine.gather import lengths, row_slices
from personalize_connectors.errors import InvalidConfig
from personalize_connectors.folders import Folder
from personalize_connectors.installation import Installation, clear_failures, job_run
from personalize_connectors.io_manager import folder_link
from personalize_connectors.job_run import JobRun
from personalize_connectors.jobs import read_config

REJECTED = "no_rejected_records"

_COLUMNS = {
    "user_id": "The user.",
    "fingerprint": "128-bit digest of what was sent.",
    "status": "accepted or rejected.",
    "text": "The destination's own words, where it rejected the record.",
    "request": "The request that held the record.",
    "attempt": "Which try of the request was answered.",
    "answered_at": "When it was answered.",
}


class Allowance(dg.Config):
    """What a person allows for one delivery."""

    allow_older_run: bool = False


def sync_name(connector: str) -> str:
    """Name of a connector's asset."""
    return f"{connector}_sync"


def sync_asset(connector: Connector, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """A connector's asset with its check, in the installation's form of partitions."""
    name = sync_name(connector.name)

    @dg.asset(
        name=name,
        partitions_def=partitions,
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
            run = job_run(context)
            if connector.name not in read_config(installation.bucket, run.job).connectors:
                context.log.info(f"config.json has no connectors.{connector.name}; nothing to do")
                yield dg.MaterializeResult(metadata={"configured": False})
                yield _rejects(DeliveryReport())
                return
            started = time.monotonic()
            delivery = _Delivery(installation, connector, run, decorated_recommendations)
            report = delivery.send(context, session, config)
            seconds = time.monotonic() - started
            context.log.info(
                f"{connector.name}: {report.accepted:,} accepted, {report.rejected_records:,} rejected in "
                f"{report.requests:,} requests ({report.retries:,} retries), {report.data_points:,} data points, {seconds:.1f} s"
            )
            receipts = layout.delivered_run(run, connector.name, "receipts")
            first = decorated_recommendations.scan(connector.name).head(
                5, columns=["user_id", "change", "items"]
            )
            yield dg.MaterializeResult(
                metadata={
                    **_figures(report, seconds),
                    "folder": folder_link(installation.bucket, receipts),
                    "rejects": table(
                        {"reason": text, "records": number} for text, number in report.rejected.items()
                    ),
                    "preview": table(first.to_pylist()),
                }
            )
            yield _rejects(report)

    return sync


@dataclass(frozen=True)
class _Delivery:
    """One delivery: what, from where, to where."""

    installation: Installation
    connector: Connector
    run: JobRun
    decorated: Folder

    def check_rendering(self, settings: ConnectorSettings) -> None:
        """The delta must have been worked out under the settings it is sent with."""
        if self.decorated.manifest.get(rendering_key(self.connector.name)) != self.connector.rendering(
            settings
        ):
            raise InvalidConfig(
                f"{self.run.key}: connectors.{self.connector.name} in config.json changed after {self.decorated.uri} was "
                "written; materialize decorated_recommendations again, then this"
            )

    def send(
        self, context: dg.AssetExecutionContext, session: duckdb.DuckDBPyConnection, allowance: Allowance
    ) -> DeliveryReport:
        """Send what is still to be sent, while nobody else delivers the same."""
        bucket, name, run = self.installation.bucket, self.connector.name, self.run
        config = read_config(bucket, run.job)
        settings = config.connectors[name]
        destination = self.connector.destination(os.environ)
        self.check_rendering(settings)
        with lease(bucket, layout.lease(run.job, name), run.key) as held:
            accepted = find_accepted(bucket, run.job, name)
            if not allowance.allow_older_run:
                refuse_older(run, accepted, name)
            rows = pending(session, bucket, self.decorated, name, accepted, delta=config.delta_check(name))
            total = int(rows.count("*").fetchall()[0][0])
            context.log.info(f"{name}: {total:,} records to send to {destination.url}")
            receipts = ReceiptWriter(bucket, layout.delivered_run(run, name, "receipts"))
            sender = Sender(
                self.connector, destination, self.connector.limits(settings), receipts, may_send=held
            )
            documents = self.decorated.scan(items_frame(name)).to_table()
            rendered = _rendered(
                batches(rows, PENDING),
                documents,
                self.connector.renderer(settings, documents, config.top.itemsPerUser),
            )
            return sender.send(
                rendered, lambda done: progress.report(f"{name}: {done:,} of {total:,} records")
            )


def _rendered(
    users: Iterator[pa.RecordBatch], documents: pa.Table, render: Renderer
) -> Iterator[tuple[pa.RecordBatch, Fragments]]:
    """Users with their fragments, in slices of a bounded number of bytes."""
    known = documents["item_id"].combine_chunks()
    sizes = pc.binary_length(documents["payload"]).to_numpy().astype(np.int64)
    for batch in users:
        codes = pc.index_in(batch["items"].flatten(), value_set=known).to_numpy()
        bounds = np.concatenate([[0], np.cumsum(lengths(batch["items"]))])
        weights = np.diff(np.concatenate([[0], np.cumsum(sizes[codes])])[bounds])
        for start, end in row_slices(weights):
            rows = batch.slice(start, end - start)
            yield rows, render(rows)


def _figures(report: DeliveryReport, seconds: float) -> dict[str, int | float | bool]:
    return {
        "configured": True,
        "rows": report.accepted + report.rejected_records,
        "requests": report.requests,
        "retries": report.retries,
        "accepted": report.accepted,
        "rejected": report.rejected_records,
        "data_points_sent": report.data_points,
        "bytes_sent": report.body_bytes,
        "seconds": round(seconds, 3),
        "users_per_second": round(report.accepted / seconds, 1) if seconds else 0.0,
    }


def _rejects(report: DeliveryReport) -> dg.AssetCheckResult:
    most = max(report.rejected, key=lambda text: report.rejected[text], default="")
    return dg.AssetCheckResult(
        check_name=REJECTED,
        passed=not report.rejected,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{report.rejected_records:,} records rejected" + (f", most: {most}" if most else ""),
        metadata={"rejected": report.rejected_records},
    )
