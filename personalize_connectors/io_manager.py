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
from personalize_connectors.reporting import note_figures
from personalize_connectors.storage import Storage

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
        context.log.info(f"wrote {folder.rows:,} rows, {folder.size:,} bytes in {seconds:.1f} s")
        context.add_output_metadata({**written_metadata(folder, seconds), **described})
        note_figures(context, self.installation, described)

    def load_input(self, context: dg.InputContext) -> Folder:
        """The upstream asset's folder of this job run, for lazy scans."""
        with clear_failures():
            run = JobRun.parse(context.partition_key)
            return open_folder(self.installation.bucket, layout.stage(run, context.asset_key.path[-1]))


def folder_link(storage: Storage, path: str) -> Any:
    """A folder as the UI shows it: a path on this machine, or an address."""
    uri = storage.uri(path)
    return dg.MetadataValue.path(uri) if storage.local else dg.MetadataValue.url(uri)


def written_metadata(folder: Folder, seconds: float) -> dict[str, Any]:
    """What every materialization says about its folder."""
    return {
        "rows": folder.rows,
        "bytes": folder.size,
        "seconds": round(seconds, 3),
        "folder": folder_link(folder.storage, folder.path),
        "dagster/partition_row_count": folder.rows,
    }
