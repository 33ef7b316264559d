"""Objects of a store as Arrow files, for scans."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import obstore
import pyarrow as pa
from obstore.store import ObjectStore
from pyarrow import fs

from personalize_connectors.storage_errors import GONE, READ_FAILED, STORAGE_ERRORS

_HEADS_AT_ONCE = 16


def arrow_files(store: ObjectStore) -> fs.FileSystem:
    """A file system for reading, by the store's own paths."""
    return fs.PyFileSystem(_Files(store, {}))


def scanned_files(store: ObjectStore, paths: list[str]) -> fs.FileSystem:
    """A file system that knows the files of a scan already, so that opening one of them never fails.

    A file that fails to open while Arrow 26 starts a scan makes it wait for ever, or ends the process, now and then.

    Raises:
        OSError: a file is not there, or the store cannot be reached.
    """
    with ThreadPoolExecutor(_HEADS_AT_ONCE) as pool:
        sizes = pool.map(partial(_size, store), paths)
        return fs.PyFileSystem(_Files(store, dict(zip(paths, sizes, strict=True))))


def _size(store: ObjectStore, path: str) -> int:
    with _told(path):
        return obstore.head(store, path)["size"]


class _ObjectFile:
    """A file for Arrow, which asks for the ranges that it needs; each is a request."""

    closed = False

    def __init__(self, store: ObjectStore, path: str, size: int) -> None:
        self._store, self._path, self._at, self._size = store, path, 0, size

    def read(self, length: int = -1) -> bytes:
        left = max(0, self._size - self._at)
        length = left if length < 0 else min(length, left)
        if not length:
            return b""
        with _told(self._path):
            found = obstore.get_range(self._store, self._path, start=self._at, length=length)
        self._at += length
        return bytes(found)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Say that the store failed in words that are still known when an engine has made an error of its own of them."""
    try:
        yield
    except STORAGE_ERRORS as error:
        if isinstance(error, FileNotFoundError):
            raise FileNotFoundError(f"{GONE} {path!r}: {error}") from error
        raise OSError(f"{READ_FAILED} {path}: {error}") from error


def _never_asked(*_: Any) -> Any:
    raise NotImplementedError


class _Files(fs.FileSystemHandler):  # type: ignore[misc] # Arrow has no types
    """What Arrow asks of a file system in order to read files whose paths it is given."""

    create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = delete_file = _never_asked
    get_file_info = copy_file = move = open_append_stream = open_output_stream = get_file_info_selector = (
        _never_asked
    )

    def __init__(self, store: ObjectStore, sizes: dict[str, int]) -> None:
        self._store, self._sizes = store, sizes

    def get_type_name(self) -> str:
        return "store"

    def normalize_path(self, path: str) -> str:
        return path

    def open_input_file(self, path: str) -> pa.NativeFile:
        size = self._sizes.get(path)
        known = _size(self._store, path) if size is None else size
        return pa.PythonFile(_ObjectFile(self._store, path, known), mode="r")

    open_input_stream = open_input_file
