"""A run up to its first request: its stages go to a folder of their own for a while, and the bucket is only read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from personalize_connectors import progress
from personalize_connectors.allowance import Allowance
from personalize_connectors.assets.checks import (
    VALID,
    Check,
    clean_inputs,
    decoration_checks,
    error_share,
    user_drop,
)
from personalize_connectors.assets.decoration import (
    LISTS,
    Decoration,
    decorate,
    is_catalog,
    items_frame,
    recommended_items,
)
from personalize_connectors.assets.raw_lines import raw_lines
from personalize_connectors.assets.user_lists import previous_users, user_lists
from personalize_connectors.delivery.dispatch import Dispatch
from personalize_connectors.delivery.state import find_accepted, refuse_older
from personalize_connectors.engine.frame import Frame
from personalize_connectors.engine.item_metadata import ItemMetadata
from personalize_connectors.engine.items import Items
from personalize_connectors.engine.scratch import scratch_folder
from personalize_connectors.engine.session import open_session
from personalize_connectors.errors import OlderRun
from personalize_connectors.folders import Folder, write_frames
from personalize_connectors.inputs import item_metadata
from personalize_connectors.job_config import JobConfig
from personalize_connectors.job_run import JobRun
from personalize_connectors.jobs import read_config
from personalize_connectors.plan.delivery import plan_delivery
from personalize_connectors.plan.result import ConnectorPlan, Plan
from personalize_connectors.sources import Source, source_of
from personalize_connectors.storage import Storage, open_storage


def plan_run(bucket: Storage, memory_limit: int, run: JobRun, allowance: Allowance) -> Plan:
    """What a run would do. Nothing in the bucket is written and no request is sent.

    Raises:
        ConnectorsError: the run would end without a result: no source, no mapping, a config that cannot be used.
    """
    config = read_config(bucket, run.job)
    source, metadata = source_of(bucket, config, run), item_metadata(bucket, run.job)
    with scratch_folder() as folder:
        what = _Planned(bucket, open_storage(str(folder)), memory_limit, run, config, allowance)
        raw = _raw(what, source)
        lists = _lists(what, raw)
        decorations = _decorations(what, lists.folder, metadata)
        plans = tuple(_deliveries(what, decorations))
    checks = [
        clean_inputs(len(metadata.bad), lists.rows_set_aside),
        error_share(sum(lists.errors.values()), raw.rows, config.top.maxErrorShare, run.job.job_type),
        user_drop(lists.users, lists.previous, config.top.maxUserDrop, allowed=allowance.user_drop),
        *decoration_checks(config, decorations.of, decorations.items),
    ]
    return Plan(
        run=run.key,
        source=source.uri,
        lines=raw.rows,
        error_lines=lists.errors,
        users=lists.users,
        users_in_previous_run=lists.previous,
        connectors=plans,
        stops=(*_texts(checks, stops=True), *_older(what)),
        warnings=tuple(_texts(checks, stops=False)),
    )


@dataclass(frozen=True)
class _Planned:
    """A run that is planned: what it reads, and the scratch storage that takes its stages."""

    bucket: Storage
    scratch: Storage
    memory_limit: int
    run: JobRun
    config: JobConfig
    allowance: Allowance

    def written(self, frames: list[Frame]) -> Folder:
        """The folder of some frames of one stage."""
        return write_frames(self.scratch, frames)[frames[0].folder]


@dataclass(frozen=True)
class _Lists:
    """The users' lists, and what else their stage tells."""

    folder: Folder
    errors: dict[str, int]
    rows_set_aside: int
    previous: int | None

    @property
    def users(self) -> int:
        return self.folder.rows_of(LISTS)


@dataclass(frozen=True)
class _Decorations:
    """The delta of each connector, with the items that they name."""

    of: Mapping[str, Decoration]
    items: Items
    folder: Folder


def _raw(what: _Planned, source: Source) -> Folder:
    progress.report(f"reading {source.uri}")
    with open_session(what.memory_limit) as session:
        return what.written([raw_lines(session, what.run, what.config, source)])


def _lists(what: _Planned, raw: Folder) -> _Lists:
    progress.report("making the lists of the users")
    with open_session(what.memory_limit) as session:
        found = user_lists(session, what.bucket, what.run, what.config, raw)
        folder = what.written(found.frames)
    return _Lists(folder, found.errors, found.set_aside.total, previous_users(what.bucket, what.run))


def _decorations(what: _Planned, users: Folder, metadata: ItemMetadata) -> _Decorations:
    progress.report("comparing with what was accepted")
    with open_session(what.memory_limit) as session:
        items = recommended_items(users, metadata)
        found = decorate(session, what.bucket, what.run, what.config, users, items, what.allowance)
        folder = what.written([decoration.rows for decoration in found.values()])
    return _Decorations(found, items, folder)


def _deliveries(what: _Planned, decorations: _Decorations) -> Iterator[ConnectorPlan]:
    """In the order in which a run delivers: items before the profiles that name them."""
    for name in sorted(decorations.of, key=is_catalog, reverse=True):
        progress.report(f"{name}: rendering what would be sent")
        decoration = decorations.of[name]
        delivery = Dispatch(
            bucket=what.bucket,
            run=what.run,
            connector=decoration.what.connector,
            settings=decoration.what.settings,
            decorated=decorations.folder,
            documents=items_frame(name),
            longest=decoration.what.longest,
            delta=what.config.delta_check(name),
        )
        with open_session(what.memory_limit) as session:
            yield plan_delivery(session, delivery, decoration, decorations.items)


def _older(what: _Planned) -> Iterator[str]:
    """Why the run is not delivered, where a newer one was."""
    for name in () if what.allowance.older_run else what.config.connectors:
        try:
            refuse_older(what.run, find_accepted(what.bucket, what.run.job, name), name)
        except OlderRun as error:
            yield str(error)


def _texts(checks: list[Check], *, stops: bool) -> list[str]:
    """What the checks say that did not pass; values that are left out stand with their connector."""
    return [
        check.text
        for check in checks
        if not check.passed and check.stops == stops and (stops or check.name != VALID)
    ]
