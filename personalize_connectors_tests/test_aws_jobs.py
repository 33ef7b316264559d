"""What is asked of the services that take jobs, and what is made of their answers."""

import boto3
import pytest
from botocore.stub import Stubber

from personalize_connectors.aws_jobs import Ended, asking, jobs_of
from personalize_connectors.errors import BadSettings
from personalize_connectors.submission import Submission
from personalize_connectors_tests.s3 import KEYS

SCRIPT = "s3://bucket/job_script.py"
WORDS = ["--dagster-pipes-context", "eJw=", "--dagster-pipes-messages", "eJx="]
SUBMIT = ("--conf", "spark.a=b c")
GLUE = Submission("glue", "recommendations")
EMR = Submission("emr", "j-2AXXXXXXGAPLF", SCRIPT, submit=SUBMIT)
SERVERLESS = Submission(
    "emr-serverless", "00f1abcdefgh5j09", SCRIPT, "arn:aws:iam::123456789012:role/spark", SUBMIT
)
STEP = ["spark-submit", *SUBMIT, SCRIPT, *WORDS]


@pytest.fixture
def stubbed(monkeypatch):
    """The jobs of a submission, whose client gives one answer to one request."""

    def make(to, method, answer, asked):
        for name, value in KEYS.items():
            monkeypatch.setenv(name, value)
        jobs = jobs_of(to)
        stubber = Stubber(jobs.client)
        stubber.add_response(method, answer, asked)
        stubber.activate()
        return jobs

    return make


@pytest.mark.parametrize(
    ("to", "method", "answer", "asked"),
    [
        (
            GLUE,
            "start_job_run",
            {"JobRunId": "id"},
            {"JobName": "recommendations", "Arguments": {WORDS[0]: WORDS[1], WORDS[2]: WORDS[3]}},
        ),
        (
            EMR,
            "add_job_flow_steps",
            {"StepIds": ["id"]},
            {
                "JobFlowId": "j-2AXXXXXXGAPLF",
                "Steps": [
                    {
                        "Name": "a stage",
                        "ActionOnFailure": "CONTINUE",
                        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": STEP},
                    }
                ],
            },
        ),
    ],
)
def test_starts_the_script(stubbed, to, method, answer, asked):
    """A job is started with the arguments that say where it is told what to do."""
    assert stubbed(to, method, answer, asked).start("a stage", WORDS) == "id"


def test_starts_the_script_at_emr_serverless(stubbed):
    """EMR Serverless gets its role and, as one text, the words for spark-submit."""
    submit = {
        "entryPoint": SCRIPT,
        "entryPointArguments": WORDS,
        "sparkSubmitParameters": "--conf 'spark.a=b c'",
    }
    asked = {
        "applicationId": SERVERLESS.target,
        "executionRoleArn": SERVERLESS.role,
        "name": "a stage",
        "jobDriver": {"sparkSubmit": submit},
    }
    answer = {"applicationId": SERVERLESS.target, "jobRunId": "id", "arn": "arn:" + "a" * 60}
    assert stubbed(SERVERLESS, "start_job_run", answer, asked).start("a stage", WORDS) == "id"


@pytest.mark.parametrize(
    ("state", "details", "ended"),
    [
        ("RUNNING", {}, None),
        ("COMPLETED", {}, Ended(well=True, said="COMPLETED")),
        (
            "FAILED",
            {"Reason": "Unknown Error.", "LogFile": "s3://logs/stderr.gz"},
            Ended(well=False, said="FAILED: Unknown Error.: s3://logs/stderr.gz"),
        ),
    ],
)
def test_says_how_a_step_ended(stubbed, state, details, ended):
    """What EMR says of a failed step, and where its log is, is told."""
    status = {"State": state, **({"FailureDetails": details} if details else {})}
    asked = {"ClusterId": EMR.target, "StepId": "id"}
    jobs = stubbed(EMR, "describe_step", {"Step": {"Status": status}}, asked)
    assert jobs.look("id") == ended


def test_what_aws_refuses_is_a_setting():
    """A job that is not there, or may not be started, is somebody's to mend."""
    with Stubber(client := boto3.client("glue", region_name="eu-west-1")) as stubber:
        stubber.add_client_error("start_job_run", "EntityNotFoundException", "no such job", 400)
        with (
            pytest.raises(
                BadSettings, match=r"glue does not take the job for recommendations: .*no such job"
            ),
            asking(GLUE),
        ):
            client.start_job_run(JobName="recommendations")
