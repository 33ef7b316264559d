"""Local folder or S3 behind one set of verbs, through obstore.

Paths are relative to the storage's root, with forward slashes. A folder that is written as a whole ends with its
`_SUCCESS` manifest; a reader takes a folder without one for not there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import obstore
import pyarrow as pa
import pyarrow.dataset as ds
from obstore.exceptions import AlreadyExistsError, InvalidPathError
from obstore.store import LocalStore, ObjectStore, S3Store
from pyarrow import fs

from personalize_connectors.errors import BadInput, BadSettings, NotFound
from personalize_connectors.layout import SUCCESS
from personalize_connectors.storage_files import arrow_files, scanned_files
from personalize_connectors.storage_s3 import one_range, plain_listing, ranges, read_ahead, s3_store

_BLOCK = 1 << 20
_PAGE = 1000  # keys that S3 lists in one answer
_WRITE_BUFFER = 8 << 20


@dataclass(frozen=True)
class Object:
    """One object of a listing: path below the storage's root, size in bytes, and what tells its version."""

    path: str
    size: int
    modified: datetime
    version: str

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


class Sink(Protocol):
    """Takes bytes."""

    def write(self, data: bytes | memoryview, /) -> int | None: ...  # noqa: D102


@dataclass(frozen=True)
class Storage:
    """A root and the store that serves it; `url` is for people and logs."""

    url: str
    store: ObjectStore
    local: Path | None

    def uri(self, path: str) -> str:
        """The full address of a path, for people."""
        return f"{self.url.rstrip('/')}/{path}" if path else self.url

    def objects(self, folder: str) -> list[Object]:
        """All objects below a folder, at any depth, by path; none where the folder is not there."""
        prefix = f"{folder.rstrip('/')}/" if folder else ""
        with self._clear_names(folder):
            try:
                found = obstore.list(self.store, prefix=prefix or None)
                return _by_path(folder, (meta for page in found for meta in page))
            except InvalidPathError as error:
                return _by_path(folder, (meta for page in self._plain(error, prefix) for meta in page))

    def children(self, folder: str) -> tuple[list[str], list[Object]]:
        """The folders and the objects directly below a folder, both by path."""
        prefix = f"{folder.rstrip('/')}/" if folder else ""
        with self._clear_names(folder):
            try:
                page = obstore.list_with_delimiter(self.store, prefix=prefix or None)
            except InvalidPathError as error:
                return _directly_below(
                    prefix, (meta for found in self._plain(error, prefix) for meta in found)
                )
        return sorted(page["common_prefixes"]), _by_path(folder, page["objects"])

    def objects_from(self, folder: str, first: str, last: str | None = None) -> Iterator[Object]:
        """The objects below a folder from its child folder `first` on, as keys sort, and not behind those of `last`."""
        prefix = f"{folder}/" if folder else ""
        end = f"{last}0" if last else None  # of all signs, 0 comes next after the slash
        with self._clear_names(folder):
            for page in self._local_pages(prefix, first) if self.local else self._pages(prefix, first):
                found = _by_path(folder, page)
                yield from (entry for entry in found if end is None or entry.path < end)
                if end and found and found[-1].path >= end:
                    return

    def exists(self, path: str) -> bool:
        """Whether there is an object at this path."""
        try:
            obstore.head(self.store, path)
        except FileNotFoundError:
            return False
        return True

    def read(self, path: str) -> bytes:
        """The whole object; FileNotFoundError where there is none."""
        try:
            return bytes(obstore.get(self.store, path).bytes())
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise NotFound(f"there is no bucket {self.url}; make it, or mend the address") from None
            raise

    def blocks(self, path: str) -> Iterator[bytes]:
        """The object's bytes in blocks of a few MiB; nothing is held longer than its block."""
        if self.local:
            with (self.local / path).open("rb", buffering=0) as file:
                while block := file.read(_BLOCK):
                    yield block
        else:
            yield from ranges(self.store, path)

    def piece(self, path: str, start: int, end: int, version: str) -> bytes:
        """Some bytes of an object, on S3 of this version of it."""
        if self.local:
            with (self.local / path).open("rb") as file:
                file.seek(start)
                return file.read(end - start)
        return one_range(self.store, path, (start, end), version)

    def contents(self, objects: Sequence[Object]) -> Iterator[Iterator[bytes]]:
        """The bytes of objects, one after the other, each in blocks; of many small ones some are read ahead at once."""
        if self.local:
            return (self.blocks(entry.path) for entry in objects)
        return read_ahead(self.read, self.blocks, [(entry.path, entry.size) for entry in objects])

    def open_input(self, path: str) -> pa.NativeFile:
        """The object as an Arrow input file."""
        return self._files.open_input_file(self._place(path))

    def write(self, path: str, content: bytes) -> None:
        """Put one object, whole or not at all."""
        obstore.put(self.store, path, content)

    def create(self, path: str, content: bytes) -> bool:
        """Put one object only if there is none at this path; whether it was put."""
        try:
            obstore.put(self.store, path, content, mode="create")
        except AlreadyExistsError:
            return False
        return True

    @contextmanager
    def writer(self, path: str) -> Iterator[Sink]:
        """Takes bytes; they become the object when the block ends without an error."""
        sink = obstore.open_writer(self.store, path, buffer_size=_WRITE_BUFFER)
        yield sink
        sink.close()

    def remove(self, path: str) -> None:
        """Remove one object, where it is there."""
        with suppress(FileNotFoundError):
            obstore.delete(self.store, path)

    def remove_all(self, paths: Sequence[str]) -> None:
        """Remove objects; manifests first, so that no reader takes a half-removed folder for complete."""
        manifests = [path for path in paths if path.rpartition("/")[2] == SUCCESS]
        for some in (manifests, [path for path in paths if path not in manifests]):
            if some:
                obstore.delete(self.store, some)

    def remove_empty(self, folder: str) -> None:
        """Remove a local folder with nothing in it, and those above it that are empty then; other stores have no folders."""
        place = self.local / folder if self.local else None
        while place and place != self.local:
            try:
                place.rmdir()
            except OSError:  # something is in it, or it is not there
                return
            place = place.parent

    def clear(self, folder: str) -> None:
        """Remove all objects below a folder."""
        self.remove_all([entry.path for entry in self.objects(folder)])
        self.remove_unfinished(folder)

    def remove_unfinished(self, folder: str) -> None:
        """Remove what a writer left in a local folder that died; listings do not show it."""
        if self.local:
            for left in filter(Path.is_file, (self.local / folder).rglob("*#*")):
                left.unlink()

    def manifest(self, folder: str) -> dict[str, Any] | None:
        """The manifest of a complete folder; None where the folder is not there or not complete."""
        try:
            found = json.loads(self.read(f"{folder}/{SUCCESS}"))
        except FileNotFoundError:
            return None
        return found if isinstance(found, dict) else None

    def dataset(self, paths: list[str], schema: pa.Schema | None = None) -> ds.Dataset:
        """A lazy scan of Parquet files, which reads up to a gibibyte ahead of whoever takes its batches."""
        places = [self._place(path) for path in paths]
        files = fs.LocalFileSystem() if self.local else scanned_files(self.store, paths)
        return ds.dataset(places, schema=schema, format="parquet", filesystem=files)

    def _local_pages(self, prefix: str, first: str) -> Iterator[Sequence[Mapping[str, Any]]]:
        """What is in the child folders from one on; a listing of a local folder would open all of them."""
        folder = Path(self.local or "", prefix)
        names = [entry.name for entry in os.scandir(folder) if entry.is_dir()] if folder.is_dir() else []
        for child in sorted(f"{prefix}{name}/" for name in names):
            if child > first:
                yield from obstore.list(self.store, prefix=child)

    def _pages(self, prefix: str, first: str) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Pages of a listing from a place on; from the first key that the store cannot name, without such keys."""
        last = first
        try:
            for page in obstore.list(self.store, prefix=prefix or None, offset=first, chunk_size=_PAGE):
                yield page
                last = page[-1]["path"] if page else last
        except InvalidPathError as error:
            yield from self._plain(error, prefix, last)

    def _plain(
        self, error: InvalidPathError, prefix: str, after: str = ""
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """The listing without the keys that were the store's error; in a local folder a person can rename what no bucket takes."""
        if not isinstance(self.store, S3Store):
            raise error
        return plain_listing(self.store, self.uri(prefix), prefix, after)

    @contextmanager
    def _clear_names(self, folder: str) -> Iterator[None]:
        try:
            yield
        except InvalidPathError as error:
            what = str(error).partition("\n\nDebug")[0]
            raise BadInput(f"{self.uri(folder)}: rename what no bucket takes: {what}") from None

    def _place(self, path: str) -> str:
        return str(self.local / path) if self.local else path

    @property
    def _files(self) -> fs.FileSystem:
        return fs.LocalFileSystem() if self.local else arrow_files(self.store)


def _by_path(folder: str, found: Iterable[Mapping[str, Any]]) -> list[Object]:
    """The objects without the empty one that the S3 console makes for a folder; it is listed under the folder's path."""
    marker = folder.rstrip("/")
    objects = (Object(m["path"], m["size"], m["last_modified"], m.get("e_tag") or "") for m in found)
    return sorted((entry for entry in objects if entry.path != marker), key=lambda entry: entry.path)


def _directly_below(prefix: str, found: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[Object]]:
    """The folders and the objects directly below a prefix, of a listing at any depth."""
    folders, objects = set(), []
    for meta in found:
        child, deeper, _ = meta["path"][len(prefix) :].partition("/")
        if deeper:
            folders.add(f"{prefix}{child}")
        else:
            objects.append(meta)
    return sorted(folders), _by_path(prefix.rstrip("/"), objects)


def open_storage(url: str, *, create: bool = False) -> Storage:
    """Open a local folder or `s3://bucket[/prefix]`; `create` makes a local folder that is not there.

    Raises:
        BadSettings: the address is of neither form, or a local folder is not there or cannot be made.
    """
    if found := re.fullmatch(r"s3://([^/]+)/?(.*)", url):
        bucket, prefix = found[1], found[2].strip("/")
        return Storage(f"s3://{bucket}/{prefix}".rstrip("/"), s3_store(bucket, prefix), None)
    misspelled = re.match(r"s3(:/{1,2}|//)(?=[^/])", url, re.IGNORECASE)
    if "://" in url or misspelled:
        meant = f"; did you mean s3://{url[misspelled.end() :]}?" if misspelled else ""
        raise BadSettings(f"{url!r} is neither a local folder nor s3://bucket[/prefix]{meant}")
    try:
        folder = Path(url).expanduser().resolve()
        if create and not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise BadSettings(f"the folder {url!r} cannot be opened: {error}") from None
    if not folder.exists():
        raise BadSettings(f"the folder {url!r} is not there")
    if not folder.is_dir():
        raise BadSettings(f"{url!r} is a file; a folder is needed")
    return Storage(str(folder), LocalStore(prefix=folder), folder)
