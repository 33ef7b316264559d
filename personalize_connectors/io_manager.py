"""Lazy frames to and from the year/month/day/time layout; the path functions are `layout`'s, the writing `folders`'."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from personalize_connectors import layout
from personalize_connectors.engine.frame import Frame
from personalize_connectors.folders import Folder, open_folder, write_frames
from personalize_connectors.installation import Installation, clear_failures
from personalize_connectors.job_run import JobRun

Metadata = Mapping[str, Any]


@dataclass(frozen=True)
class Materialization:
    """What an asset hands to the IO manager.

    Attributes:
        frames: What to write; the first one's folder is the asset's.
        describe: Metadata that can only be told once the folders (by path) are written.
        started: When the asset began, on the monotonic clock.
    """

    frames: Sequence[Frame]
    describe: Callable[[Mapping[str, Folder]], Metadata]
    started: float


class LayoutIOManager(dg.ConfigurableIOManager):
    """Writes frames below the job's folder and hands the next asset the written folder."""

    installation: dg.ResourceDependency[Installation]

    def handle_output(self, context: dg.OutputContext, obj: Materialization) -> None:
        """Write the frames and say what was written."""
        with clear_failures():
            folders = write_frames(self.installation.bucket, obj.frames)
            described = obj.describe(folders)
        folder = folders[obj.frames[0].folder]
        seconds = time.monotonic() - obj.started
        context.log.info(
            f"wrote {folder.rows:,} rows, {folder.size:,} bytes in {seconds:.1f} s to {folder.uri}"
        )
        context.add_output_metadata({**written_metadata(folder, seconds), **described})

    def load_input(self, context: dg.InputContext) -> Folder:
        """The upstream asset's folder of this job run, for lazy scans."""
        with clear_failures():
            run = JobRun.parse(context.partition_key)
            return open_folder(self.installation.bucket, layout.stage(run, context.asset_key.path[-1]))


def written_metadata(folder: Folder, seconds: float) -> dict[str, Any]:
    """What every materialization says about its folder."""
    place: Any = (
        dg.MetadataValue.path(folder.uri) if folder.storage.local else dg.MetadataValue.url(folder.uri)
    )
    return {
        "rows": folder.rows,
        "bytes": folder.size,
        "seconds": round(seconds, 3),
        "folder": place,
        "dagster/partition_row_count": folder.rows,
    }
