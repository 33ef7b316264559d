"""The bucket and its folders as workers open them: with the credentials that they have themselves."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from personalize_connectors.folders import Folder
from personalize_connectors.storage import Storage, open_storage

# How the bucket is reached; no variable that holds a secret.
_PASSED = (
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REGION",
    "CONNECTORS_SSE_KMS_KEY_ID",
)


@dataclass(frozen=True)
class Root:
    """The root of a storage.

    Attributes:
        url: A folder that all machines see, or `s3://bucket[/prefix]`.
        environment: How it is reached; what a worker's own environment says counts more.
    """

    url: str
    environment: tuple[tuple[str, str], ...]

    def open(self) -> Storage:
        """The storage, on the machine where this is called."""
        for name, value in self.environment:
            os.environ.setdefault(name, value)
        return _opened(self.url)


@lru_cache
def _opened(url: str) -> Storage:
    return open_storage(url)


def root_of(storage: Storage, environment: Mapping[str, str] = os.environ) -> Root:
    """A storage for workers."""
    passed = (
        () if storage.local else tuple((name, environment[name]) for name in _PASSED if name in environment)
    )
    return Root(storage.url, passed)


@dataclass(frozen=True)
class Stage:
    """One frame of a written folder, file by file."""

    root: Root
    path: str
    manifest: Mapping[str, Any]
    frame: str

    def __len__(self) -> int:
        return len(self.whole().files(self.frame))

    def whole(self) -> Folder:
        """The folder, on the machine where this is called."""
        return Folder(self.root.open(), self.path, dict(self.manifest))

    def file(self, number: int) -> Folder:
        """The folder with one of the frame's files and no other."""
        return self.whole().files(self.frame)[number]


def stage_of(folder: Folder, frame: str = "part") -> Stage:
    """A frame of a written folder for workers, which are told of no other."""
    files = [entry for entry in folder.manifest["files"] if entry["frame"] == frame]
    return Stage(root_of(folder.storage), folder.path, {**folder.manifest, "files": files}, frame)
