"""One stage of a run, in a process that knows no other Dagster than its own: a submitted job."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import dagster as dg

from personalize_connectors.assets.batch_inference_raw import batch_inference_raw_asset
from personalize_connectors.assets.decorated_recommendations import decorated_recommendations_asset
from personalize_connectors.assets.inference_errors import inference_errors_asset
from personalize_connectors.assets.user_recommendations import user_recommendations_asset
from personalize_connectors.installation import Installation
from personalize_connectors.io_manager import LayoutIOManager
from personalize_connectors.job_run import JobRun
from personalize_connectors.partitions import partitions, register
from personalize_connectors.stage_outcome import StageOutcome

_FORM = "list"  # its keys are spelled as those of the grid
_LINES = "lines"
_ASSETS = (
    batch_inference_raw_asset,
    inference_errors_asset,
    user_recommendations_asset,
    decorated_recommendations_asset,
)


def one_stage(asset: str, key: str, config: Mapping[str, Any], log: logging.Logger) -> StageOutcome:
    """Materialize one asset for one job run; its lines go to a logger as they come."""
    installation = Installation()
    job = dg.Definitions(
        assets=[made(partitions(_FORM)) for made in _ASSETS],
        jobs=[dg.define_asset_job("one_stage", selection=[asset])],
        resources={"installation": installation, "io_manager": LayoutIOManager(installation=installation)},
        loggers={_LINES: dg.LoggerDefinition(lambda _: _lines(log))},
        executor=dg.in_process_executor,
    ).resolve_job_def("one_stage")
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, _FORM, JobRun.parse(key))
        result = job.execute_in_process(
            instance=instance,
            partition_key=key,
            raise_on_error=False,
            run_config={
                "loggers": {_LINES: {"config": {}}},
                "ops": {asset: {"config": dict(config)}} if config else {},
            },
        )
        run = instance.get_run_by_id(result.run_id)
        return StageOutcome.of(result, run.tags if run else {})


class _Lines(logging.Handler):
    """The lines of the asset itself, without those of Dagster."""

    def __init__(self, log: logging.Logger) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        meta = getattr(record, "dagster_meta", {})
        if not meta.get("dagster_event"):
            self._log.log(record.levelno, meta.get("orig_message", record.getMessage()))


def _lines(log: logging.Logger) -> logging.Logger:
    logger = logging.Logger(_LINES, logging.INFO)  # noqa: LOG001 - one for this run
    logger.addHandler(_Lines(log))
    return logger
