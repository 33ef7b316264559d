"""Stages that are worked out by jobs which were submitted (see `job_stand_in` for what is real in it, and what is not)."""

import os
import re
import signal
from functools import partial

import boto3
import dagster as dg
import pytest

from personalize_connectors import layout
from personalize_connectors.emulators.braze import running
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.partitions import register
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.assets.runs import DAYS, World, launch, outcome
from personalize_connectors_tests.s3 import KEYS, make_bucket
from personalize_connectors_tests.spark.job_stand_in import JOB, standing_in
from personalize_connectors_tests.spark.stages import STAGES, left_by
from personalize_connectors_tests.until import until

pytestmark = [
    pytest.mark.spark,
    pytest.mark.filterwarnings(
        "ignore:Function .PipesMessageReader.expected_writer_count."
    ),  # Dagster 1.13 asks itself
]

DAILY = Job("user_personalization", "daily")
RUN = JobRun(DAILY, DAYS[0])
LISTS = {f"u{number}": ["a", "b", "ghost"] for number in range(20)}
S3_SCRIPT = "s3://scripts/job_script.py"
ENGINES = ("local", "glue", "local", "emr-serverless")
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
def world(aws, monkeypatch):  # noqa: ARG001 - the environment leads there
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


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Dagster's reader waits ten seconds for messages of a job that has ended; in a bucket they are there when it ends."""
    monkeypatch.setattr("dagster._core.pipes.utils.WAIT_FOR_LOGS_AFTER_EXECUTION_INTERVAL", 0)


@pytest.fixture
def services(aws, monkeypatch):  # noqa: ARG001 - likewise
    """Something that takes jobs at each service; gives how each engine is switched to."""
    monkeypatch.setattr(
        "moto.emrserverless.models.JOB_STATUS", "RUNNING"
    )  # else a job has ended when it starts
    glue, emr, serverless = (boto3.client(name) for name in ("glue", "emr", "emr-serverless"))
    command = {"Name": "glueetl", "ScriptLocation": S3_SCRIPT}
    glue.create_job(Name=JOB, Role="spark", Command=command, ExecutionProperty={"MaxConcurrentRuns": 10})
    kept = {
        "KeepJobFlowAliveWhenNoSteps": True,
        "MasterInstanceType": "m5.large",
        "SlaveInstanceType": "m5.large",
    }
    cluster = emr.run_job_flow(Name="spark", Instances={"InstanceCount": 1, **kept})["JobFlowId"]
    # moto knows no release with Spark 4
    application = serverless.create_application(type="SPARK", releaseLabel="emr-6.6.0")["applicationId"]
    named = {
        "CONNECTORS_GLUE_JOB": JOB,
        "CONNECTORS_EMR_CLUSTER": cluster,
        "CONNECTORS_EMR_SERVERLESS_APPLICATION": application,
        "CONNECTORS_EMR_SERVERLESS_ROLE": "arn:aws:iam::123456789012:role/spark",
        "CONNECTORS_JOB_SCRIPT": S3_SCRIPT,
        "CONNECTORS_SPARK_SUBMIT": "--conf spark.executor.instances=1",
    }
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    yield partial(monkeypatch.setenv, "CONNECTORS_ENGINE")
    glue.delete_job(JobName=JOB)


def told(outcome):
    """What a run shows of its stages."""
    return (
        outcome.metadata
        and {
            asset: {name: value for name, value in metadata.items() if name not in OF_A_RUN}
            for asset, metadata in outcome.metadata.items()
        },
        outcome.checks,
        outcome.failures,
    )


def test_a_stage_shows_and_leaves_the_same(world, services, aws):
    """Stages that are worked out by jobs at Glue and EMR Serverless show and leave what they do on this machine."""
    register(world.instance, "grid", RUN)
    here = [outcome(launch(world.instance, RUN.key, only=stage)) for stage in STAGES]
    left = left_by(world.bucket, RUN)
    # Of what is left, documents would be taken over.
    for folder in ("output", "errors", "reports", f"stages/{STAGES[-1]}"):
        world.bucket.clear(f"{layout.job_folder(DAILY)}/{folder}")
    there = []
    for stage, engine in zip(STAGES, ENGINES, strict=True):
        services(engine)
        there.append(outcome(launch(world.instance, RUN.key, only=stage)))
    assert list(map(told, there)) == list(map(told, here))
    assert left_by(world.bucket, RUN) == left
    assert (aws.submitted, world.bucket.objects(layout.stage(RUN, "submitted"))) == (
        ["glue", "emr-serverless"],
        [],
    )


def test_a_job_fails_in_our_words(world, services, aws):
    """What is wrong with an input is said as on this machine, is not tried again, and AWS sees a job that failed."""
    services("glue")
    world.bucket.clear("batch/daily")
    register(world.instance, "grid", RUN)
    result = launch(world.instance, RUN.key, only=STAGES[0])
    services("local")
    here = launch(world.instance, RUN.key, only=STAGES[0])
    assert outcome(result).failures == outcome(here).failures
    assert "batch/daily" in outcome(result).failures[STAGES[0]]
    assert world.instance.get_run_by_id(result.run_id).tags["dagster/max_retries"] == "0"
    (process,) = aws.running
    assert process.wait() == 1


def test_an_interruption_stops_the_job(world, services, aws):
    """A run that is interrupted has its job stopped; one that could not be is stopped by the next run, before it submits its own."""
    services("emr")
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell that starts us behind it has it ignored
    aws.program = ("-c", "import time; time.sleep(600)")  # a job that does not end by itself
    note = f"{layout.submitted(RUN, STAGES[0])}/job"

    def interrupt():
        until(lambda: world.bucket.exists(note))
        os.kill(os.getpid(), signal.SIGINT)

    aws.on_start = interrupt
    register(world.instance, "grid", RUN)
    launch(world.instance, RUN.key, only=STAGES[0])
    assert (aws.stopped > 0, world.bucket.exists(note)) == (True, True)
    aws.program, aws.on_start = ("-c", "raise SystemExit(1)"), lambda: None
    found = outcome(launch(world.instance, RUN.key, only=STAGES[0])).failures[STAGES[0]]
    assert re.fullmatch(
        r"the job s-\w+ of emr failed \(FAILED\); its log: step s-\w+ of the EMR cluster j-\w+, below its LogUri",
        found,
    )
