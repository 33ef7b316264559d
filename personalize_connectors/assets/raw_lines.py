"""Every line of a source, typed, to be written: the core of `batch_inference_raw`.

Where the query of a line is the user, the lists of the users are written in the same pass, for `user_recommendations` to take
over unless a query stands in several lines.
"""

from __future__ import annotations

import duckdb

from personalize_connectors import layout
from personalize_connectors.assets.user_lists import of_each_line
from personalize_connectors.engine.batch_output import SCHEMA, typed_lines
from personalize_connectors.engine.frame import Frame
from personalize_connectors.engine.lines import stretches
from personalize_connectors.job_config import JobConfig
from personalize_connectors.job_run import JobRun
from personalize_connectors.sources import SOURCE_VERSION, Source

ASSET = "batch_inference_raw"


def raw_lines(session: duckdb.DuckDBPyConnection, run: JobRun, config: JobConfig, source: Source) -> Frame:
    """The lines of a source, lazily, for the folder of a run."""
    found = stretches(source.storage.contents(source.files))
    names, size = [file.name for file in source.files], sum(file.size for file in source.files)
    rows = typed_lines(session, found, names, run.job.job_type, size)
    manifest = {"source": source.uri, SOURCE_VERSION: source.version}
    return Frame(SCHEMA, rows, layout.stage(run, ASSET), manifest=manifest, beside=of_each_line(run, config))
