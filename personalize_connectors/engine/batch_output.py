"""The lines of a batch output, typed.

Line shapes: Amazon Personalize developer guide, "Batch inference job output examples" and "Batch segment job output
examples". A missing `error` is null; `scores` may be absent or shorter; item attribute queries stand without `input`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, starmap

import duckdb
import pyarrow as pa

from personalize_connectors.engine.frame import batches
from personalize_connectors.engine.lines import SCHEMA as LINES
from personalize_connectors.engine.lines import Stretch, lines_of
from personalize_connectors.engine.session import query, quoted

# `query` is a user, an item or an attribute expression; `extra` holds other keys of the output (themes, reasons), each as JSON text. A line
# that carries no recommendation has a `reason` (a key of `REASONS`), the service's `message` and its `text`.
SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("line", pa.int64()),
        ("query", pa.string()),
        ("recommended", pa.list_(pa.string())),
        ("scores", pa.list_(pa.float64())),
        ("extra", pa.map_(pa.string(), pa.string())),
        ("reason", pa.string()),
        ("message", pa.string()),
        ("text", pa.string()),
    ]
)

REASONS = {
    "not_utf8": "the line is not UTF-8",
    "not_json": "the line is not JSON",
    "bad_escape": "the line is JSON, but holds an escape that is no character, such as \\ud800",
    "not_object": "the line is JSON, but not an object",
    "service_error": "Amazon Personalize answered with an error",
    "no_id": "the line names no user or query item as a string",
    "no_output": "output is null or absent",
    "no_list": "output holds no list of recommendations",
    "empty_list": "the list of recommendations is empty",
    "bad_item": "the list holds something that is not an id",
}

_IDS = {
    "user_personalization": ("$.input.userId",),
    "personalized_ranking": ("$.input.userId",),
    "related_items": ("$.input.itemId",),
    "user_segmentation": ("$.input.itemId", "$.input.itemAttributes", "$.itemAttributes"),
}
_LISTS = {"user_segmentation": "recommendedUsers"}
_KNOWN = ("recommendedItems", "recommendedUsers", "scores")
# Bytes. To bring the compiled code into the process takes as long as it takes to judge half of them.
_WORTH_COMPILING = 32 << 20
# An id that is a JSON number stays as it is written; a fraction or exponent would not.
_ID_TYPES = ("VARCHAR", "BIGINT", "UBIGINT")
# What DuckDB does not read though it is JSON: an escape for half of a character.
_SURROGATE = r"\\u[dD][89a-fA-F]"
# What DuckDB reads though it is no JSON: trailing commas, NaN, Infinity, comments.
_LENIENT = r",\s*[\]}]|[Nn]a[Nn]|[Ii]nf|/[/*]"


def typed_lines(
    session: duckdb.DuckDBPyConnection,
    stretches: Iterable[Stretch],
    files: list[str],
    job_type: str,
    size: int,
) -> Iterator[pa.RecordBatch]:
    """Every line that is not blank, typed, in the columns of `SCHEMA`.

    Of what is worth it (`size` says how many bytes there are) the lines as Amazon Personalize writes them are read by compiled
    code; what is left is judged closely, and comes behind the others of its row group.
    """
    if size < _WORTH_COMPILING:
        yield from _judged(session, chain.from_iterable(starmap(lines_of, stretches)), files, job_type)
        return
    from personalize_connectors.engine.plain_rows import grammar, plain_rows  # noqa: PLC0415 - the compiler's import is worth it only here

    names = pa.array(files, pa.string())
    with session.cursor() as beside:
        for plain, others in plain_rows(stretches, grammar(_id_key(job_type), _list_key(job_type))):
            yield _typed(plain, names)
            if sum(map(len, others)):
                yield from _judged(beside, others, files, job_type)


def _typed(plain: pa.RecordBatch, names: pa.Array) -> pa.RecordBatch:
    """Plain lines: all there is to say stands in their own columns."""
    found = {"file": names.take(plain["file_no"])}
    for name in ("line", "query", "recommended", "scores"):
        found[name] = plain[name]
    columns = [found.get(field.name, pa.nulls(len(plain), field.type)) for field in SCHEMA]
    return pa.record_batch(columns, names=SCHEMA.names)


def _judged(
    session: duckdb.DuckDBPyConnection, lines: Iterable[pa.RecordBatch], files: list[str], job_type: str
) -> Iterator[pa.RecordBatch]:
    """Lines (the columns of `engine.lines`) of any kind."""
    source = session.from_arrow(pa.RecordBatchReader.from_batches(LINES, lines))
    return batches(query(source, "source", _judging(files, job_type)), SCHEMA)


def _judging(files: list[str], job_type: str) -> str:
    """The rows of `SCHEMA` of lines that are not plain."""
    wanted = _list_key(job_type)
    ids = [_path_value(path) for path in _IDS[job_type]]
    paths = ["$", "$.output", f"$.output.{wanted}", *_IDS[job_type]]
    id_types = ", ".join(map(quoted, _ID_TYPES))
    return f"""
    WITH parsed AS (
      SELECT *, TRY(from_json(text, {quoted(_structure(wanted))})) AS json,
        TRY(json_type(text, [{", ".join(map(quoted, paths))}])) AS types,
        TRY(json_type(text, {quoted(f"$.output.{wanted}[*]")})) AS element_types,
        list_filter(TRY(json_keys(text, '$.output')),
          lambda key: key NOT IN ({", ".join(map(quoted, _KNOWN))})) AS given_keys
      FROM source WHERE NOT regexp_full_match(text, '\\s*')
    ), judged AS (
      SELECT *, list_filter(given_keys, lambda key, place: list_position(given_keys, key) = place) AS other_keys,
        coalesce({", ".join(ids)}) AS query, json.output.{wanted} AS recommended, nullif(json.error, '') AS error,
        len(list_filter(types[4:], lambda type: type IN ({id_types}))) > 0 AS has_id,
        CASE
          WHEN NOT utf8 THEN 'not_utf8'
          WHEN types IS NULL OR types[1] IS NULL THEN
            CASE WHEN regexp_matches(text, {quoted(_SURROGATE)}) AND is_json(text) THEN 'bad_escape' ELSE 'not_json' END
          WHEN regexp_matches(text, {quoted(_LENIENT)}) AND NOT is_json(text) THEN 'not_json'
          WHEN types[1] <> 'OBJECT' THEN 'not_object'
          WHEN error IS NOT NULL THEN 'service_error'
          WHEN NOT has_id OR query = '' THEN 'no_id'
          WHEN types[2] IS NULL OR types[2] <> 'OBJECT' THEN 'no_output'
          WHEN types[3] IS NULL OR types[3] <> 'ARRAY' THEN 'no_list'
          WHEN len(element_types) = 0 THEN 'empty_list'
          WHEN len(list_filter(element_types, lambda type: type NOT IN ({id_types}))) > 0
            OR list_contains(recommended, '') THEN 'bad_item'
        END AS reason
      FROM parsed
    )
    SELECT ([{", ".join(map(quoted, files))}]::VARCHAR[])[file_no + 1] AS file, line,
      CASE WHEN has_id THEN nullif(query, '') END AS query,
      CASE WHEN reason IS NULL THEN recommended END AS recommended,
      CASE WHEN reason IS NULL THEN json.output.scores END AS scores,
      CASE WHEN reason IS NULL AND len(other_keys) > 0 THEN map(other_keys, list_transform(other_keys,
        lambda key: json_extract(text, '/output/' || {_pointer("key")})::VARCHAR)) END AS extra,
      reason, error AS message,
      CASE WHEN reason IS NOT NULL THEN rtrim(text, chr(13) || chr(10)) END AS text
    FROM judged
    """


def _list_key(job_type: str) -> str:
    return _LISTS.get(job_type, "recommendedItems")


def _id_key(job_type: str) -> str:
    return _IDS[job_type][0].rpartition(".")[2]


def _path_value(path: str) -> str:
    return "json" + "".join(f'."{part}"' for part in path.split(".")[1:])


def _pointer(key: str) -> str:
    """A key as part of a JSON pointer (RFC 6901), which takes any key; a JSON path does not."""
    return f"replace(replace({key}, '~', '~0'), '/', '~1')"


def _structure(wanted: str) -> str:
    return (
        '{"input":{"userId":"VARCHAR","itemId":"VARCHAR","itemAttributes":"VARCHAR"},"itemAttributes":"VARCHAR",'
        f'"output":{{"{wanted}":["VARCHAR"],"scores":["DOUBLE"]}},"error":"VARCHAR"}}'
    )
