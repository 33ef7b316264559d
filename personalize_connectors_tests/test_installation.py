"""What our errors, and those of the engine, become in a step."""

import dagster as dg
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError

from personalize_connectors.errors import BadInput
from personalize_connectors.installation import clear_failures


def test_an_interrupted_query_is_an_interrupted_run():
    """Ctrl-C while the engine reads comes as an error with this text, and is no failure of the step."""
    with pytest.raises(DagsterExecutionInterruptedError), clear_failures():
        raise RuntimeError("Query interrupted")


def test_bad_input_is_a_failure_that_is_not_tried_again():
    """The text is ours, and the next time would be the same."""
    with pytest.raises(dg.Failure, match=r"^no such line$") as caught, clear_failures():
        raise BadInput("no such line")
    assert not caught.value.allow_retries
