"""The lines of a batch output, typed.

Line shapes: Amazon Personalize developer guide, "Batch inference job output examples" and "Batch segment job output
examples". A missing `error` is null; `scores` may be absent or shorter; item attribute queries stand without `input`.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from personalize_connectors.engine.lines import SCHEMA
from personalize_connectors.engine.session import query, quoted

REASONS = {
    "not_utf8": "the line is not UTF-8",
    "not_json": "the line is not JSON",
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
# An id that is a JSON number stays as it is written; a fraction or exponent would not.
_ID_TYPES = ("VARCHAR", "BIGINT", "UBIGINT")
# What DuckDB reads though it is no JSON: trailing commas, NaN, Infinity, comments.
_LENIENT = r",\s*[\]}]|[Nn]a[Nn]|[Ii]nf|/[/*]"


def typed_lines(
    session: duckdb.DuckDBPyConnection, lines: Iterator[pa.RecordBatch], files: list[str], job_type: str
) -> duckdb.DuckDBPyRelation:
    """Every line that is not blank, typed: the rows of `batch_inference_raw`.

    Columns: `file`, `line` (from 1), `query` (user, item or attribute expression), `recommended` (ids in rank order),
    `scores` (where given), `extra` (other keys of `output`, each as JSON text: themes, reasons), and for a line that
    carries no recommendation `reason` (a key of `REASONS`), `message` (the service's text) and `text` (the line).
    """
    reader = pa.RecordBatchReader.from_batches(SCHEMA, lines)
    return query(session.from_arrow(reader), "source", _sql(files, job_type))


def _sql(files: list[str], job_type: str) -> str:
    wanted = _LISTS.get(job_type, "recommendedItems")
    ids = [_path_value(path) for path in _IDS[job_type]]
    paths = ["$", "$.output", f"$.output.{wanted}", *_IDS[job_type]]
    id_types = ", ".join(map(quoted, _ID_TYPES))
    return f"""
    WITH lines AS (
      SELECT *, regexp_full_match(text, {quoted(_plain(job_type))}) AS plain FROM source
      WHERE plain OR NOT regexp_full_match(text, '\\s*')
    ), parsed AS (
      SELECT *, TRY(from_json(text, {quoted(_structure(wanted))})) AS json,
        CASE WHEN NOT plain THEN TRY(json_type(text, [{", ".join(map(quoted, paths))}])) END AS types,
        CASE WHEN NOT plain THEN TRY(json_type(text, {quoted(f"$.output.{wanted}[*]")})) END AS element_types,
        CASE WHEN NOT plain THEN list_filter(TRY(json_keys(text, '$.output')),
          lambda key: key NOT IN ({", ".join(map(quoted, _KNOWN))})) END AS given_keys
      FROM lines
    ), judged AS (
      SELECT *, list_filter(given_keys, lambda key, place: list_position(given_keys, key) = place) AS other_keys,
        coalesce({", ".join(ids)}) AS query, json.output.{wanted} AS recommended, nullif(json.error, '') AS error,
        plain OR len(list_filter(types[4:], lambda type: type IN ({id_types}))) > 0 AS has_id,
        CASE
          WHEN plain THEN NULL
          WHEN NOT utf8 THEN 'not_utf8'
          WHEN types IS NULL OR types[1] IS NULL THEN 'not_json'
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


def _plain(job_type: str) -> str:
    """A pattern of the lines that need no second look: as Amazon Personalize writes them, without escapes."""
    id_key = _IDS[job_type][0].rpartition(".")[2]
    one, number = r'"[^"\\\x00-\x1f]+"', r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?"
    many, numbers = f"{one}(?:,{one})*", f"(?:{number}(?:,{number})*)?"
    return (
        rf'\{{"input":\{{"{id_key}":{one}(?:,"itemList":\[{many}\])?\}},'
        rf'"output":\{{"{_LISTS.get(job_type, "recommendedItems")}":\[{many}\](?:,"scores":\[{numbers}\])?\}}'
        r'(?:,"error":null)?\}[ \t\r\n]*'
    )
