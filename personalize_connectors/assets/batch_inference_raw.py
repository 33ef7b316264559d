"""The first stage: every line of the source, typed."""

import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import dagster as dg

from personalize_connectors import layout
from personalize_connectors.assets.preview import column_schema, table
from personalize_connectors.assets.raw_lines import ASSET
from personalize_connectors.connectors.registry import connectors
from personalize_connectors.credentials import find_destination
from personalize_connectors.delivery.lease import refuse_while_delivering
from personalize_connectors.engine.batch_output import SCHEMA
from personalize_connectors.folders import Folder
from personalize_connectors.installation import Installation, clear_failures, job_run
from personalize_connectors.io_manager import Materialization, Metadata
from personalize_connectors.jobs import read_config
from personalize_connectors.sources import SOURCE_VERSION, newest_sources, oddities, place_of, source_of
from personalize_connectors.submitted import or_submitted

_COLUMNS = {
    "file": "Name of the .out file.",
    "line": "Line number in the file, from 1.",
    "query": "What the line was asked for: user, item, or attribute expression.",
    "recommended": "Recommended ids in rank order.",
    "scores": "Scores in the same order, where the recipe gives them.",
    "extra": "Other keys of the output (themes, reasons), each as JSON text.",
    "reason": "Why the line carries no recommendation; null where it does.",
    "message": "The service's own error text.",
    "text": "The line itself, where it carries no recommendation.",
}


def batch_inference_raw_asset(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset, in the installation's form of partitions."""

    @dg.asset(
        name=ASSET,
        partitions_def=partitions,
        group_name="recommendations",
        kinds={"s3", "duckdb", "parquet"},
        owners=["team:personalize-connectors"],
        metadata=column_schema(SCHEMA, _COLUMNS),
    )
    @or_submitted
    def batch_inference_raw(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> Iterator[dg.MaterializeResult[Materialization]]:
        """Every line of every .out file of the batch output, typed, with file and line number; unreadable lines too."""
        started = time.monotonic()
        with clear_failures():
            bucket, run = installation.bucket, job_run(context)
            config = read_config(bucket, run.job)
            for name in config.connectors:
                refuse_while_delivering(bucket, layout.lease(run.job, name), run.key)
            for name in () if installation.submitted else config.connectors:
                find_destination(connectors()[name], os.environ)
            source = source_of(bucket, config, run)
            beside = newest_sources(place_of(bucket, config), 2, until=source.at)
        context.instance.add_run_tags(context.run.run_id, {SOURCE_VERSION: source.version})
        size = sum(file.size for file in source.files)
        context.log.info(f"reading {len(source.files)} files, {size:,} bytes from {source.uri}")
        for text in oddities(beside, datetime.now(UTC)):
            context.log.warning(text)

        def describe(folders: Mapping[str, Folder]) -> Metadata:
            (folder,) = folders.values()
            first = folder.head(5, ["file", "line", "query", "recommended", "reason"])
            return {
                "source": source.uri,
                "source_at": dg.MetadataValue.timestamp(source.at),
                "source_files": len(source.files),
                "source_bytes": size,
                "lines": folder.rows,
                "error_lines": folder.values_of("reason"),
                "preview": table(first.to_pylist()),
            }

        with clear_failures(), installation.engine() as engine:
            frame = engine.raw_lines(bucket, run, config, source)
            yield dg.MaterializeResult(value=Materialization([frame], describe, started))

    return batch_inference_raw
