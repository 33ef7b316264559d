"""The stages that are per user, each worked out by a job that is submitted to Spark, where the installation asks for it.

One job for each stage, not one for a run: Dagster keeps its graph, its checks between the stages, and its retries of one stage, and
what the run shows is what it shows with every other engine. The price is the start of a job, four times in a run: a minute each at
Glue, little on a cluster that is there, or where EMR Serverless keeps workers ready.

The job runs the same asset, with the same code, over the same bucket (`spark.job_script`); what it cannot do there is done here: the
secrets of destinations are looked up before a job is started, and never given to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import dagster as dg

from personalize_connectors.installation import Installation, clear_failures

Body = Callable[..., Iterator[Any]]


def or_submitted(body: Body) -> Body:
    """The body of an asset, or a job that runs it elsewhere, as the installation has it at the time of the run."""

    @wraps(body)
    def either(
        context: dg.AssetExecutionContext, installation: Installation, **given: Any
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        with clear_failures():
            to = installation.settings.submission
        if to is None:
            yield from body(context, installation, **given)
            return
        from personalize_connectors.submitting import work_out  # noqa: PLC0415 - most installations submit nothing

        config = given["config"].model_dump() if "config" in given else {}
        with clear_failures():
            outcome = work_out(context, installation.bucket, to, config)
        context.instance.add_run_tags(context.run.run_id, outcome.tags)
        yield from outcome.results()

    return either
