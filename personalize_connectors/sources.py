"""The batch outputs of a job, and which one a run reads."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise

from personalize_connectors.errors import BadInput, BadSettings, NotFound
from personalize_connectors.job_config import JobConfig
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.jobs import read_config
from personalize_connectors.storage import Object, Storage, open_storage
from personalize_connectors.storage_errors import STORAGE_ERRORS

# Where the version that a run has read is kept: in the run's tags, and in the manifest of its first stage.
SOURCE_VERSION = "source_version"

# batch_<solution>_YYYY_MM_DD_HH_MM_SS and <solution>_YYYY_..., but also 2026-11-22T03-00-00Z and the like.
_STAMP = re.compile(r"(\d{4})[-_]?(\d{2})[-_]?(\d{2})(?:[-_T]?(\d{2})[-_:]?(\d{2})[-_:]?(\d{2}))?Z?$")
_S3 = re.compile(r"(s3://[^/]+)/?(.*)")


@dataclass(frozen=True)
class Source:
    """One batch output: a folder of `.out` files.

    Attributes:
        storage: Where it is; not always the bucket.
        folder: From the storage's root.
        at: The timestamp in the folder's name, else when its newest file was written (UTC, whole seconds).
        files: The `.out` files, by name.
        changed: When something in the folder was written last.
    """

    storage: Storage
    folder: str
    at: datetime
    files: tuple[Object, ...]
    changed: datetime

    @property
    def uri(self) -> str:
        """Its address, for people."""
        return self.storage.uri(self.folder)

    @property
    def version(self) -> str:
        """A digest of its `.out` files: another one when one of them is written anew, added or removed."""
        parts = [
            f"{file.name}\0{file.size}\0{file.version or file.modified.isoformat()}" for file in self.files
        ]
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Place:
    """Where `batchInferencePath` leads: a folder that is a source, or the parent of sources."""

    storage: Storage
    folder: str


def place_of(bucket: Storage, config: JobConfig, opened: dict[str, Storage] | None = None) -> Place:
    """Where a job's sources are; `opened` keeps the other buckets that were opened on the way.

    Raises:
        NotFound: there can be nothing; the text says why.
    """
    path = config.top.batchInferencePath
    if not _is_absolute(path):
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise NotFound(
                f"batchInferencePath {path!r} leads out of the bucket; write an absolute path or an s3:// address"
            )
        return Place(bucket, "/".join(parts))
    found = _S3.fullmatch(path)
    url, folder = (found[1], found[2].strip("/")) if found else (path, "")
    opened = {} if opened is None else opened
    try:
        if url not in opened:
            opened[url] = open_storage(url)
    except BadSettings as error:
        raise NotFound(f"batchInferencePath: {error}") from None
    return Place(opened[url], folder)


def newest_sources(
    place: Place,
    keep: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    most: int = sys.maxsize,
) -> list[Source]:
    """The newest sources, oldest first: all from `since` on, and `keep` more; none younger than `until`.

    What has its time in its name is told apart by name, and only the folders in question are looked into. Of folders
    without a time in their name there are all, for only what is in them has a time.

    Raises:
        BadInput: the folders in question hold more than `most` objects.
    """
    folders, files = place.storage.children(place.folder)
    if outputs := _outputs(place.storage, files):
        itself = _source(place.storage, place.folder, files, outputs)
        return [itself] if until is None or itself.at <= until else []
    stamped = sorted((at, folder) for folder in folders if (at := stamp(folder)))
    fitting = [(at, folder) for at, folder in stamped if until is None or at <= until]
    found = list(_sources(place, folders, set(folders) - {folder for _, folder in stamped}, most))
    look, named = max(keep + sum(since is not None and at >= since for at, _ in fitting), 1), 0
    # Folders that hold nothing yet, or never will, do not hide the ones before them.
    while fitting and not named:
        recent, fitting = fitting[-look:], fitting[:-look]
        more = list(_sources(place, folders, {folder for _, folder in recent}, most))
        found, named, look = [*found, *more], len(more), look * 10
    return newest([source for source in found if until is None or source.at <= until], keep, since)


def sources_from(place: Place, first: str, most: int) -> list[Source]:
    """The sources whose folders' names sort from `first` on, oldest first, from one listing.

    Raises:
        BadInput: the folders hold more than `most` objects.
    """
    contents = _contents(place, first, None, most)
    found = [
        _source(place.storage, folder, files, outputs)
        for folder, files in contents.items()
        if (outputs := _outputs(place.storage, _directly_in(folder, files)))
    ]
    return newest(found, len(found))


def newest(found: Iterable[Source], keep: int, since: datetime | None = None) -> list[Source]:
    """Of some sources all from `since` on, and `keep` more, oldest first."""
    ordered = sorted(found, key=lambda source: (source.at, source.folder))
    older = sum(since is None or source.at < since for source in ordered)
    return ordered[max(older - keep, 0) :]


def sources(bucket: Storage, config: JobConfig) -> list[Source]:
    """The batch outputs at `batchInferencePath`, oldest first: the folder itself, or its children."""
    return newest_sources(place_of(bucket, config), sys.maxsize)


def source_of(bucket: Storage, config: JobConfig, run: JobRun) -> Source:
    """The source that a run reads: the newest one that is not younger than the run.

    Raises:
        NotFound: there is none; the text says where it was looked for and what is there.
    """
    if found := newest_sources(place_of(bucket, config), 1, until=run.run_at):
        return found[-1]
    younger = sources(bucket, config)
    if not younger:
        raise NotFound(_nothing_there(bucket, run.job, config))
    raise NotFound(
        f"run {run.key}: the oldest batch output in {_where(bucket, config)} is {younger[0].uri} of "
        f"{younger[0].at.isoformat()}, younger than the run"
    )


def newest_source(bucket: Storage, job: Job, config: JobConfig) -> Source:
    """The newest source of a job; NotFound where there is none."""
    if found := newest_sources(place_of(bucket, config), 1):
        return found[-1]
    raise NotFound(_nothing_there(bucket, job, config))


def resolve_run(bucket: Storage, job: Job, at: datetime | None) -> JobRun:
    """The job run at a timestamp, or of the job's newest source; there must be a source for it."""
    config = read_config(bucket, job)
    if at is None:
        return JobRun(job, newest_source(bucket, job, config).at)
    run = JobRun(job, at)
    source_of(bucket, config, run)
    return run


def stamp(folder: str) -> datetime | None:
    """The timestamp at the end of a folder's name."""
    named = _STAMP.search(folder.rstrip("/").rpartition("/")[2])
    if not named:
        return None
    year, month, day, hour, minute, second = map(int, named.groups("0"))
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:  # digits that are no date
        return None


def is_ahead(at: datetime, now: datetime) -> bool:
    """Whether a time is to come, by more than another time zone explains."""
    return at > now + timedelta(days=1)


def oddities(found: Sequence[Source], now: datetime) -> Iterator[str]:
    """What a person should know of sources, oldest first, in words: times that are equal, to come, or none."""
    for earlier, later in pairwise(found):
        if earlier.at == later.at:
            yield f"{earlier.uri} is left out: {later.uri} has the same time, and a run reads that one"
    for source in found:
        if is_ahead(source.at, now):
            yield f"{source.uri} has a time that is to come: rename it; it is not run by itself"
        if _STAMP.search(source.folder) and not stamp(source.folder):
            yield f"{source.uri}: the time in its name is none; what counts is when its newest file was written"


def no_output(place: Place) -> str:
    """That there is no source in a place, and why where that can be told."""
    is_file = False
    with suppress(*STORAGE_ERRORS):  # a role may read what is below the place, and not the place
        is_file = bool(place.folder) and place.storage.exists(place.folder)
    uri = place.storage.uri(place.folder)
    return f"no batch output yet in {uri}" + (", which is a file; a folder is needed" if is_file else "")


def _nothing_there(bucket: Storage, job: Job, config: JobConfig) -> str:
    return f"{job}: no .out file in {_where(bucket, config)} or the folders directly in it"


def _where(bucket: Storage, config: JobConfig) -> str:
    path = config.top.batchInferencePath
    return f"{path} (batchInferencePath" + (")" if _is_absolute(path) else f", from {bucket.uri('')})")


def _is_absolute(path: str) -> bool:
    return "://" in path or path.lower().startswith(("/", "~", "s3:/", "s3//"))


def _sources(place: Place, folders: Sequence[str], wanted: set[str], most: int) -> Iterator[Source]:
    """The sources among the wanted folders; neighbours are listed together."""
    storage = place.storage
    for together, group in groupby(sorted(folders, key=lambda name: f"{name}/"), wanted.__contains__):
        if not together:
            continue
        first, *others = group
        contents = (
            _contents(place, first, others[-1], most) if others else {first: storage.children(first)[1]}
        )
        for folder in (first, *others):
            files = contents.get(folder, [])
            if outputs := _outputs(place.storage, _directly_in(folder, files)):
                yield _source(storage, folder, files, outputs)


def _contents(place: Place, first: str, last: str | None, most: int) -> dict[str, list[Object]]:
    """What is in neighbouring folders, from one listing."""
    contents: dict[str, list[Object]] = {}
    depth = first.count("/") + 1
    for number, entry in enumerate(place.storage.objects_from(place.folder, first, last), 1):
        if number > most:
            raise BadInput(
                f"{place.storage.uri(place.folder)}: more than {most:,} objects in the folders from {first} on: "
                "name each batch output's folder with its time, and move what is no batch output elsewhere"
            )
        contents.setdefault("/".join(entry.path.split("/", depth)[:depth]), []).append(entry)
    return contents


def _directly_in(folder: str, files: Sequence[Object]) -> list[Object]:
    return [file for file in files if file.path == f"{folder}/{file.name}"]


def _outputs(storage: Storage, files: Sequence[Object]) -> tuple[Object, ...]:
    """The `.out` files by name; a listing at any depth shows the empty object that marks a folder of S3 as one of them."""
    named = (file for file in files if not file.name.startswith(("_", ".")) and file.name.endswith(".out"))
    found = (file for file in named if file.size or storage.exists(file.path))
    return tuple(sorted(found, key=lambda file: file.name))


def _source(storage: Storage, folder: str, files: Sequence[Object], outputs: tuple[Object, ...]) -> Source:
    written = max(found.modified for found in outputs).astimezone(UTC).replace(microsecond=0)
    at = stamp(folder or storage.url) or written
    return Source(storage, folder, at, outputs, max(found.modified for found in files))
