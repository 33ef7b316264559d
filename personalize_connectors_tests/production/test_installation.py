"""The processes of deploy/docker-compose.yaml, started natively, on PostgreSQL."""

import subprocess
from collections import Counter

import dagster as dg
import pytest

from personalize_connectors.job_run import Job
from personalize_connectors.sources import SOURCE_VERSION
from personalize_connectors_tests.assets.runs import World
from personalize_connectors_tests.production.supervised import wait_for

pytestmark = pytest.mark.production

JOBS = [Job("user_personalization", f"job-{number:02}") for number in range(20)]
USERS = 30
FINISHED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


def lists(job: Job) -> dict[str, list[str]]:
    """The lists of a job: each job has users of its own."""
    return {f"{job.name}-user-{user}": [f"{job.name}-item-{user}", "lamp"] for user in range(USERS)}


def land(installed, jobs) -> None:
    """The config and a batch output of some jobs; each sets an attribute of its own."""
    world = World(installed.bucket, installed.emulator, installed.instance)
    for job in jobs:
        world.answer(job, 0, lists(job))
    for job in jobs:
        world.configure(job, {"attributePrefix": f"{job.name}_"}, settleSeconds=0)


def delivered(installed) -> dict[str, list[str]]:
    """User to item ids, as Braze has them."""
    found = {}
    for user, profile in installed.emulator.profiles().items():
        (name,) = [name for name in profile if name.endswith("_items")]
        found[user] = [item["itemId"] for item in profile[name]]
    return found


def runs(installed) -> list[dg.DagsterRun]:
    """All runs of jobs."""
    return [run for run in installed.instance.get_runs() if "job" in run.tags]


def succeeded(installed) -> Counter[str]:
    """How many runs of each job succeeded."""
    done = dg.DagsterRunStatus.SUCCESS
    return Counter(run.tags["job"] for run in runs(installed) if run.status == done)


def all_delivered(installed, jobs) -> bool:
    """Whether every profile is as the input says, and nothing is running or queued."""
    wanted = {user: items for job in jobs for user, items in lists(job).items()}
    return delivered(installed) == wanted and all(run.status in FINISHED for run in runs(installed))


def test_a_batch_output_is_delivered_and_the_webserver_shows_its_run(installed):
    """The sensor requests the run, the daemon starts it, it delivers, the webserver answers with it, and all are well."""
    land(installed, JOBS[:1])
    wait_for("delivery", lambda: all_delivered(installed, JOBS[:1]))
    answer = wait_for(
        "webserver", lambda: installed.ask("{runsOrError {... on Runs {results {status jobName}}}}")
    )
    assert answer == {
        "runsOrError": {"results": [{"status": "SUCCESS", "jobName": "deliver_recommendations"}]}
    }
    asked = {
        name: subprocess.run(words, env=installed.processes.environment, capture_output=True, check=False)
        for name, words in installed.health.items()
    }
    assert {name: done.returncode for name, done in asked.items()} == dict.fromkeys(asked, 0)


def test_kills_lose_nothing_and_repeat_nothing(installed):
    """Daemon, code server and PostgreSQL die in turn while 20 runs are queued; nobody does anything, and all is delivered once."""
    land(installed, JOBS)
    wait_for("20 runs", lambda: len({run.tags["job"] for run in runs(installed)}) == len(JOBS))
    for name in ("code", "daemon", "postgres"):
        wanted = len(delivered(installed)) + USERS
        wait_for("deliveries", lambda wanted=wanted: len(delivered(installed)) >= wanted)
        installed.processes.kill(name)
        if name == "postgres":
            wait_for("PostgreSQL", lambda: answered(installed))
    wait_for("all deliveries", lambda: answered(installed) and all_delivered(installed, JOBS))
    # A run whose process was killed after all was delivered is done once more.
    wait_for("a run of each job that succeeded", lambda: len(succeeded(installed)) == len(JOBS))
    found = runs(installed)
    sources = Counter(
        (run.tags["job"], run.tags[SOURCE_VERSION]) for run in found if run.parent_run_id is None
    )
    assert sources == Counter({(str(job), version): 1 for job, version in sources})
    assert len(sources) == len(JOBS)
    assert succeeded(installed) == Counter(str(job) for job in JOBS)
    by_id = {run.run_id: run for run in found}
    retried = [by_id[run.parent_run_id].status for run in found if run.parent_run_id]
    assert retried == [dg.DagsterRunStatus.FAILURE] * len(retried)
    assert set(installed.processes.starts.values()) == {1, 2}


def answered(installed) -> bool:
    """Whether PostgreSQL answers again."""
    try:
        installed.instance.get_runs(limit=1)
    except Exception:  # noqa: BLE001 - whatever it says while it is away
        return False
    return True
