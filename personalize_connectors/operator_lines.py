"""A Dagster logger for operators: our own lines, one for each meaningful step, without Dagster's framing."""

import logging

import dagster as dg

from personalize_connectors import progress

NAME = "operator_lines"


class _Lines(logging.Handler):
    """Our lines; what failed is told at the end, in our words."""

    def emit(self, record: logging.LogRecord) -> None:
        meta = getattr(record, "dagster_meta", {})
        if not meta.get("dagster_event") and record.levelno < logging.ERROR:
            progress.line(f"{meta.get('step_key', ''):<25} {meta.get('orig_message', record.getMessage())}")


def _operator_lines(_: dg.InitLoggerContext) -> logging.Logger:
    """Hand each line of an asset to the watchers of `progress`."""
    logger = logging.Logger(NAME, logging.INFO)  # noqa: LOG001 - one for each run, that no other run's lines reach
    logger.addHandler(_Lines())
    return logger


operator_lines = dg.LoggerDefinition(_operator_lines, description="Our lines only, to whoever watches.")
