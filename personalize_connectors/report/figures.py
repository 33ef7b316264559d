"""The figures of a run, small and kept beside its report, so that later reports can show them when the stages are gone."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from personalize_connectors import layout
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.storage import Storage

FIRST = "batch_inference_raw"
_AT_ONCE = 8


@dataclass(frozen=True)
class RunFigures:
    """What the assets of one run noted.

    Attributes:
        run: The job run.
        assets: By asset: `figures` (numbers by name), `stopped` (why nothing came after it), `deltas` and `rejects`.
    """

    run: JobRun
    assets: Mapping[str, Mapping[str, Any]]

    def number(self, asset: str, name: str) -> float | None:
        """One figure; None where the asset has not noted it."""
        value = self.assets.get(asset, {}).get("figures", {}).get(name)
        return value if isinstance(value, int | float) else None

    @property
    def deltas(self) -> Mapping[str, Mapping[str, int]]:
        """By connector, how many were added, changed, and so on; empty before they are known."""
        found: Mapping[str, Mapping[str, int]] = self.assets.get("decorated_recommendations", {}).get(
            "deltas", {}
        )
        return found

    def sync(self, connector: str) -> Mapping[str, Any] | None:
        """What a connector's delivery noted; None where there was none."""
        return self.assets.get(f"{connector}_sync")

    def rejects(self, connector: str) -> Mapping[str, int]:
        """Rejected records of a connector by reason."""
        found: Mapping[str, int] = (self.sync(connector) or {}).get("rejects", {})
        return found

    @property
    def stopped(self) -> list[tuple[str, str]]:
        """Asset and text, for all that stopped the run."""
        return [(asset, text) for asset, noted in self.assets.items() for text in noted.get("stopped", [])]


def note(bucket: Storage, run: JobRun, asset: str, **noted: Any) -> None:
    """Add what an asset has to say to the figures of its run; the first asset begins them anew."""
    before = None if asset == FIRST else read_figures(bucket, run)
    assets = dict(before.assets) if before else {}
    assets[asset] = {**assets.get(asset, {}), **noted}
    bucket.write(layout.figures(run), orjson.dumps({"assets": assets}))


def read_figures(bucket: Storage, run: JobRun) -> RunFigures | None:
    """The figures of a run; None where it left none that can be read."""
    try:
        found = orjson.loads(bucket.read(layout.figures(run)))
    except (FileNotFoundError, orjson.JSONDecodeError):
        return None
    return RunFigures(run, found["assets"])


def runs_with_figures(bucket: Storage, job: Job) -> list[datetime]:
    """The timestamps of all runs that left figures, oldest first."""
    paths = (entry.path for entry in bucket.objects(layout.reports(job)))
    found = ((layout.run_at_of(path), path) for path in paths)
    return sorted(at for at, path in found if at and path == layout.figures(JobRun(job, at)))


def history(bucket: Storage, run: JobRun, most: int) -> list[RunFigures]:
    """The figures of a run and of those before it, oldest first."""
    runs = [JobRun(run.job, at) for at in runs_with_figures(bucket, run.job) if at <= run.run_at][-most:]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="figures") as pool:
        return [found for found in pool.map(lambda one: read_figures(bucket, one), runs) if found]
