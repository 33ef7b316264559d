"""The rows and lines of one id, out of files that hold those of a million."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from personalize_connectors.storage import Storage

Row = dict[str, Any]

_BLOCK = 4 << 20
_CODECS = {"zst": "zstd", "gz": "gzip"}


def rows_of(
    scan: ds.Dataset, column: str, values: Sequence[str], columns: Sequence[str] | None = None
) -> list[Row]:
    """The rows whose `column` holds one of some values, each with the `path` of its file, in the files' order.

    That column alone is read of all files; the others (all, or `columns`) only of the row groups that hold a value.
    """
    wanted = pc.field(column).isin(pa.array(values, pa.string()))
    hits = scan.scanner(columns=["__filename"], filter=wanted).to_table()
    holding = set(hits["__filename"].unique().to_pylist())
    names = list(columns or scan.schema.names)
    found: list[Row] = []
    for file in scan.get_fragments():
        for group in file.split_by_row_group(wanted, scan.schema) if file.path in holding else []:
            if group.count_rows(filter=wanted):
                rows = group.to_table(schema=scan.schema, columns=names, filter=wanted)
                found += [{**row, "path": file.path} for row in rows.to_pylist()]
    return found


def lines_with(blocks: Iterable[bytes], needle: bytes) -> Iterator[bytes]:
    """The lines that hold some bytes; only those are cut out of their block."""
    rest = b""
    for block in blocks:
        text = rest + block
        end = text.rfind(b"\n") + 1
        place = text.find(needle, 0, end)
        while place >= 0:
            after = text.index(b"\n", place)
            yield text[text.rfind(b"\n", 0, place) + 1 : after]
            place = text.find(needle, after, end)
        rest = text[end:]
    if needle in rest:
        yield rest


def text_blocks(storage: Storage, path: str) -> Iterator[bytes]:
    """The text of a file in blocks, decompressed as its name asks for."""
    codec = _CODECS.get(path.rpartition(".")[2])
    with storage.open_input(path) as file:
        text = pa.CompressedInputStream(file, codec) if codec else file
        while block := text.read(_BLOCK):
            yield block
