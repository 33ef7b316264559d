"""The decorated records: the rows to deliver, each with the documented line of JSON, which goes below output/."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa

from personalize_connectors import layout
from personalize_connectors.assets.decorating import Decorating
from personalize_connectors.assets.decoration import Decoration
from personalize_connectors.connectors.settings import ConnectorSettings
from personalize_connectors.engine.frame import Frame, Lines
from personalize_connectors.engine.pieces import TYPE
from personalize_connectors.engine.records import RecordForm, with_documents, with_records
from personalize_connectors.job_run import JobRun


def with_record_lines(run: JobRun, decoration: Decoration) -> Frame:
    """The rows of a connector with their records; of a catalog the item's document."""
    return recorded(run, decoration.what, decoration.documents, decoration.rows)


def recorded(run: JobRun, what: Decorating, documents: pa.Table, rows: Frame) -> Frame:
    """The same, of rows whose items are among these documents."""
    if what.connector.unit == "item":
        records, kind = with_documents(rows.batches, documents), pa.large_binary()
    else:
        job_info = {"name": run.job.name, "runDateTime": run.run_at.isoformat()}
        form = RecordForm(run.job.job_type, job_info, _directives(what.settings))
        records, kind = with_records(rows.batches, documents, form), TYPE
    return replace(
        rows,
        schema=rows.schema.append(pa.field("record", kind)),
        batches=records,
        lines=Lines("record", layout.output(run, what.name), what.config.top.recordCompression),
    )


def _directives(settings: ConnectorSettings) -> dict[str, Any]:
    wanted = ("attributePrefix", "otherAttributes")
    return {key: getattr(settings, key) for key in wanted if key in settings.model_fields_set}
