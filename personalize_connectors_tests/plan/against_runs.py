"""A plan and the run that follows it, in the same words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from personalize_connectors.allowance import NOTHING, Allowance
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.partitions import register
from personalize_connectors.plan.result import Plan
from personalize_connectors.plan.run_plan import plan_run
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.assets.runs import DAYS, Outcome, World, launch, outcome

MEMORY = 1 << 30
COUNTS = ("added", "changed", "unchanged", "missing", "removed")


@dataclass(frozen=True)
class Told:
    """What a plan foretold, and what the run did.

    Attributes:
        plan: The plan.
        run: How the run ended.
        foretold: Figures of the plan by connector.
        done: The same figures of the run.
    """

    plan: Plan
    run: Outcome
    foretold: dict[str, dict[str, int]]
    done: dict[str, dict[str, int]]


def plan(world: World, job: Job, day: int, allowance: Allowance = NOTHING) -> Plan:
    """Plan a day; nothing in the bucket may change by it, and nothing may be sent."""
    bucket, requests = open_storage(str(world.root)), world.requests()
    before = bucket.objects("")
    found = plan_run(bucket, MEMORY, JobRun(job, DAYS[day]), allowance)
    assert (bucket.objects(""), world.requests()) == (before, requests)
    return found


def plan_and_run(world: World, job: Job, day: int, allowance: Allowance = NOTHING) -> Told:
    """Plan a day and run it; where all went well, what is planned next is nothing."""
    found = plan(world, job, day, allowance)
    stats = world.emulator.stats()
    run = run_allowing(world, job, day, allowance)
    done = {key: world.emulator.stats()[key] - stats[key] for key in ("requests", "data_points")}
    if not run.success:
        return Told(found, run, {}, {})
    foretold = {connector.name: _foretold(connector) for connector in found.connectors}
    if set(foretold) == {"braze"}:
        assert (foretold["braze"]["requests"], foretold["braze"]["data_points"]) == tuple(done.values())
    return Told(found, run, foretold, {name: _done(run, name, len(foretold)) for name in foretold})


def run_allowing(world: World, job: Job, day: int, allowance: Allowance) -> Outcome:
    """Run a day with what a person allows."""
    run = JobRun(job, DAYS[day])
    register(world.instance, "grid", run)
    ops = {
        "user_recommendations": {"allow_user_drop": allowance.user_drop},
        "decorated_recommendations": {"allow_removals": allowance.removals},
        "braze_sync": {"allow_older_run": allowance.older_run},
    }
    config = {"ops": {name: {"config": settings} for name, settings in ops.items()}}
    return outcome(launch(world.instance, run.key, config))


def _foretold(connector: Any) -> dict[str, int]:
    chosen = connector.costs[0]
    return {
        **{name: getattr(connector, name) for name in COUNTS},
        "dead_letters": connector.held,
        "accepted": chosen.records,
        "rejected": chosen.refused,
        "requests": connector.requests,
        "bytes": connector.body_bytes,
        "data_points": chosen.data_points,
        "perhaps_billed_twice": connector.perhaps_billed_twice,
    }


def _done(run: Outcome, name: str, connectors: int) -> dict[str, int]:
    decorated, sync = run.metadata["decorated_recommendations"], run.metadata[f"{name}_sync"]
    prefix = f"{name}_" if connectors > 1 else ""
    return {
        **{key: decorated[prefix + key] for key in (*COUNTS, "dead_letters")},
        "accepted": sync["accepted"],
        "rejected": sync["rejected"],
        "requests": sync["requests"],
        "bytes": sync["bytes_sent"],
        "data_points": sync["data_points_sent"],
        "perhaps_billed_twice": sync["records_perhaps_billed_twice"],
    }
