"""One row per user, to be written: the core of `user_recommendations`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import duckdb
import pyarrow as pa

from personalize_connectors import layout
from personalize_connectors.assets.decoration import ASSET as DECORATED
from personalize_connectors.assets.decoration import LISTS, PRESENT
from personalize_connectors.assets.removal import NAMELESS_LINES
from personalize_connectors.engine.frame import Beside, Frame, Written, batches
from personalize_connectors.engine.mapping import MAPPED, SetAside, items_by_user
from personalize_connectors.engine.merge import item_lists, merged
from personalize_connectors.engine.recommendations import (
    COLUMNS,
    SCHEMA,
    LastLines,
    error_reasons,
    last_lines,
    lines_naming_nobody,
    lists_of_users,
    of_segments,
    of_users,
    readable,
    users_with_errors,
)
from personalize_connectors.folders import Folder, complete
from personalize_connectors.inputs import item_mapping
from personalize_connectors.job_config import JobConfig
from personalize_connectors.job_run import JobRun
from personalize_connectors.storage import Storage

ASSET = "user_recommendations"

# Job types whose query is the user.
_OF_ONE_USER = ("user_personalization", "personalized_ranking")

PRESENT_SCHEMA = pa.schema([("user_id", pa.string())])


@dataclass(frozen=True)
class UserLists:
    """The users of a run.

    Attributes:
        frames: Their lists, and the users whose line was an error, to be written lazily.
        repeated: Earlier lines of the same query, which are left out.
        errors: Lines that carry no recommendation, by reason.
        set_aside: Mapping rows that cannot be used.
    """

    frames: list[Frame]
    repeated: int
    errors: dict[str, int]
    set_aside: SetAside


def user_lists(
    session: duckdb.DuckDBPyConnection, bucket: Storage, run: JobRun, config: JobConfig, raw: Folder
) -> UserLists:
    """Make the lists of the users out of the typed lines, and out of the mapping of related items."""
    set_aside = SetAside()
    last = last_lines(session, raw.scan())
    manifest = {NAMELESS_LINES: lines_naming_nobody(session, run.job.job_type)}
    folder, there = layout.stage(run, ASSET), _written_already(run, config, raw, last)
    if there:
        lists = Frame(SCHEMA, iter(()), folder, name=LISTS, manifest=manifest, spread=lambda _token: there)
    else:
        coded = run.job.job_type != "user_segmentation"
        read = raw.coded(COLUMNS) if coded else raw.scan().to_batches(columns=list(COLUMNS))
        rows = _users(session, bucket, run, config, readable(read, last), set_aside)
        lists = Frame(SCHEMA, rows, folder, name=LISTS, manifest=manifest)
    present = batches(users_with_errors(session, run.job.job_type), PRESENT_SCHEMA)
    frames = [lists, Frame(PRESENT_SCHEMA, present, folder, name=PRESENT, replaces_last=bool(there))]
    return UserLists(frames, last.repeated, error_reasons(session), set_aside)


def of_each_line(run: JobRun, config: JobConfig) -> Beside | None:
    """The lists of the users as they are where no query stands in several lines; None where a line is not of one user."""
    if run.job.job_type not in _OF_ONE_USER:
        return None
    longest = config.top.itemsPerUser
    rows = partial(lists_of_users, longest=longest)
    return Beside(SCHEMA, layout.stage(run, ASSET), f"{LISTS}-{longest}", rows)


def _written_already(run: JobRun, config: JobConfig, raw: Folder, last: LastLines) -> list[Written]:
    """What `of_each_line` wrote, if that is what is wanted now."""
    wanted = of_each_line(run, config)
    if wanted is None or last.repeated:
        return []
    return [(folder, {**file, "frame": LISTS}) for folder, file in raw.beside if file["frame"] == wanted.name]


def previous_users(bucket: Storage, run: JobRun) -> int | None:
    """The users of the newest earlier run of the same job that was not stopped; None where there is none."""
    earlier = [folder for at, folder in complete(bucket, run.job, DECORATED) if at < run.run_at]
    manifest = bucket.manifest(earlier[-1]) if earlier else None
    return int(manifest["users"]) if manifest else None


def _users(
    session: duckdb.DuckDBPyConnection,
    bucket: Storage,
    run: JobRun,
    config: JobConfig,
    lines: Iterator[pa.RecordBatch],
    set_aside: SetAside,
) -> Iterator[pa.RecordBatch]:
    longest = config.top.itemsPerUser
    if run.job.job_type == "related_items":
        mapped = items_by_user(session, item_mapping(bucket, run.job, set_aside))
        lists = item_lists(lines)
        return merged(batches(mapped, MAPPED), lists, config.top.userItemPolicy, longest)
    if run.job.job_type == "user_segmentation":
        return batches(of_segments(session, lines, longest), SCHEMA)
    return of_users(lines, longest)
