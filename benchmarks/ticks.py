"""A tick of the sensor in this process, as Dagster's daemon asks for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import redirect_stderr
from io import StringIO

import dagster as dg


def ticking() -> Callable[[dg.DagsterInstance, str | None], tuple[dg.SensorExecutionData, float]]:
    """Gives for an instance and a cursor what a tick says, and the seconds it took."""
    from personalize_connectors.definitions import defs  # noqa: PLC0415 - reads the environment
    from personalize_connectors.sensors import NAME  # noqa: PLC0415 - as above

    sensor, repository = defs.resolve_sensor_def(NAME), defs.get_repository_def()

    def tick(instance: dg.DagsterInstance, cursor: str | None) -> tuple[dg.SensorExecutionData, float]:
        started = time.perf_counter()
        with (
            redirect_stderr(StringIO()),  # a tick tells what it requests
            dg.build_sensor_context(
                instance_ref=instance.get_ref(),
                cursor=cursor,
                repository_def=repository,
                resources=defs.resources or {},
            ) as context,
        ):
            data = sensor.evaluate_tick(context)
        return data, time.perf_counter() - started

    return tick
