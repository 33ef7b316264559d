"""The main file of a Spark job that works out one stage of a run, for whoever can only submit jobs (`submitted`).

    spark-submit job_script.py --dagster-pipes-context ... --dagster-pipes-messages ...

Both arguments name places in the bucket: where it is said which stage of which run, and where the job says how it goes. The Python of
the driver and of the workers has this package.
"""

from __future__ import annotations

import os
from importlib.metadata import version

from dagster_pipes import (
    PipesCliArgsParamsLoader,
    PipesContext,
    PipesS3ContextLoader,
    PipesS3MessageWriter,
    open_dagster_pipes,
)

from personalize_connectors.aws import aws_client
from personalize_connectors.cluster import OF_THIS_JOB
from personalize_connectors.stage_outcome import StageOutcome

_SECONDS = 1
_PACKAGE = "personalize-connectors"


def main() -> None:
    """Work out the stage, and tell of it.

    Raises:
        SystemExit: it failed; AWS shows the text.
    """
    client = aws_client("s3")
    with open_dagster_pipes(
        context_loader=PipesS3ContextLoader(client),
        message_writer=PipesS3MessageWriter(client, interval=_SECONDS),
        params_loader=PipesCliArgsParamsLoader(),  # type: ignore[no-untyped-call] # Dagster's
    ) as pipes:
        outcome = _outcome(pipes)
        pipes.report_custom_message(outcome.told())
    if outcome.failure:
        raise SystemExit(outcome.failure)


def _outcome(pipes: PipesContext) -> StageOutcome:
    theirs, ours = pipes.get_extra("version"), version(_PACKAGE)
    if theirs != ours:
        return StageOutcome(
            failure=f"the Spark job has {_PACKAGE} {ours}, and the Dagster run {theirs}; install the same"
        )
    os.environ |= {**pipes.get_extra("settings"), "CONNECTORS_ENGINE": "spark", "SPARK_MASTER": OF_THIS_JOB}
    os.environ.pop("SPARK_REMOTE", None)
    from personalize_connectors.spark.one_stage import one_stage  # noqa: PLC0415 - reads the settings

    return one_stage(pipes.asset_key, pipes.partition_key, pipes.get_extra("config"), pipes.log)


if __name__ == "__main__":
    main()
