"""What Dagster loads: wiring, nothing else."""

from __future__ import annotations

import dagster as dg

from personalize_connectors.assets.batch_inference_raw import batch_inference_raw_asset
from personalize_connectors.assets.connector_state import connector_state_asset
from personalize_connectors.assets.decorated_recommendations import decorated_recommendations_asset
from personalize_connectors.assets.inference_errors import inference_errors_asset
from personalize_connectors.assets.sync import sync_asset
from personalize_connectors.assets.user_recommendations import user_recommendations_asset
from personalize_connectors.connectors.registry import connectors
from personalize_connectors.installation import Installation
from personalize_connectors.io_manager import LayoutIOManager
from personalize_connectors.partitions import partitions
from personalize_connectors.settings import read_settings

JOB = "deliver_recommendations"

_partitions = partitions(read_settings().partitions)
_installation = Installation()
_io_manager = LayoutIOManager(installation=_installation)

defs = dg.Definitions(
    assets=[
        batch_inference_raw_asset(_partitions),
        inference_errors_asset(_partitions),
        user_recommendations_asset(_partitions),
        decorated_recommendations_asset(_partitions),
        *(sync_asset(connector, _partitions) for connector in connectors().values()),
        connector_state_asset(_partitions),
    ],
    jobs=[dg.define_asset_job(JOB, selection="*", description="Every stage of one job run, in order.")],
    resources={"installation": _installation, "io_manager": _io_manager},
    executor=dg.in_process_executor,
)
