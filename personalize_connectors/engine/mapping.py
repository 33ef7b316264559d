"""The user-item mapping of a related_items job: CSV files with the columns USER_ID and ITEM_ID."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from personalize_connectors.errors import BadInput
from personalize_connectors.storage import Storage

COLUMNS = ("USER_ID", "ITEM_ID")
MAPPED = pa.schema([("user_id", pa.string()), ("mapped", pa.list_(pa.string()))])
_BLOCK = 8 << 20
_KEPT = 10_000


@dataclass(frozen=True)
class BadRow:
    """A mapping row that cannot be used, kept for people; `line` where the reader knows it."""

    file: str
    line: int | None
    reason: str
    text: str


@dataclass
class SetAside:
    """The mapping rows that cannot be used: all counted, the first 10,000 kept."""

    total: int = 0
    rows: list[BadRow] = field(default_factory=list)

    def add(self, row: BadRow, count: int = 1) -> None:
        """Count rows, and keep one of them."""
        self.total += count
        if len(self.rows) < _KEPT:
            self.rows.append(row)


def mapping_rows(storage: Storage, paths: Iterable[str], set_aside: SetAside) -> Iterator[pa.RecordBatch]:
    """The rows of all files, in order, as `user_id`, `item_id`; rows without either go to `set_aside`.

    Raises:
        BadInput: a file without the two columns, or that is no CSV; the text names it.
    """
    for path in paths:
        try:
            yield from _rows_of_file(storage, path, set_aside)
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            raise BadInput(f"{storage.uri(path)} cannot be read as CSV: {error}") from None


def _rows_of_file(storage: Storage, path: str, set_aside: SetAside) -> Iterator[pa.RecordBatch]:
    name = path.rpartition("/")[2]

    def skip(row: arrow_csv.InvalidRow) -> str:
        reason = f"{row.actual_columns} fields where the header has {row.expected_columns}"
        set_aside.add(BadRow(name, row.number, reason, row.text))
        return "skip"

    with storage.open_input(path) as file:
        beginning = next(iter(storage.blocks(path)), b"")
        names = _columns(storage.uri(path), beginning)
        if b"\n" not in beginning:  # nothing but a header, which Arrow takes for half a row
            if b"\r" in beginning.rstrip(b"\r"):
                raise BadInput(f"{storage.uri(path)} ends its lines with CR alone; write LF or CRLF")
            return
        reader = arrow_csv.open_csv(
            file,
            read_options=arrow_csv.ReadOptions(
                block_size=_BLOCK, column_names=names, skip_rows_after_names=1, use_threads=False
            ),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=list(COLUMNS),
                column_types=dict.fromkeys(COLUMNS, pa.string()),
                strings_can_be_null=False,
            ),
        )
        for batch in reader:
            yield _complete(batch, name, set_aside)


def _complete(batch: pa.RecordBatch, name: str, set_aside: SetAside) -> pa.RecordBatch:
    renamed = batch.rename_columns(["user_id", "item_id"])
    complete = pc.and_(pc.not_equal(renamed["user_id"], ""), pc.not_equal(renamed["item_id"], ""))
    for row in renamed.filter(pc.invert(complete)).to_pylist():
        set_aside.add(BadRow(name, None, "no user or no item", f"{row['user_id']},{row['item_id']}"))
    return renamed.filter(complete)


def _columns(uri: str, beginning: bytes) -> list[str]:
    """Unique names for all columns, with the two that are needed as `COLUMNS` spells them."""
    text = beginning.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "backslashreplace")
    try:
        found = [name.strip() for name in next(csv.reader(io.StringIO(text, newline="")), [])]
    except csv.Error:  # a quote that never closes
        found = []
    names = [
        name.upper() if name.upper() in COLUMNS else f"column {place}" for place, name in enumerate(found)
    ]
    for column in COLUMNS:
        if names.count(column) != 1:
            hint = (
                " The fields are separated by commas, not by semicolons or tabs." if len(found) == 1 else ""
            )
            raise BadInput(
                f"{uri} has the header {(text.splitlines() or [''])[0][:200]!r}; it needs the columns USER_ID and ITEM_ID, each once, in any "
                f"order and case.{hint}"
            )
    return names


def items_by_user(
    session: duckdb.DuckDBPyConnection, rows: Iterator[pa.RecordBatch]
) -> duckdb.DuckDBPyRelation:
    """Each user once with the mapped items in mapping order, each item once: `user_id`, `mapped`."""
    schema = pa.schema([("user_id", pa.string()), ("item_id", pa.string())])
    failures: list[BadInput] = []
    session.register("mapping_rows", pa.RecordBatchReader.from_batches(schema, _noting(rows, failures)))
    try:
        session.execute(
            "CREATE OR REPLACE TEMP TABLE mapping AS SELECT row_number() OVER () AS place, user_id, item_id FROM mapping_rows"
        )
    except duckdb.Error:
        if failures:
            raise failures[0] from None
        raise
    session.unregister("mapping_rows")
    return session.sql(
        """
        WITH pairs AS (SELECT user_id, item_id, min(place) AS place FROM mapping GROUP BY user_id, item_id)
        SELECT user_id, list(item_id ORDER BY place) AS mapped FROM pairs GROUP BY user_id
        """
    )


def _noting(rows: Iterator[pa.RecordBatch], failures: list[BadInput]) -> Iterator[pa.RecordBatch]:
    """Our own error on its way through DuckDB, which would make a text of it."""
    try:
        yield from rows
    except BadInput as failure:
        failures.append(failure)
        raise
