"""One installation for a test: a bucket in a folder or on S3, the emulator as Braze, and the real job in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import orjson
import pyarrow as pa

from personalize_connectors import layout
from personalize_connectors.definitions import JOB, defs
from personalize_connectors.emulators.braze import RunningEmulator
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.partitions import register
from personalize_connectors.storage import Storage

DAYS = tuple(datetime(2026, 11, day, 3, tzinfo=UTC) for day in (21, 22, 23))
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
KEYS = {"related_items": "itemId", "user_segmentation": "itemId"}


@dataclass(frozen=True)
class Outcome:
    """What a run left in Dagster.

    Attributes:
        success: Whether all of it went well.
        metadata: Asset to metadata values.
        checks: Check to whether it passed, and what it says.
        failures: Step to the text of its failure.
    """

    success: bool
    metadata: dict[str, dict[str, Any]]
    checks: dict[str, tuple[bool, str]]
    failures: dict[str, str]


def launch(
    instance: dg.DagsterInstance, key: str, config: Mapping[str, Any] | None = None, only: str | None = None
) -> dg.ExecuteInProcessResult:
    """Run the whole job, or one asset of it, for one partition key."""
    return defs.resolve_job_def(JOB).execute_in_process(
        instance=instance,
        partition_key=key,
        raise_on_error=False,
        run_config={**QUIET, **(config or {})},
        asset_selection=[dg.AssetKey(only)] if only else None,
    )


@dataclass(frozen=True)
class World:
    """A bucket, a destination and a Dagster instance."""

    bucket: Storage
    emulator: RunningEmulator
    instance: dg.DagsterInstance

    @property
    def root(self) -> Path:
        """The bucket, where it is a folder."""
        assert self.bucket.local
        return self.bucket.local

    def configure(
        self,
        job: Job,
        braze: Mapping[str, Any] | None = None,
        others: Mapping[str, Any] | None = None,
        **top: Any,
    ) -> None:
        """Write the job's config.json."""
        connectors = {"braze": braze or {}, **(others or {})}
        content = {"batchInferencePath": f"batch/{job.name}", "connectors": connectors, **top}
        self.write(layout.config_file(job), json.dumps(content))

    def answer(self, job: Job, day: int, lists: Mapping[str, list[str]], *more: str) -> None:
        """Write the batch output of a day: query to list, and lines as they are."""
        key = KEYS.get(job.job_type, "userId")
        name = "recommendedUsers" if job.job_type == "user_segmentation" else "recommendedItems"
        lines = [
            orjson.dumps({"input": {key: query}, "output": {name: lists[query]}}).decode() for query in lists
        ]
        content = "".join(f"{line}\n" for line in [*lines, *more])
        self.write(f"batch/{job.name}/{DAYS[day]:%Y_%m_%d_%H_%M_%S}/input.json.out", content)

    def metadata(self, job: Job, items: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the job's item metadata."""
        lines = [orjson.dumps({"id": item, **items[item]}).decode() + "\n" for item in items]
        self.write(f"{layout.metadata_folder(job)}/items.json", "".join(lines))

    def mapping(self, job: Job, pairs: list[tuple[str, str]]) -> None:
        """Write the job's user-item mapping; ids without quotes or newlines."""
        rows = "".join(f"{user},{item}\n" for user, item in pairs)
        self.write(f"{layout.mapping_folder(job)}/views.csv", f"USER_ID,ITEM_ID\n{rows}")

    def write(self, path: str, content: str) -> None:
        """Write a file of the bucket."""
        self.bucket.write(path, content.encode())

    def run(self, job: Job, day: int, *, allow_user_drop: bool = False, **decorating: Any) -> Outcome:
        """Run a job of a day; `decorating` is the config of decorated_recommendations."""
        run = JobRun(job, DAYS[day])
        register(self.instance, "grid", run)
        ops = {
            "user_recommendations": {"config": {"allow_user_drop": allow_user_drop}},
            "decorated_recommendations": {"config": decorating},
        }
        return outcome(launch(self.instance, run.key, {"ops": ops}))

    def records(self, job: Job, day: int) -> list[bytes]:
        """The decorated records of a day, as they stand in the bucket."""
        folder = self.root / layout.output(JobRun(job, DAYS[day]), "braze")
        return [line for path in sorted(folder.glob("*.json*")) for line in read_lines(path)]

    def requests(self) -> int:
        """How many requests were sent until now."""
        return int(self.emulator.stats()["requests"])


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, compressed as its name says."""
    compression = {".zst": "zstd", ".gz": "gzip"}.get(path.suffix)
    with pa.input_stream(str(path), compression=compression) as stream:
        yield from stream.read().splitlines()


def outcome(result: dg.ExecuteInProcessResult) -> Outcome:
    """Read a result."""
    metadata = {
        event.materialization.asset_key.path[-1]: {
            name: getattr(value, "value", value) for name, value in event.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
    }
    checks = {
        check.check_name: (check.passed, check.description or "")
        for check in result.get_asset_check_evaluations()
    }
    failures = {}
    for event in result.all_events:
        if event.is_step_failure and event.step_key:
            data = event.step_failure_data
            said = data.user_failure_data.description if data.user_failure_data else None
            failures[event.step_key] = said or (data.error.to_string() if data.error else "")
        if event.event_type_value == "PIPELINE_FAILURE" and event.job_failure_data.error and not failures:
            failures["run"] = event.job_failure_data.error.to_string()
    return Outcome(result.success, metadata, checks, failures)


def main() -> None:
    """Run one partition in a process of its own, which a test may kill; the key comes from the environment."""
    run = JobRun.parse(os.environ["JOB_RUN"])
    with dg.DagsterInstance.ephemeral() as instance:
        register(instance, "grid", run)
        raise SystemExit(not launch(instance, run.key).success)


if __name__ == "__main__":
    main()
