"""The policy documents of deploy/iam allow what the code asks of AWS, and nothing more."""

import json
import os
import re
from collections import Counter
from pathlib import Path

import boto3
import dagster as dg
import pytest

import personalize_connectors
from personalize_connectors.batch_jobs import BatchJobs
from personalize_connectors.cli import main
from personalize_connectors.definitions import defs
from personalize_connectors.emulators.braze import running
from personalize_connectors.installation import Installation
from personalize_connectors.job_run import Job
from personalize_connectors.notifications.sensors import tell, trial
from personalize_connectors.sensors import NAME
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.assets.runs import World
from personalize_connectors_tests.deploy.asked import Asked, allowed, asked, listed, refused, statements
from personalize_connectors_tests.s3 import KEYS, serving

IAM = Path(personalize_connectors.__file__).parents[1] / "deploy" / "iam"
PERSONAL = Job("user_personalization", "daily")
HERE = {
    "ROOT_BUCKET": "root",
    "OUTPUT_BUCKET": "outputs",
    "REGION": KEYS["AWS_REGION"],
    "ACCOUNT": "123456789012",
    "ENVIRONMENT_NAME": "prod",
    "TOPIC": "runs",
}


def document(name: str) -> str:
    """A policy document with this installation in place of the placeholders."""
    text = (IAM / name).read_text()
    for placeholder, value in HERE.items():
        text = text.replace(placeholder, value)
    return text


POLICY = statements(document("run.json"), document("notifications.json"))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What all that an installation does by itself, and an operator on its machine, asks of AWS."""
    heard: set[Asked] = set()
    hearing: list[bool] = []
    with (
        serving(lambda environment: heard.update(asked(environment)) if hearing else None) as url,
        running() as emulator,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        home = tmp_path_factory.mktemp("home")
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        topic = f"arn:aws:sns:{KEYS['AWS_REGION']}:123456789012:runs"
        more = {"DAGSTER_HOME": str(home), "CONNECTORS_ROOT": "s3://root", "CONNECTORS_SNS_TOPIC_ARN": topic}
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": url, **more}.items():
            patch.setenv(name, value)
        for name in ("BRAZE_REST_ENDPOINT_URL", "BRAZE_API_KEY"):
            patch.delenv(name, raising=False)
        set_up(emulator)
        hearing.append(True)
        with dg.DagsterInstance.get() as instance:
            use(World(open_storage("s3://root"), emulator, instance), hearing)
        yield heard


def set_up(emulator) -> None:
    """Buckets, secrets and topic, as the administrator makes them."""
    s3 = boto3.client("s3")
    for name in ("root", "outputs"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": KEYS["AWS_REGION"]})
    ssm = boto3.client("ssm")
    for name, value in (("rest-endpoint-url", emulator.url), ("api-key", emulator.api_key)):
        ssm.put_parameter(Name=f"/prod/personalize-connectors/braze/{name}", Value=value, Type="SecureString")
    boto3.client("sns").create_topic(Name="runs")


def use(world, hearing) -> None:
    """Two days with a rejected user and error lines, by the sensor and by every command."""
    hearing.clear()
    for day, item in enumerate("ab"):
        outputs = World(open_storage("s3://outputs"), world.emulator, world.instance)
        outputs.answer(PERSONAL, day, {"ana": [item], "ben": [item] * 200, "bad": [item]}, "no json")
    world.configure(
        PERSONAL,
        {"missingUsers": "unset"},
        {"braze_catalog": {"catalog": "shop"}},
        saveBatchInferenceErrors=True,
        batchInferencePath="s3://outputs/batch/daily",
        settleSeconds=0,
        maxErrorShare=1.0,
    )
    world.metadata(PERSONAL, {"a": {"name": "Lamp"}, "b": {"name": "Tea"}})
    world.emulator.faults(reject_users=["bad"])
    hearing.append(True)
    context = dg.build_sensor_context(instance=world.instance, resources={"installation": Installation()})
    result = defs.resolve_sensor_def(NAME)(context)
    assert result.run_requests
    for day in (0, 1, 1):
        assert world.run(PERSONAL, day, allow_user_drop=True).success
    commands = (
        ["validate"],
        ["plan", str(PERSONAL)],
        ["explain", str(PERSONAL), "--user", "ana"],
        ["jobs"],
        ["redrive", str(PERSONAL)],
        ["backfill", str(PERSONAL), "--since", "2026-11-01"],
        ["report", str(PERSONAL)],
        ["prune"],
        ["notify", "--test"],
    )
    for command in commands:
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert not ended.value.code, command
    tell(trial())


def test_everything_that_is_asked_is_allowed(found):
    """Sensor, runs, secrets, notifications and commands need nothing outside the documents."""
    assert refused(found, POLICY) == set()


def test_every_statement_is_needed(found):
    """No action and no resource is allowed that nothing asks for; that an upload is broken off needs a network that fails."""
    used = Counter()
    for number, statement in enumerate(POLICY):
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                narrow = {"Action": action, "Resource": resource}
                used[number, "action", action] += any(allowed(one, narrow) for one in found)
                used[number, "resource", resource] += any(allowed(one, narrow) for one in found)
    assert [what for what, times in used.items() if not times and what[2] != "s3:AbortMultipartUpload"] == []


@pytest.mark.parametrize("number", range(len(POLICY)))
def test_the_check_sees_a_statement_that_is_missing(found, number):
    """Without any one of the statements something is refused."""
    assert refused(found, [*POLICY[:number], *POLICY[number + 1 :]])


def test_batch_jobs_are_asked_for_by_the_four_allowed_calls():
    """Where personalizeAccess is set, Amazon Personalize is asked for lists and descriptions and nothing else."""
    asked_for = set()

    class Client:
        def __getattr__(self, name):
            asked_for.add("personalize:" + name.title().replace("_", ""))
            raise LookupError(name)

        def get_paginator(self, name):
            return getattr(self, name)

    for segments in (False, True):
        jobs = BatchJobs(segments, connect=Client)
        for ask in (jobs._list, lambda: jobs._describe("arn")):  # noqa: B023, SLF001 - asked at once
            jobs._client = Client()  # noqa: SLF001
            with pytest.raises(LookupError):
                ask()
    (statement,) = statements(document("personalize.json"))
    assert set(statement["Action"]) == asked_for


def test_documents_are_json_with_known_placeholders():
    """Each document is a policy, and no placeholder is left that the guide does not name."""
    for path in IAM.glob("*.json"):
        assert json.loads(path.read_text())["Version"] == "2012-10-17"
    words = {
        word for path in IAM.glob("*.json") for word in re.findall(r"\b[A-Z][A-Z_]{4,}\b", path.read_text())
    }
    assert words <= {*HERE, "KEY_ID"}
