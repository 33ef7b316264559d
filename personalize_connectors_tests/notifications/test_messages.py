"""What is told of real runs, and when nothing is."""

import json
import threading
from http.server import HTTPServer

import boto3
import dagster as dg
import pytest

from personalize_connectors.definitions import defs
from personalize_connectors.job_run import Job
from personalize_connectors.notifications.message import of_failure, of_rejects
from personalize_connectors.retries import NEVER_AGAIN
from personalize_connectors_tests.job_origin import job_origin
from personalize_connectors_tests.notifications.test_channels import Webhook

PERSONAL = Job("user_personalization", "daily")
NAME = f"{PERSONAL} 2026-11-21T03-00-00Z"


@pytest.fixture
def shop(world):
    """A job with one batch output of a user and a bad line."""
    world.configure(PERSONAL, maxErrorShare=1.0)
    world.answer(PERSONAL, 0, {"ana": ["lamp"]}, "no json")
    return world


def last_run(world):
    """The run that was launched last."""
    return world.instance.get_runs(limit=1)[0]


def test_a_run_that_went_well_is_not_told(shop):
    """Nothing was rejected, so there is nothing to tell."""
    assert shop.run(PERSONAL, 0).success
    assert of_rejects(shop.instance, last_run(shop), "") is None


def test_a_failure_is_told_with_its_words_and_the_link(shop):
    """The text of the failed asset, which names the remedy, and where the run is."""
    shop.emulator.faults(fail_next={"status": 401, "count": 1})
    assert not shop.run(PERSONAL, 0).success
    run = last_run(shop)
    message = of_failure(shop.instance, run, "http://ui.example/")
    assert message.subject == f"{NAME} failed"
    assert message.lines[0].startswith("braze_sync: Braze answered 401")
    assert message.text.endswith(f"\nhttp://ui.example/runs/{run.run_id}")


def test_a_key_of_the_parameter_store_is_blamed_on_its_parameter(shop, s3, monkeypatch):
    """A key that Braze refuses is told by the parameter that it came from, not by a variable that nobody set."""
    del s3
    ssm, path = boto3.client("ssm"), "/stage/personalize-connectors/braze/api-key"
    ssm.put_parameter(Name=path, Value="a-wrong-key-0123456789", Type="SecureString")
    monkeypatch.setenv("ENVIRONMENT_NAME", "stage")
    monkeypatch.setenv("BRAZE_API_KEY", "")
    assert not shop.run(PERSONAL, 0).success
    message = of_failure(shop.instance, last_run(shop), "")
    ssm.delete_parameter(Name=path)
    assert f"the key in the SSM parameter {path} is not valid at BRAZE_REST_ENDPOINT_URL" in message.lines[0]


@pytest.mark.parametrize(("name", "value"), [("AWS_ENDPOINT_URL", "notaurl"), ("AWS_PROFILE", "nope")])
@pytest.mark.usefixtures("s3")
def test_aws_settings_that_cannot_be_used_are_not_retried(shop, monkeypatch, name, value):
    """The text says which they are, and the next run would be the same."""
    monkeypatch.setenv("BRAZE_API_KEY", "")
    monkeypatch.setenv(name, value)
    assert not shop.run(PERSONAL, 0).success
    message = of_failure(shop.instance, last_run(shop), "")
    said = (
        "batch_inference_raw: the SSM parameters /prod/personalize-connectors/braze/api-key were not read: "
    )
    assert message.lines[0].startswith(said)
    assert NEVER_AGAIN.items() <= last_run(shop).tags.items()


def test_a_blocking_check_is_told_as_such(shop):
    """What stopped the run is the check's own description; the run is not retried."""
    shop.configure(PERSONAL, maxErrorShare=0.1)
    assert not shop.run(PERSONAL, 0).success
    run = last_run(shop)
    message = of_failure(shop.instance, run, "")
    assert message.subject == f"{NAME} was stopped by a check"
    assert [line.partition(":")[0] for line in message.lines] == ["error_share"]
    assert NEVER_AGAIN.items() <= run.tags.items()


def test_a_check_that_only_warned_did_not_stop_the_run(shop):
    """A check that may stop a run and only warned is not told for what stopped it; the failure is."""
    shop.metadata(PERSONAL, {"lamp": {"name": "x" * 300}})
    shop.emulator.faults(fail_next={"status": 401, "count": 1})
    found = shop.run(PERSONAL, 0)
    assert (found.success, found.checks["values_can_be_delivered"][0]) == (False, False)
    message = of_failure(shop.instance, last_run(shop), "")
    assert message.subject == f"{NAME} failed"
    assert message.lines[0].startswith("braze_sync: Braze answered 401")


def test_a_bad_input_is_not_retried_and_an_outage_is(shop):
    """What fails again by itself is left alone; what can go well later is not."""
    shop.write("etl_jobs/user_personalization/daily/config.json", "{")
    assert not shop.run(PERSONAL, 0).success
    assert NEVER_AGAIN.items() <= last_run(shop).tags.items()
    shop.configure(PERSONAL, maxErrorShare=1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAZE_API_KEY", "")
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        patch.setenv("AWS_REGION", "eu-west-1")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        assert not shop.run(PERSONAL, 0).success
    assert not NEVER_AGAIN.keys() & last_run(shop).tags.keys()


def test_rejects_are_told_by_reason_without_users(shop):
    """How many and why, and how to send them again; who it was is in the receipts."""
    shop.emulator.faults(reject_users=["ana"], reject_type="EMAIL_BAD_FORMAT")
    assert shop.run(PERSONAL, 0).success
    message = of_rejects(shop.instance, last_run(shop), "")
    assert message.subject == f"{NAME} had records rejected"
    assert message.lines == ["braze_sync: 1 records rejected, most: EMAIL_BAD_FORMAT"]
    assert f"personalize-connectors redrive {PERSONAL}" in message.text
    assert "ana" not in message.text


def test_the_sensor_tells_slack_unless_the_run_is_retried(shop, monkeypatch):
    """A failed run is told once somebody must act; while Dagster retries it, nobody is. It cannot retry a command's run."""
    shop.emulator.faults(fail_next={"status": 401, "count": 1})
    shop.run(PERSONAL, 0)
    run = last_run(shop)
    event = shop.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)[0].get_dagster_event()
    sensor = defs.resolve_sensor_def("tell_of_failures")
    with HTTPServer(("127.0.0.1", 0), Webhook) as server:
        server.got, server.statuses = [], []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("CONNECTORS_SLACK_WEBHOOK_URL", f"http://127.0.0.1:{server.server_port}/T/secret")
        origin = job_origin("deliver_recommendations")
        retried = run.with_tags({**run.tags, "dagster/will_retry": "true"})
        for told in (retried.with_job_origin(origin), retried, run.with_job_origin(origin)):
            context = dg.build_run_status_sensor_context(
                sensor_name=sensor.name,
                dagster_event=event,
                dagster_instance=shop.instance,
                dagster_run=told,
            )
            sensor(context)
        server.shutdown()
        thread.join()
    assert [message["text"].splitlines()[0] for message in server.got] == [f"{NAME} failed"] * 2
    assert "secret" not in json.dumps(server.got)
