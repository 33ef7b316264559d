"""Where assets note their figures and write the run's report; a report that cannot be written stops no run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg

from personalize_connectors import layout
from personalize_connectors.assets.preview import picture
from personalize_connectors.installation import Installation
from personalize_connectors.job_run import JobRun
from personalize_connectors.report import chart
from personalize_connectors.report.figures import history, note
from personalize_connectors.report.run_report import RUNS, write_report
from personalize_connectors.storage import Storage


def note_figures(context: dg.OutputContext, installation: Installation, described: Mapping[str, Any]) -> None:
    """Note the numbers of a materialization."""
    figures = {name: value for name, value in described.items() if isinstance(value, int | float)}
    with _stopping_nothing(context):
        run = JobRun.parse(context.partition_key)
        note(installation.bucket, run, context.asset_key.path[-1], figures=figures, stopped=[])


def report(
    context: dg.AssetExecutionContext, installation: Installation, run: JobRun, asset: str, **noted: Any
) -> None:
    """Note what an asset has to say beside its figures, and write the report as it is now."""
    with _stopping_nothing(context):
        bucket = installation.bucket
        note(bucket, run, asset, **noted)
        path = write_report(bucket, run, pictures=installation.settings.report_pictures)
        context.log.info(f"report: {bucket.uri(path)}")


def report_link(installation: Installation, run: JobRun) -> Any:
    """The report as the UI shows it: a path on this machine, or an address."""
    uri = installation.bucket.uri(layout.report(run))
    return dg.MetadataValue.path(uri) if installation.bucket.local else dg.MetadataValue.url(uri)


def chart_of_last_runs(
    context: dg.AssetExecutionContext, bucket: Storage, run: JobRun, connector: str
) -> Any:
    """The report's chart of a connector, as the UI shows it beside the numbers; empty where it cannot be made."""
    with _stopping_nothing(context):
        rows = chart.rows(history(bucket, run, RUNS), connector)
        return picture(chart.picture(rows), "; ".join(f"{row.kind} {row.last:,}" for row in rows))
    return dg.MetadataValue.md("(none)")


@contextmanager
def _stopping_nothing(context: dg.OutputContext | dg.AssetExecutionContext) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - recommendations are worth more than the picture of their delivery
        context.log.warning(f"the run goes on without its report: {error!r}")
