"""The items that some profile may still name, though no list of this run does: they stay in the catalog.

Profiles get this run's lists only after the catalog is written. Until then, and where a user is missing, rejected or not
answered for, a profile holds the list that was accepted last; the runs since then say which items that can be.
"""

from __future__ import annotations

from datetime import datetime

import duckdb
import pyarrow as pa

from personalize_connectors import layout
from personalize_connectors.connectors.registry import connectors
from personalize_connectors.delivery.state import accepted_state, find_accepted
from personalize_connectors.engine.item_documents import SCHEMA as DOCUMENTS
from personalize_connectors.folders import Folder, open_folder
from personalize_connectors.job_config import JobConfig
from personalize_connectors.job_run import JobRun
from personalize_connectors.storage import Storage

_ITEMS = pa.schema([("user_id", pa.string())])


def still_named(
    session: duckdb.DuckDBPyConnection,
    bucket: Storage,
    oldest: datetime | None,
    stages: str,
    frame: str,
) -> duckdb.DuckDBPyRelation | None:
    """The items (`user_id`) of all runs since the oldest list that is not this run's; None where one of them is gone.

    Args:
        session: Gives the relation.
        bucket: The root of the layout.
        oldest: When the oldest list was accepted that this run does not change; None where there is none.
        stages: The folder above the runs' folders of `decorated_recommendations`.
        frame: The frame of item documents in each of them.
    """
    if oldest is None:
        return session.from_arrow(_ITEMS.empty_table())
    folders = _written(bucket, stages)
    before = [at for at, _ in folders if at <= oldest]
    if not before:
        return None
    scans = [folder.scan(frame) for at, folder in folders if at >= max(before) and folder.rows_of(frame)]
    items = [scan.to_table(columns=["item_id"]) for scan in scans]
    named = pa.concat_tables(items) if items else DOCUMENTS.empty_table().select(["item_id"])
    return session.from_arrow(named).project("item_id AS user_id").distinct()


def oldest_list(
    session: duckdb.DuckDBPyConnection, bucket: Storage, run: JobRun, config: JobConfig
) -> datetime | None:
    """When the oldest list was accepted that this run would change, or leave where it is; None where there is none.

    The session holds the table `delta_<connector>` of each profile connector.
    """
    found = []
    for name in config.connectors:
        if connectors()[name].unit != "user":
            continue
        accepted_state(session, bucket, find_accepted(bucket, run.job, name)).create_view(
            "held_lists", replace=True
        )
        rows = session.execute(
            f"""
            SELECT min(accepted_at) FROM held_lists
            ANTI JOIN (SELECT user_id FROM "delta_{name}" WHERE change = 'unchanged') USING (user_id)
            """
        ).fetchall()
        found += [at for (at,) in rows if at is not None]
    return min(found, default=None)


def _written(bucket: Storage, stages: str) -> list[tuple[datetime, Folder]]:
    paths = [
        found.path.rpartition("/")[0] for found in bucket.objects(stages) if found.name == layout.SUCCESS
    ]
    folders = [open_folder(bucket, path) for path in paths]
    return [(datetime.fromisoformat(folder.manifest["written_at"]), folder) for folder in folders]
