"""The lists of related_items: each user's out of the lists of the items mapped to the user, by `engine.merge`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa

from personalize_connectors import layout
from personalize_connectors.assets.decoration import LISTS
from personalize_connectors.assets.user_lists import ASSET
from personalize_connectors.engine.frame import Frame
from personalize_connectors.engine.mapping import MAPPED
from personalize_connectors.engine.merge import ItemLists, item_lists, merged
from personalize_connectors.engine.recommendations import COLUMNS, SCHEMA, last_lines, readable
from personalize_connectors.folders import open_folder
from personalize_connectors.job_run import JobRun
from personalize_connectors.spark.root import Root, Stage
from personalize_connectors.spark.work import task_session, written


@dataclass(frozen=True)
class Merging:
    """Writes the lists of each partition of `user_id`, `mapped`."""

    raw: Stage
    run: JobRun
    policy: str
    longest: int
    token: str

    def __call__(self, number: int, users: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Those of one partition."""
        lists = _lists(self.raw.root, self.raw.path, self.raw.manifest["written_at"])
        mapped = (batch.select(MAPPED.names).cast(MAPPED) for batch in users)
        rows = merged(mapped, lists, self.policy, self.longest)
        frame = Frame(SCHEMA, rows, layout.stage(self.run, ASSET), name=LISTS)
        yield written(self.raw.root, frame, self.token, number)


@lru_cache(maxsize=1)
def _lists(root: Root, path: str, written_at: str) -> ItemLists:  # noqa: ARG001 - part of the cache's key: a folder that was written anew is read anew
    """All lists by query item; each worker process holds them once."""
    folder = open_folder(root.open(), path)
    with task_session() as session:
        last = last_lines(session, folder.scan())
    return item_lists(readable(folder.coded(COLUMNS), last))
