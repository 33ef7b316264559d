"""A Parquet file of a frame: written by row groups, and read by them.

Lists of ids are dictionary encoded, so that a reader takes them as places in a dictionary (`engine.ids`); such a dictionary
is as large as there are ids, and a row group large enough to be worth one. Lists of numbers are where few of them are different, as
scores are that Amazon Personalize rounds to seven decimals.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from personalize_connectors.engine.frame import ROWS_PER_GROUP
from personalize_connectors.engine.ids import in_dictionary, is_text
from personalize_connectors.engine.used_ids import UsedIds
from personalize_connectors.storage import Storage
from personalize_connectors.written_file import WrittenFile, written_file

# An entry's key in the manifest: columns whose ids are those of their dictionaries, no more and no less.
_TOLD_BY_DICTIONARIES = "told_by_dictionaries"
_BYTES_PER_GROUP = 96 << 20
# Parquet puts no more of a column into a dictionary, and writes other ids as they are; half as much is surely all there.
_LARGEST_DICTIONARY = 64 << 20
_SURELY_WHOLE = _LARGEST_DICTIONARY // 2
_WAITING = 1
# A dictionary of two hundred thousand ids and the first codes, in one request to S3.
_READ_AT_ONCE = 4 << 20
_ROWS_AT_ONCE = 1024
# Of so many numbers at most half are different where a dictionary takes less room than the numbers, and no more time.
_SAMPLE = 1 << 16


@dataclass
class TableFile:
    """Takes batches; row groups are being encoded while the next one is made.

    Attributes:
        file: The file.
        schema: The columns, as they are handed to Parquet's writer.
        closing: Closes the writer.
        gathering: The threads that make one of the batches of a row group, with ids that are text put into a dictionary.
        encoding: The thread that encodes.
        then: Takes each row group as it is handed to Parquet.
        group: What was taken for the next row group.
        rows: Rows of it.
        size: Bytes of it.
        pending: The row group that is being encoded, and the one that waits for it.
        ids: Of columns of lists of ids, what is used of their dictionaries.
        writer: Parquet's writer, once there is a row group.
    """

    file: WrittenFile
    schema: pa.Schema
    closing: ExitStack
    gathering: ThreadPoolExecutor
    encoding: ThreadPoolExecutor
    then: Callable[[pa.RecordBatch], None]
    group: list[pa.RecordBatch] = field(default_factory=list)
    rows: int = 0
    size: int = 0
    pending: deque[Future[None]] = field(default_factory=deque)
    ids: dict[str, UsedIds] = field(default_factory=dict)
    writer: pq.ParquetWriter | None = None

    @property
    def entry(self) -> dict[str, Any]:
        """Its entry in the manifest."""
        return self.file.entry

    def write(self, batch: pa.RecordBatch) -> None:
        """Take a batch."""
        self.entry["rows"] += len(batch)
        self.group.append(batch)
        self.rows += len(batch)
        self.size += sum(map(_size, batch.columns))
        if self.rows >= ROWS_PER_GROUP or self.size >= _BYTES_PER_GROUP:
            self.end_group()

    def end_group(self) -> None:
        """Hand over what was taken, once at most one row group waits to be encoded; their errors are raised here."""
        self.settle(_WAITING)
        if self.rows:
            group, self.group, self.rows, self.size = self.group, [], 0, 0
            gathered = self.gathering.submit(self._gathered, group)
            self.pending.append(self.encoding.submit(self._encode, gathered))

    def settle(self, most: int = 0) -> None:
        """Wait until no more than so many row groups are to be encoded."""
        while len(self.pending) > most:
            self.pending.popleft().result()

    def _gathered(self, group: list[pa.RecordBatch]) -> pa.RecordBatch:
        columns = [_one([batch[name] for batch in group]) for name in self.schema.names]
        return pa.record_batch(
            [column.cast(field.type) for column, field in zip(columns, self.schema, strict=True)],
            schema=self.schema,
        )

    def _encode(self, gathered: Future[pa.RecordBatch]) -> None:
        rows = gathered.result()
        self.then(rows)
        for name, ids in self.ids.items():
            ids.note(rows[name].flatten())
        table = pa.Table.from_batches([rows])
        (self.writer or self.begin(rows)).write_table(table, row_group_size=len(rows))

    def begin(self, first: pa.RecordBatch) -> pq.ParquetWriter:
        """The writer, for a file whose first row group this is."""
        coded = [*self.ids, *(name for name in self.schema.names if _are_few(first[name]))]
        plain = [name for name in self.schema.names if not pa.types.is_nested(self.schema.field(name).type)]
        writer = pq.ParquetWriter(
            self.file.sink,
            self.schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=list(map(_element, coded)),
            dictionary_pagesize_limit=_LARGEST_DICTIONARY,
            write_statistics=plain,
            store_schema=False,
        )
        self.writer = self.closing.enter_context(writer)
        return writer


def _size(column: pa.Array) -> int:
    """Bytes without those of a dictionary, which many batches share."""
    in_lists = column.values if pa.types.is_list(column.type) else column
    shared = in_lists.dictionary.nbytes if pa.types.is_dictionary(in_lists.type) else 0
    return int(column.nbytes) - shared


def _are_few(column: pa.Array) -> bool:
    """Whether it holds lists of numbers of which few are different."""
    if not (pa.types.is_list(column.type) and pa.types.is_floating(column.type.value_type)):
        return False
    some = column.values[:_SAMPLE]
    return 0 < 2 * len(some.unique()) <= len(some)


def _one(chunks: list[pa.Array]) -> pa.Array:
    """One array of some; lists of ids have one dictionary."""
    if {chunk.type for chunk in chunks} == {chunks[0].type} and is_text(chunks[0].type):
        return in_dictionary(pa.concat_arrays(chunks))
    coded = [in_dictionary(chunk) if is_text(chunk.type) else chunk for chunk in chunks]
    return coded[0] if len(coded) == 1 else pa.concat_arrays(coded)


def _stored(schema: pa.Schema) -> pa.Schema:
    """The columns as they are handed to Parquet: lists of ids in a dictionary."""
    ids = pa.list_(pa.field("element", pa.dictionary(pa.int32(), pa.string())))
    return pa.schema([field.with_type(ids) if is_text(field.type) else field for field in schema])


@contextmanager
def table_file(
    storage: Storage, path: str, schema: pa.Schema, then: Callable[[pa.RecordBatch], None] = lambda _: None
) -> Iterator[TableFile]:
    """Write a Parquet file, which is there when the block ends. Batches may have lists of ids as text or in a dictionary.

    Args:
        storage: Where to.
        path: The file.
        schema: Its columns.
        then: Takes each row group when it is encoded, with lists of ids in a dictionary.
    """
    used = {column.name: UsedIds(_SURELY_WHOLE) for column in schema if is_text(column.type)}
    stored = _stored(schema)
    with (
        written_file(storage, path) as file,
        ExitStack() as closing,
        ThreadPoolExecutor(_WAITING + 1, thread_name_prefix="gather") as gathering,
        ThreadPoolExecutor(1, thread_name_prefix="encode") as encoding,
    ):
        table = TableFile(file, stored, closing, gathering, encoding, then, ids=used)
        yield table
        table.end_group()
        table.settle()
        if table.writer is None:
            table.begin(pa.RecordBatch.from_pylist([], schema=stored))
        if told := [name for name in used if used[name].all_used]:
            table.entry[_TOLD_BY_DICTIONARIES] = told


def row_groups(storage: Storage, paths: list[str], columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Columns of each row group of some files, lists of ids as places in its dictionary; the next one is read meanwhile.

    A scan is not used for it: what Arrow reads ahead of whoever takes its batches is as large as a gibibyte.
    """
    groups = _row_groups(storage, paths, columns)
    with ThreadPoolExecutor(1, thread_name_prefix="read") as reading:
        ahead = reading.submit(next, groups, None)
        while (group := ahead.result()) is not None:
            ahead = reading.submit(next, groups, None)
            yield group


def _row_groups(storage: Storage, paths: list[str], columns: list[str]) -> Iterator[pa.RecordBatch]:
    for path in paths:
        with storage.open_input(path) as file:
            told = pq.read_metadata(file)
            ids = [_element(column.name) for column in told.schema.to_arrow_schema() if is_text(column.type)]
            table = pq.ParquetFile(file, metadata=told, read_dictionary=ids)
            for number in range(table.num_row_groups):
                yield from table.read_row_group(number, columns).combine_chunks().to_batches()


def dictionaries(
    storage: Storage, path: str, entry: dict[str, Any], column: str
) -> Iterator[pa.Array] | None:
    """All ids in the lists of a column of a file, some of them several times, as its dictionaries tell them; None where they do not.

    `entry` is the file's in the manifest. Of each row group little more than its dictionary is read.
    """
    return _dictionaries(storage, path, column) if column in entry.get(_TOLD_BY_DICTIONARIES, []) else None


def _dictionaries(storage: Storage, path: str, column: str) -> Iterator[pa.Array]:
    with (
        storage.open_input(path) as file,
        pq.ParquetFile(file, read_dictionary=[_element(column)], buffer_size=_READ_AT_ONCE) as table,
    ):
        for number in range(table.num_row_groups):
            batches = table.iter_batches(_ROWS_AT_ONCE, [number], [column], use_threads=False)
            # With the first id the whole dictionary is read.
            found = (batch[column].values for batch in batches if len(batch[column].values))
            yield from (ids.dictionary for ids in islice(found, 1))


def _element(column: str) -> str:
    """The path in a Parquet file of what the lists of a column hold."""
    return f"{column}.list.element"
