"""What a person sees of a materialization: a few rows as a Markdown table, column schemas, and checks."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg
import pyarrow as pa

from personalize_connectors.assets.checks import Check

_WIDEST = 120
_ESCAPES = {ord(sign): f"&#{ord(sign)};" for sign in "\\`*_[]<>|&!#"}


def table(rows: Iterable[Mapping[str, Any]]) -> dg.MarkdownMetadataValue:
    """Rows as a Markdown table; values are data from outside, so whatever Markdown or HTML reads in them is escaped."""
    found = list(rows)
    if not found:
        return dg.MetadataValue.md("(none)")
    columns = list(found[0])
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(_cell(row[column]) for column in columns) + " |" for row in found]
    return dg.MetadataValue.md("\n".join(lines))


def picture(svg: str, text: str) -> dg.MarkdownMetadataValue:
    """An SVG image in Markdown; the text is for who cannot see it."""
    return dg.MetadataValue.md(f"![{text}](data:image/svg+xml;base64,{b64encode(svg.encode()).decode()})")


def column_schema(schema: pa.Schema, descriptions: Mapping[str, str]) -> dict[str, dg.TableSchema]:
    """The asset definition's metadata entry for its columns."""
    columns = [dg.TableColumn(field.name, str(field.type), descriptions.get(field.name)) for field in schema]
    return {"dagster/column_schema": dg.TableSchema(columns)}


def check_result(check: Check, **more: dg.MetadataValue[Any]) -> dg.AssetCheckResult:
    """A check as Dagster has it; what stops is an error, so that a blocking check blocks."""
    severity = dg.AssetCheckSeverity.ERROR if check.stops else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        check_name=check.name,
        passed=check.passed,
        severity=severity,
        description=check.text,
        metadata={**check.figures, **more},
    )


def _cell(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    text = text if len(text) <= _WIDEST else text[:_WIDEST] + "..."
    return " ".join(text.translate(_ESCAPES).split())
