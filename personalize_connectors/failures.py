"""What a failed step says to a person."""

from typing import Any

import dagster as dg


def failure_text(event: dg.DagsterEvent) -> str:
    """Our own words where there are some, else the innermost error."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    return innermost(data.error) if data.error else "failed without a word"


def innermost(error: Any) -> str:
    """The message of the error that began it."""
    while error.cause:
        error = error.cause
    return str(error.message).strip()
