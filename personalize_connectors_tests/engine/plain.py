"""What tests render items with."""

import pyarrow as pa

from personalize_connectors.engine.item_documents import dump
from personalize_connectors.engine.item_metadata import ItemMetadata
from personalize_connectors.engine.items import Items


def plain(fields):
    """A payload: the document itself, and no findings."""
    return dump(fields), []


def items(lines):
    """Items in this order out of item id to metadata line, None where an item has none."""
    there = {item: line for item, line in lines.items() if line is not None}
    return Items(pa.array(list(lines), pa.string()), metadata(there))


def metadata(lines, **others):
    """Item metadata out of item id to line."""
    texts = pa.array(list(lines.values()), pa.large_string())
    return ItemMetadata(pa.array(list(lines), pa.string()), texts, **others)
