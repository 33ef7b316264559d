"""Stages that are worked out by jobs which were submitted (see `job_stand_in` for what is real in it, and what is not)."""

import os
import signal
from dataclasses import replace

import boto3
import dagster as dg
import pytest

from personalize_connectors import layout
from personalize_connectors.emulators.braze import running
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.assets.runs import DAYS, World
from personalize_connectors_tests.s3 import KEYS, make_bucket
from personalize_connectors_tests.spark.job_stand_in import JOB, standing_in
from personalize_connectors_tests.spark.stages import STAGES, left_by

pytestmark = [
    pytest.mark.spark,
    pytest.mark.filterwarnings("ignore:Function .PipesMessageReader.expected_writer_count."),  # Dagster 1.13 asks itself
]

DAILY = Job("user_personalization", "daily")
RUN = JobRun(DAILY, DAYS[0])
LISTS = {f"u{number}": ["a", "b", "ghost"] for number in range(20)}
# What no two materializations of the same have alike.
OF_A_RUN = ("seconds", "bytes")


@pytest.fixture
def aws(tmp_path, monkeypatch):
    """An AWS that runs what is submitted; the environment leads there."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    with standing_in(tmp_path) as stand_in:
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": stand_in.url}.items():
            monkeypatch.setenv(name, value)
        yield stand_in


@pytest.fixture
def world(aws, monkeypatch):
    """A job in a bucket on S3, and an empty Braze."""
    with running() as emulator, dg.DagsterInstance.ephemeral() as instance:
        root = f"s3://{make_bucket(boto3.client('s3'))}/some/where"
        monkeypatch.setenv("CONNECTORS_ROOT", root)
        monkeypatch.setenv("BRAZE_REST_ENDPOINT_URL", emulator.url)
        monkeypatch.setenv("BRAZE_API_KEY", emulator.api_key)
        made = World(open_storage(root), emulator, instance)
        made.configure(DAILY, saveBatchInferenceErrors=True, maxErrorShare=0.5)
        made.metadata(DAILY, {"a": {"name": "Lamp"}, "b": {"name": "Chair"}})
        made.answer(DAILY, 0, LISTS, "no JSON")
        yield made


@pytest.fixture
def glue(aws, monkeypatch):
    """A Glue job, to which stages are submitted."""
    command = {"Name": "glueetl", "ScriptLocation": "s3://scripts/job_script.py"}
    client = boto3.client("glue")
    client.create_job(Name=JOB, Role="spark", Command=command, ExecutionProperty={"MaxConcurrentRuns": 10})
    monkeypatch.setenv("CONNECTORS_ENGINE", "glue")
    monkeypatch.setenv("CONNECTORS_GLUE_JOB", JOB)
    yield
    client.delete_job(JobName=JOB)


def told(outcome):
    """What a run shows of its stages."""
    metadata = {
        asset: {name: value for name, value in outcome.metadata[asset].items() if name not in OF_A_RUN}
        for asset in STAGES
    }
    return outcome.failures, metadata, outcome.checks


def test_a_run_shows_and_leaves_the_same(world, glue, aws, monkeypatch):
    """With its stages submitted to Glue, a run delivers, shows and leaves what it does on this machine."""
    submitted = world.run(DAILY, 0)
    print("".join(submitted.failures.values()))
    assert submitted.failures == {}
    left, requests = left_by(world.bucket, RUN), world.requests()
    record = world.instance.get_runs()[0]
    assert (aws.submitted, requests, world.bucket.objects(layout.stage(RUN, "submitted"))) == (["glue"] * 4, 1, [])
    assert (record.tags["job"], "source_version" in record.tags) == (str(DAILY), True)
    lines = [entry.user_message for entry in world.instance.all_logs(record.run_id)]
    assert "braze: 20 added, 0 changed, 0 unchanged" in lines
    for folder in ("stages", "output", "errors", "reports"):
        world.bucket.clear(f"{layout.job_folder(DAILY)}/{folder}")
    monkeypatch.setenv("CONNECTORS_ENGINE", "local")
    here = world.run(DAILY, 0)
    assert told(submitted) == told(here)
    assert left == left_by(world.bucket, RUN)
