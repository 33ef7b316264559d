"""What Dagster loads: wiring, nothing else."""

from __future__ import annotations

import dagster as dg

from personalize_connectors.assets.batch_inference_raw import batch_inference_raw_asset
from personalize_connectors.assets.configs import config_can_be_used
from personalize_connectors.assets.connector_state import connector_state_asset
from personalize_connectors.assets.decorated_recommendations import decorated_recommendations_asset
from personalize_connectors.assets.inference_errors import inference_errors_asset
from personalize_connectors.assets.sync import sync_asset
from personalize_connectors.assets.user_recommendations import user_recommendations_asset
from personalize_connectors.connectors.registry import before, connectors
from personalize_connectors.installation import Installation
from personalize_connectors.io_manager import LayoutIOManager
from personalize_connectors.notifications.sensors import notification_sensors
from personalize_connectors.operator_lines import NAME as OPERATOR_LINES
from personalize_connectors.operator_lines import operator_lines
from personalize_connectors.partitions import partitions
from personalize_connectors.retries import leave_what_fails_again, lost_retries_sensor
from personalize_connectors.schedules import housekeeping_job, housekeeping_schedule
from personalize_connectors.sensors import new_batch_inference_output_sensor
from personalize_connectors.settings import read_settings

JOB = "deliver_recommendations"

_settings = read_settings()
_partitions = partitions(_settings.partitions)
_installation = Installation()
_io_manager = LayoutIOManager(installation=_installation)

_before_delivery = [
    batch_inference_raw_asset(_partitions),
    inference_errors_asset(_partitions),
    user_recommendations_asset(_partitions),
    decorated_recommendations_asset(_partitions),
]
_assets = [
    *_before_delivery,
    *(sync_asset(connector, _partitions, before(connector)) for connector in connectors().values()),
    connector_state_asset(_partitions),
]

BEFORE_DELIVERY = [asset.key for asset in _before_delivery]

_job = dg.define_asset_job(
    JOB,
    selection=dg.AssetSelection.assets(*_assets) - dg.AssetSelection.checks(config_can_be_used),
    description="Every stage of one job run, in order.",
    hooks={leave_what_fails_again},
)

defs = dg.Definitions(
    assets=_assets,
    asset_checks=[config_can_be_used],
    jobs=[_job, housekeeping_job],
    schedules=[housekeeping_schedule],
    sensors=[
        new_batch_inference_output_sensor(
            JOB, BEFORE_DELIVERY, _settings.partitions, _settings.sensor_seconds
        ),
        lost_retries_sensor(JOB),
        *notification_sensors(_job),
    ],
    resources={"installation": _installation, "io_manager": _io_manager},
    loggers={"console": dg.colored_console_logger, OPERATOR_LINES: operator_lines},
    executor=dg.in_process_executor,
)
