"""The check that every job's config.json can be used."""

import time

import dagster as dg

from personalize_connectors.all_configs import read_configs
from personalize_connectors.assets.raw_lines import ASSET
from personalize_connectors.installation import Installation, clear_failures
from personalize_connectors.jobs import jobs
from personalize_connectors.side_by_side import side_by_side

CHECK = "config_can_be_used"
_AT_ONCE, _SECONDS = 32, 60


@dg.asset_check(
    asset=ASSET,
    name=CHECK,
    description="The config.json of every job can be used. The sensor looks at every tick, and reports here what changed.",
)
def config_can_be_used(installation: Installation) -> dg.AssetCheckResult:
    """Look at all configs now."""
    with clear_failures(), side_by_side(_AT_ONCE) as threads:
        bucket = installation.bucket
        configs = read_configs(bucket, jobs(bucket), threads, time.monotonic() + _SECONDS)
    evaluation = config_evaluation(configs.problem_lines)
    return dg.AssetCheckResult(
        passed=evaluation.passed,
        severity=evaluation.severity,
        description=evaluation.description,
        metadata=evaluation.metadata,
    )


def config_evaluation(problems: list[str]) -> dg.AssetCheckEvaluation:
    """What the check says of the problems of all configs, one line each."""
    bad = sorted({line.partition(":")[0] for line in problems})
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(ASSET),
        check_name=CHECK,
        passed=not problems,
        severity=dg.AssetCheckSeverity.ERROR,
        description="\n".join(problems) or "every config.json can be used",
        metadata={"jobs_that_cannot_run": len(bad), "jobs": ", ".join(bad)},
        blocking=False,
    )
