"""Where a user's list in a run comes from: the lines of the batch output, the mapping, the list itself."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb
import orjson
import pyarrow.compute as pc

from personalize_connectors import layout
from personalize_connectors.assets.decoration import LISTS, PRESENT
from personalize_connectors.engine.batch_output import REASONS
from personalize_connectors.engine.mapping import SetAside
from personalize_connectors.errors import BadInput, NotFound
from personalize_connectors.explain.lookup import Row, rows_of
from personalize_connectors.explain.subject import ERRORS, RAW, USERS, Stages, Subject, written_at
from personalize_connectors.folders import Folder
from personalize_connectors.inputs import input_files, item_mapping
from personalize_connectors.storage import Storage

# The lines of which nobody knows whom they name.
_NAMELESS = ("not_utf8", "not_json", "bad_escape", "not_object", "no_id")
_MOST_NAMELESS = 20


@dataclass(frozen=True)
class Line:
    """A line of the batch output.

    Attributes:
        file: Name of the `.out` file.
        line: Line number, from 1.
        query: What it was asked for: user, item or attribute expression; None where that cannot be read.
        items: The recommended items; none of a segment.
        rank: Of a segment, the user's place in it, from 1.
        used: Whether it is the line that counts: readable, and the last of its query.
        reason: Why it carries no recommendation.
        message: The service's own error.
        text: The line itself, where it carries no recommendation.
    """

    file: str
    line: int
    query: str | None
    items: tuple[str, ...] = ()
    rank: int | None = None
    used: bool = False
    reason: str | None = None
    message: str | None = None
    text: str | None = None

    @property
    def error(self) -> str:
        """Where it stands and why it carries no recommendation, in words."""
        said = f": {self.message}" if self.message else ""
        return (
            f"line was an error: {self.file}:{self.line}: {REASONS.get(self.reason or '', self.reason)}{said}"
        )


@dataclass(frozen=True)
class MappedItem:
    """An item that is mapped to the user, its lines, and whether the user got something of them."""

    item_id: str
    lines: tuple[Line, ...]
    used: bool


@dataclass(frozen=True)
class Origin:
    """What a run took in of a subject.

    Attributes:
        source: The batch output.
        lines: Its lines that name the user; of related items none, they stand with the mapped items.
        mapped: The mapping's items of the user, in its order (related items).
        mapping_note: Why the mapping names nothing, or may be another than the run read.
        items: The user's list; None where there is none.
        scores: In the same order, where the recipe gives them.
        counts_as_present: A line of the user was an error, so the user is not taken for gone.
        on_lists: Of an item: how many users' lists hold it.
    """

    source: str | None = None
    lines: tuple[Line, ...] = ()
    mapped: tuple[MappedItem, ...] = ()
    mapping_note: str = ""
    items: tuple[str, ...] | None = None
    scores: tuple[float, ...] | None = None
    counts_as_present: bool = False
    on_lists: int | None = None


def origin_of(
    session: duckdb.DuckDBPyConnection, bucket: Storage, subject: Subject, stages: Stages
) -> Origin:
    """Read the stages up to the user's list; what is not there is left out."""
    raw, users = stages.folders.get(RAW), stages.folders.get(USERS)
    source = raw.manifest["source"] if raw else None
    if subject.unit == "item":
        return Origin(source, on_lists=_naming(session, users, subject.id) if users else None)
    found = rows_of(users.scan(LISTS), "user_id", [subject.id]) if users else []
    row = found[0] if found else None
    mapped, note = _mapped(bucket, subject, raw, users, row)
    scores = row and row["scores"]
    return Origin(
        source=source,
        lines=_lines(session, subject, stages),
        mapped=mapped,
        mapping_note=note,
        items=tuple(row["items"]) if row else None,
        scores=tuple(scores) if scores else None,
        counts_as_present=bool(users and rows_of(users.scan(PRESENT), "user_id", [subject.id])),
    )


def _naming(session: duckdb.DuckDBPyConnection, users: Folder, item: str) -> int:
    session.register("lists", users.scan(LISTS))
    rows = session.execute("SELECT count(*) FROM lists WHERE list_contains(items, ?)", [item]).fetchall()
    return int(rows[0][0])


def _lines(session: duckdb.DuckDBPyConnection, subject: Subject, stages: Stages) -> tuple[Line, ...]:
    raw, errors = stages.folders.get(RAW), stages.folders.get(ERRORS)
    job_type = subject.job.job_type
    if job_type == "related_items":
        return ()
    if job_type == "user_segmentation":
        return _segments(session, raw, subject.id) if raw else ()
    lines = _judged(rows_of(raw.scan(), "query", [subject.id])) if raw else []
    known = {(line.file, line.line) for line in lines}
    nameless = _lines_with(errors, subject.id, all_reasons=raw is None) if errors else []
    return (*lines, *(line for line in nameless if (line.file, line.line) not in known))


def _segments(session: duckdb.DuckDBPyConnection, raw: Folder, user: str) -> tuple[Line, ...]:
    session.register("raw", raw.scan())
    naming = session.execute(
        """
        SELECT file, line, query, list_position(recommended, $user) AS rank FROM raw
        WHERE reason IS NULL AND list_contains(recommended, $user) ORDER BY file, line
        """,
        {"user": user},
    ).fetchall()
    queries = sorted({query for _, _, query, _ in naming})
    last = _last(rows_of(raw.scan(), "query", queries, ["file", "line", "query", "reason"]))
    return tuple(
        Line(file, line, query, rank=rank, used=last[query] == (file, line))
        for file, line, query, rank in naming
    )


def _lines_with(errors: Folder, user: str, *, all_reasons: bool) -> list[Line]:
    """Error lines that hold the id and may be the user's."""
    texts = {orjson.dumps(user).decode(), json.dumps(user)}
    holds = [pc.match_substring(pc.field("text"), text) for text in sorted(texts)]
    wanted = (pc.field("input") == "batch_output") & (holds[0] | holds[-1])
    if not all_reasons:
        wanted &= pc.field("reason").isin(_NAMELESS)
    rows = errors.scan().scanner(filter=wanted).head(_MOST_NAMELESS).to_pylist()
    return [
        Line(row["file"], row["line"], None, reason=row["reason"], message=row["message"], text=row["text"])
        for row in rows
    ]


def _mapped(
    bucket: Storage, subject: Subject, raw: Folder | None, users: Folder | None, row: Row | None
) -> tuple[tuple[MappedItem, ...], str]:
    """The mapping as it is now, with the lines of its items in the run."""
    if subject.job.job_type != "related_items":
        return (), ""
    items: dict[str, None] = {}
    try:
        for batch in item_mapping(bucket, subject.job, SetAside()):
            own = batch.filter(pc.equal(batch["user_id"], subject.id))
            items |= dict.fromkeys(own["item_id"].to_pylist())
    except (NotFound, BadInput) as error:
        return (), str(error)
    if not items:
        return (), "it does not name the user"
    lines = _judged(rows_of(raw.scan(), "query", list(items))) if raw else []
    used = set(row["queries"]) if row else set()
    mapped = [
        MappedItem(item, tuple(line for line in lines if line.query == item), item in used) for item in items
    ]
    files = input_files(bucket, layout.mapping_folder(subject.job), ".csv")
    newer = users is not None and any(file.modified > written_at(users) for file in files)
    return tuple(mapped), "it was written after this run read it" if newer else ""


def _judged(rows: list[Row]) -> list[Line]:
    last = _last(rows)
    return [
        Line(
            file=row["file"],
            line=row["line"],
            query=row["query"],
            items=tuple(row["recommended"] or ()),
            used=last.get(row["query"]) == (row["file"], row["line"]),
            reason=row["reason"],
            message=row["message"],
            text=row["text"],
        )
        for row in rows
    ]


def _last(rows: Iterable[Row]) -> dict[str, tuple[str, int]]:
    """Of each query the line that counts, by the rule of `engine.recommendations`."""
    last: dict[str, tuple[str, int]] = {}
    for row in rows:
        if row["reason"] is None:
            last[row["query"]] = max(last.get(row["query"], ("", 0)), (row["file"], row["line"]))
    return last
