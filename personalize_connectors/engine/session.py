"""A DuckDB connection with the bounds of this installation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import orjson

from personalize_connectors.engine.scratch import most_bytes, scratch_folder

# Of the limit DuckDB gets what Python, item documents and Arrow's slices in flight leave, of a large one no more than a share.
_SHARE, _BESIDE, _LEAST = 0.6, 5 << 28, 256 << 20


@contextmanager
def open_session(memory_limit: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that spills to a scratch folder above its share of `memory_limit` bytes, to half of the free disk at most.

    SQL in it can call `is_json(text)`, which is strict.
    """
    with scratch_folder() as scratch:
        connection = duckdb.connect(config={"autoload_known_extensions": False})
        try:
            connection.execute("SET memory_limit = ?", [f"{_of_duckdb(memory_limit)}B"])
            connection.execute("SET temp_directory = ?", [str(scratch)])
            connection.execute("SET max_temp_directory_size = ?", [f"{most_bytes(scratch)}B"])
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET enable_progress_bar = false")
            connection.create_function("is_json", _is_json, ["VARCHAR"], "BOOLEAN")
            yield connection
        finally:
            connection.close()


def _of_duckdb(memory_limit: int) -> int:
    return max(min(int(memory_limit * _SHARE), memory_limit - _BESIDE), _LEAST)


def _is_json(text: str) -> bool:
    """Strictly; DuckDB's own parser also takes trailing commas, NaN and comments. What orjson refuses may still have the form."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return _is_json_in_form(text)
    return True


def _is_json_in_form(text: str) -> bool:
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def query(relation: duckdb.DuckDBPyRelation, name: str, sql: str) -> duckdb.DuckDBPyRelation:
    """A SELECT over a relation under a name."""
    result = relation.query(name, sql)
    assert result is not None  # noqa: S101 - a SELECT gives a relation; DuckDB's types allow for other statements
    return result


def number(session: duckdb.DuckDBPyConnection, sql: str) -> int:
    """The one whole number that a SELECT gives."""
    return int(session.execute(sql).fetchall()[0][0])


def quoted(text: str) -> str:
    """A text as an SQL string constant."""
    return "'" + text.replace("'", "''") + "'"
