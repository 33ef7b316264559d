"""What an installation sets by environment variables. What a job sets stands in its config.json."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from personalize_connectors.cluster import Cluster, read_cluster, with_pyspark
from personalize_connectors.errors import BadSettings
from personalize_connectors.retention import Retention, read_retention
from personalize_connectors.sizes import read_size
from personalize_connectors.submission import Submission, read_submission

_MEMORY = "CONNECTORS_MEMORY_LIMIT"
_SMALLEST_MEMORY = 256 * 2**20
_LONGEST_PAUSE = 86_400
_MOST_RUNS = 1000


@dataclass(frozen=True)
class Settings:
    """The settings of one installation.

    Attributes:
        root: The bucket: a local folder or `s3://bucket[/prefix]` (`CONNECTORS_ROOT`).
        memory_limit: Bytes that the engine may use (`CONNECTORS_MEMORY_LIMIT`); half of the machine by default.
        partitions: `grid` (job x run) or `list` (`CONNECTORS_PARTITIONS`).
        runs_at_once: How many runs Dagster starts at a time; `deploy/dagster.yaml` reads it too (`CONNECTORS_RUNS_AT_ONCE`).
        cluster: The Spark cluster that works out the stages (`CONNECTORS_ENGINE`); None where this machine does.
        submission: What takes jobs that work them out (`CONNECTORS_ENGINE`); None where nothing is submitted.
        report_pictures: Whether reports load the pictures of items, from where they are (`CONNECTORS_REPORT_PICTURES`).
        sensor_seconds: The least time from one tick of the sensor to the next (`CONNECTORS_SENSOR_SECONDS`).
        retention: How long what runs leave is kept (`CONNECTORS_KEEP_...`).
    """

    root: str
    memory_limit: int
    partitions: str
    sensor_seconds: int = 30
    retention: Retention = field(default_factory=Retention)
    report_pictures: bool = False
    runs_at_once: int = 2
    cluster: Cluster | None = None
    submission: Submission | None = None


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from the environment.

    Raises:
        BadSettings: a variable has a value that cannot be used; the text names it and what would be right.
    """
    partitions = environment.get("CONNECTORS_PARTITIONS") or "grid"
    if partitions not in ("grid", "list"):
        raise BadSettings(f"CONNECTORS_PARTITIONS is {partitions!r}; it can be grid or list")
    memory = environment.get(_MEMORY)
    return Settings(
        root=environment.get("CONNECTORS_ROOT") or "./bucket",
        memory_limit=read_size(_MEMORY, memory, _SMALLEST_MEMORY, "4GiB")
        if memory
        else _half_of_the_machine(),
        partitions=partitions,
        sensor_seconds=_seconds(environment.get("CONNECTORS_SENSOR_SECONDS") or "30"),
        retention=read_retention(environment),
        report_pictures=_yes("CONNECTORS_REPORT_PICTURES", environment),
        runs_at_once=_runs(environment.get("CONNECTORS_RUNS_AT_ONCE") or "2"),
        cluster=with_pyspark(read_cluster(environment)),
        submission=read_submission(environment),
    )


def _yes(name: str, environment: Mapping[str, str]) -> bool:
    text = environment.get(name) or "false"
    if text not in ("true", "false"):
        raise BadSettings(f"{name} is {text!r}; it can be true or false")
    return text == "true"


def _seconds(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= _LONGEST_PAUSE:
        raise BadSettings(
            f"CONNECTORS_SENSOR_SECONDS is {text!r}; write whole seconds from 1 to {_LONGEST_PAUSE}"
        )
    return int(text)


def _runs(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= _MOST_RUNS:
        raise BadSettings(
            f"CONNECTORS_RUNS_AT_ONCE is {text!r}; write a whole number of runs from 1 to {_MOST_RUNS}"
        )
    return int(text)


def _half_of_the_machine() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
