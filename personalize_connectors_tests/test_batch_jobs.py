"""What Amazon Personalize says of the batch job that writes a source."""

import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import boto3
import pytest
from botocore.stub import Stubber

from personalize_connectors.batch_jobs import BatchJobs, personalize_client
from personalize_connectors.seen import Cursor
from personalize_connectors.sources import Source
from personalize_connectors.storage import open_storage
from personalize_connectors.tick import look_around
from personalize_connectors_tests.outputs import DAILY, configure, put_output

pytestmark = pytest.mark.usefixtures("s3")

WRITTEN = datetime(2020, 11, 22, 3, tzinfo=UTC)
FOLDER = "batch_daily_2020_11_22_03_00_00"
URI = f"s3://outputs/{FOLDER}"
ARN = "arn:aws:personalize:eu-west-1:123456789012:batch-{kind}-job/{name}"


@pytest.fixture
def source():
    """A source in S3; nothing is read of it."""
    return Source(open_storage("s3://outputs"), FOLDER, WRITTEN, (), WRITTEN)


@pytest.fixture
def stubbed():
    """A client of Amazon Personalize that answers what it was told, and refuses any other call."""
    client = boto3.client("personalize")
    with Stubber(client) as stubber:
        yield client, stubber
        stubber.assert_no_pending_responses()
    client.close()


def listed(stubber, *names: str, kind="inference", created=WRITTEN - timedelta(hours=1)):
    """The answer to the list of jobs."""
    jobs = [
        {
            f"batch{kind.title()}JobArn": ARN.format(kind=kind, name=name),
            "jobName": name,
            "creationDateTime": created,
        }
        for name in names
    ]
    stubber.add_response(f"list_batch_{kind}_jobs", {f"batch{kind.title()}Jobs": jobs}, {"maxResults": 100})


def described(stubber, name: str, status: str, path: str = f"{URI}/", kind="inference", **more):
    """The answer to the description of a job."""
    job = {
        f"batch{kind.title()}JobArn": ARN.format(kind=kind, name=name),
        "jobName": name,
        "status": status,
        "jobOutput": {"s3DataDestination": {"path": path}},
        **more,
    }
    asked = {f"batch{kind.title()}JobArn": ARN.format(kind=kind, name=name)}
    stubber.add_response(f"describe_batch_{kind}_job", {f"batch{kind.title()}Job": job}, asked)


@pytest.mark.parametrize("path", [URI, f"{URI}/"])
def test_an_active_job_has_a_complete_source(stubbed, source, path):
    """The source whose folder is the output path of an ACTIVE job is complete, with and without a slash at the end."""
    client, stubber = stubbed
    listed(stubber, FOLDER)
    described(stubber, FOLDER, "ACTIVE", path)
    assert BatchJobs(segments=False, connect=lambda: client).incomplete(source) is None


@pytest.mark.parametrize("status", ["PENDING", "IN PROGRESS", "CREATE PENDING", "CREATE IN_PROGRESS"])
def test_a_job_that_goes_on_is_waited_for(stubbed, source, status):
    """In whichever words a job is not done, the source is not complete."""
    client, stubber = stubbed
    listed(stubber, FOLDER)
    described(stubber, FOLDER, status)
    assert BatchJobs(segments=False, connect=lambda: client).incomplete(source) == (
        f"Amazon Personalize says {status} of batch inference job {FOLDER}, which writes to {URI}"
    )


def test_a_failed_job_is_told_with_its_reason(stubbed, source):
    """What a failed job wrote is never complete."""
    client, stubber = stubbed
    listed(stubber, FOLDER)
    described(stubber, FOLDER, "CREATE FAILED", failureReason="Invalid S3 output path")
    assert BatchJobs(segments=False, connect=lambda: client).incomplete(source) == (
        f"Amazon Personalize says CREATE FAILED of batch inference job {FOLDER}, which writes to {URI}: Invalid S3 output path"
    )


def test_the_job_of_the_folders_name_is_asked_first(stubbed, source):
    """The list names no path: the job of the folder's name is described first, and the others only where it is another's."""
    client, stubber = stubbed
    listed(stubber, "a", FOLDER, "b")
    described(stubber, FOLDER, "CREATE FAILED", "s3://outputs/other/")
    described(stubber, "a", "ACTIVE")
    assert BatchJobs(segments=False, connect=lambda: client).incomplete(source) is None


def test_asks_once_in_a_tick(stubbed, source):
    """A second source in the same tick asks for nothing that is known already."""
    client, stubber = stubbed
    listed(stubber, FOLDER)
    described(stubber, FOLDER, "ACTIVE")
    jobs = BatchJobs(segments=False, connect=lambda: client)
    assert (jobs.incomplete(source), jobs.incomplete(source)) == (None, None)


def test_asks_for_segment_jobs(stubbed, source):
    """The outputs of user_segmentation come from batch segment jobs."""
    client, stubber = stubbed
    listed(stubber, FOLDER, kind="segment")
    described(stubber, FOLDER, "ACTIVE", kind="segment")
    assert BatchJobs(segments=True, connect=lambda: client).incomplete(source) is None


def test_a_job_that_is_not_there_is_told(stubbed, source):
    """No job at all, and only jobs that are younger than the output, are no job of the source."""
    client, stubber = stubbed
    text = f"Amazon Personalize knows no batch inference job that writes to {URI}"
    listed(stubber)
    assert BatchJobs(segments=False, connect=lambda: client).incomplete(source) == text
    listed(stubber, FOLDER, created=WRITTEN + timedelta(hours=1))
    assert BatchJobs(segments=False, connect=lambda: client).incomplete(source) == text


NOT_ALLOWED = (
    "Amazon Personalize may not be asked (no): allow personalize:ListBatchInferenceJobs, DescribeBatchInferenceJob, "
    "ListBatchSegmentJobs and DescribeBatchSegmentJob, or set personalizeAccess to false"
)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("AccessDeniedException", NOT_ALLOWED),
        ("ThrottlingException", "Amazon Personalize throttles; it is asked again in the next tick"),
        ("InternalServerError", "Amazon Personalize could not be asked: InternalServerError: no"),
    ],
)
def test_a_refusal_is_told_in_words(stubbed, source, code, text):
    """A call that is refused or throttled crashes nothing: the source is not complete, and the words say why."""
    client, stubber = stubbed
    stubber.add_client_error("list_batch_inference_jobs", code, "no", 400)
    assert BatchJobs(segments=False, connect=lambda: client).incomplete(source) == text


def test_says_when_it_does_not_know_where_to_ask(source, monkeypatch):
    """Without a region the words name what is missing."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    assert BatchJobs(segments=False).incomplete(source) == (
        "Amazon Personalize could not be asked: You must specify a region."
    )


def test_a_local_source_has_no_job(tmp_path):
    """In a local folder no batch job writes."""
    source = Source(open_storage(str(tmp_path)), "x", WRITTEN, (), WRITTEN)
    assert BatchJobs(segments=False).incomplete(source) == (
        f"{tmp_path}/x is a local folder; with personalizeAccess a source must be in S3"
    )


@pytest.fixture
def personalize(monkeypatch):
    """An Amazon Personalize over HTTP with one batch inference job, whose status and path a test decides."""
    job = {
        "batchInferenceJobArn": ARN.format(kind="inference", name="x"),
        "jobName": "x",
        "creationDateTime": WRITTEN.timestamp(),
    }

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            described = self.headers["X-Amz-Target"].endswith(".DescribeBatchInferenceJob")
            answer = json.dumps({"batchInferenceJob": job} if described else {"batchInferenceJobs": [job]})
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_):
            """A test prints nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_PERSONALIZE", f"http://127.0.0.1:{server.server_port}")
        yield job
        server.shutdown()
        thread.join()


def test_the_sensor_waits_for_the_job(s3_bucket, personalize):
    """With personalizeAccess a run is requested when its batch job is ACTIVE, however fresh its files are."""
    bucket = open_storage(f"s3://{s3_bucket}")
    configure(bucket, settleSeconds=86_400, personalizeAccess=True)
    put_output(bucket, f"batch/daily/{FOLDER}")
    uri = f"s3://{s3_bucket}/batch/daily/{FOLDER}"
    personalize |= {"status": "IN PROGRESS", "jobOutput": {"s3DataDestination": {"path": f"{uri}/"}}}
    waiting = look_around(bucket, Cursor(), lambda _: False, datetime.now(UTC))
    personalize["status"] = "ACTIVE"
    done = look_around(bucket, waiting.cursor, lambda _: False, datetime.now(UTC))
    text = f"Amazon Personalize says IN PROGRESS of batch inference job x, which writes to {uri}"
    assert (waiting.requests, waiting.texts) == ((), [f"{DAILY}: {text}"])
    assert [wanted.uri for wanted in done.requests] == [uri]


def test_asks_the_endpoint_of_the_environment(s3_server):
    """The client goes where the AWS variables lead."""
    client = personalize_client()
    assert client.meta.endpoint_url == s3_server
    client.close()
