"""The item documents of a job's last run, taken over where they would be rendered the same now.

They would where the metadata line, the connector's settings and the code are the same. The code is ours: of a connector from
elsewhere nobody knows what it calls, and its items are rendered in every run.
"""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.dataset as ds

import personalize_connectors
from personalize_connectors.assets.decorating import Decorating
from personalize_connectors.engine.item_documents import render
from personalize_connectors.engine.items import Items
from personalize_connectors.engine.known_documents import documents
from personalize_connectors.errors import NotFound
from personalize_connectors.folders import open_folder
from personalize_connectors.storage import Storage
from personalize_connectors.storage_errors import STORAGE_ERRORS

_OURS = personalize_connectors.__name__


def rendered_by(what: Decorating) -> str | None:
    """A digest of all that item documents are made by, but for the lines; None where nobody knows all of it."""
    if what.connector.payload.__module__.partition(".")[0] != _OURS or not (code := _code()):
        return None
    made_by = [code, sys.version, orjson.__version__, what.name, what.settings.model_dump_json()]
    return hashlib.md5(orjson.dumps(made_by), usedforsecurity=False).hexdigest()


def documents_key(connector: str) -> str:
    """Where the manifest says what a connector's item documents were made by."""
    return f"documents_{connector}"


def documents_of(
    what: Decorating, items: Items, bucket: Storage, last: str | None, frame: str
) -> tuple[pa.Table, int]:
    """The item documents (`engine.item_documents`), and how many of them had to be rendered.

    Args:
        what: The connector.
        items: The items.
        bucket: The root of the layout.
        last: The folder of `decorated_recommendations` of the job's newest run; None where there is none.
        frame: The frame of item documents in it.
    """
    try:
        return documents(items, what.selection, what.payload, _of_the_same(what, bucket, last, frame))
    except (
        NotFound,
        pa.ArrowException,
        *STORAGE_ERRORS,
    ):  # it was removed or replaced meanwhile, or is broken
        return render(items, what.selection, what.payload), len(items)


def _of_the_same(what: Decorating, bucket: Storage, last: str | None, frame: str) -> ds.Dataset | None:
    """The documents of the last run, where they were made by the same and are as they were written: they may be taken over for years."""
    made_by = rendered_by(what)
    folder = open_folder(bucket, last) if last and made_by else None
    if not folder or folder.manifest.get(documents_key(what.name)) != made_by or not folder.is_intact(frame):
        return None
    return folder.scan(frame)


@cache
def _code() -> str | None:
    """A digest of our source; None where it is not to be read."""
    folder = Path(personalize_connectors.__file__).parent
    files = sorted(folder.rglob("*.py"))
    content = hashlib.md5(usedforsecurity=False)
    for file in files:
        content.update(f"{file.relative_to(folder)}\n".encode() + file.read_bytes())
    return content.hexdigest() if files else None
