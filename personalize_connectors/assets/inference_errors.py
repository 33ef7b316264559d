"""The lines that carry no recommendation, and the lines of the other inputs that cannot be used."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import pyarrow as pa

from personalize_connectors import layout
from personalize_connectors.assets.checks import INPUTS, clean_inputs
from personalize_connectors.assets.error_lines import ASSET
from personalize_connectors.assets.preview import check_result, column_schema, table
from personalize_connectors.engine.batch_output import REASONS
from personalize_connectors.engine.input_errors import SCHEMA, input_errors
from personalize_connectors.folders import Folder
from personalize_connectors.inputs import bad_input_lines
from personalize_connectors.installation import Installation, clear_failures, job_run
from personalize_connectors.io_manager import Materialization, Metadata
from personalize_connectors.jobs import read_config
from personalize_connectors.submitted import or_submitted

_COLUMNS = {
    "input": "batch_output, item_metadata or user_item_mapping.",
    "file": "Name of the file.",
    "line": "Line number in the file, from 1, where it is known.",
    "reason": "Why the line carries nothing that can be used.",
    "message": "The service's own error text.",
    "text": "The line.",
}


def inference_errors_asset(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset, in the installation's form of partitions."""

    @dg.asset(
        name=ASSET,
        partitions_def=partitions,
        group_name="recommendations",
        kinds={"duckdb", "parquet"},
        owners=["team:personalize-connectors"],
        metadata=column_schema(SCHEMA, _COLUMNS),
        check_specs=[
            dg.AssetCheckSpec(
                INPUTS,
                asset=ASSET,
                description="Every line of the item metadata and every row of the mapping can be used.",
            )
        ],
    )
    @or_submitted
    def inference_errors(
        context: dg.AssetExecutionContext, installation: Installation, batch_inference_raw: Folder
    ) -> Iterator[dg.MaterializeResult[Materialization] | dg.AssetCheckResult]:
        """One row for each line that carries no recommendation, with its reason; bad lines of metadata and mapping too."""
        started = time.monotonic()
        with clear_failures(), installation.engine() as engine:
            bucket, run = installation.bucket, job_run(context)
            config = read_config(bucket, run.job)
            bad = bad_input_lines(bucket, run.job, engine.bad_mapping_rows(bucket, run.job))
            others = pa.Table.from_pylist(bad, schema=SCHEMA)
            kept = config.top.saveBatchInferenceErrors
            counts: dict[str, Any] = {}

            def describe(folders: Mapping[str, Folder]) -> Metadata:
                folder = folders[layout.stage(run, ASSET)]
                found = input_errors(engine.session, folder.scan())
                counts.update(found.by_reason)
                first = [
                    {"input": e[0], "file": e[1], "line": e[2], "reason": e[3], "text": e[5]}
                    for e in found.first
                ]
                reasons = [{"reason": reason, "lines": number} for reason, number in found.by_reason.items()]
                return {
                    "error_lines": found.batch_lines,
                    "bad_metadata_lines": found.metadata_lines,
                    "bad_mapping_rows": found.mapping_rows,
                    "reasons": table(reasons),
                    **{f"reason_{reason}": found.by_reason.get(reason, 0) for reason in REASONS},
                    "preview": table(first),
                }

            frame = engine.error_lines(run, batch_inference_raw, others, kept=kept)
            yield dg.MaterializeResult(value=Materialization([frame], describe, started))
            context.log.info(f"{sum(counts.values()):,} lines set aside: {counts or 'none'}")
            metadata_lines = sum(row["input"] == "item_metadata" for row in bad)
            yield check_result(clean_inputs(metadata_lines, len(bad) - metadata_lines))

    return inference_errors
