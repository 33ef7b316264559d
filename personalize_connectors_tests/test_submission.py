"""Where an installation has its stages submitted to."""

import pytest

from personalize_connectors.cluster import read_cluster
from personalize_connectors.errors import BadSettings
from personalize_connectors.submission import Submission, read_submission

ROOT = {"CONNECTORS_ROOT": "s3://bucket/prefix"}
GLUE = {**ROOT, "CONNECTORS_ENGINE": "glue", "CONNECTORS_GLUE_JOB": "recommendations"}
SCRIPT = {**ROOT, "CONNECTORS_JOB_SCRIPT": "s3://bucket/job_script.py"}
EMR = {**SCRIPT, "CONNECTORS_ENGINE": "emr", "CONNECTORS_EMR_CLUSTER": "j-2AXXXXXXGAPLF"}
ROLE = "arn:aws:iam::123456789012:role/spark"
SERVERLESS = {
    **SCRIPT,
    "CONNECTORS_ENGINE": "emr-serverless",
    "CONNECTORS_EMR_SERVERLESS_APPLICATION": "00f1abcdefgh5j09",
    "CONNECTORS_EMR_SERVERLESS_ROLE": ROLE,
}


@pytest.mark.parametrize(
    ("environment", "submission"),
    [
        ({}, None),
        ({**GLUE, "CONNECTORS_ENGINE": "local"}, None),
        (GLUE, Submission("glue", "recommendations")),
        (
            {**EMR, "CONNECTORS_SPARK_SUBMIT": "--conf 'spark.a=b c'"},
            Submission(
                "emr", "j-2AXXXXXXGAPLF", "s3://bucket/job_script.py", submit=("--conf", "spark.a=b c")
            ),
        ),
        (
            SERVERLESS,
            Submission("emr-serverless", "00f1abcdefgh5j09", "s3://bucket/job_script.py", ROLE),
        ),
    ],
)
def test_takes_what_is_set(environment, submission):
    """Nothing is submitted unless the engine is one of AWS that takes jobs; then to what is named, and no cluster is connected to."""
    assert (read_submission(environment), read_cluster(environment)) == (submission, None)


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        (
            {**GLUE, "CONNECTORS_ROOT": "./bucket"},
            (
                "CONNECTORS_ENGINE is glue, and CONNECTORS_ROOT is './bucket': jobs reach no folder of this machine; use "
                "s3://bucket[/prefix]"
            ),
        ),
        (
            {**GLUE, "CONNECTORS_GLUE_JOB": ""},
            (
                "CONNECTORS_ENGINE is glue, and CONNECTORS_GLUE_JOB is not set; set it to the name of a Glue job, as "
                "personalize-connectors"
            ),
        ),
        (
            {**EMR, "CONNECTORS_EMR_CLUSTER": "spark"},
            "CONNECTORS_EMR_CLUSTER is 'spark'; write the id of a cluster, as j-2AXXXXXXGAPLF",
        ),
        (
            {**EMR, "CONNECTORS_JOB_SCRIPT": "job_script.py"},
            (
                "CONNECTORS_JOB_SCRIPT is 'job_script.py'; write where job_script.py lies, as s3://bucket/job_script.py"
            ),
        ),
        (
            {**SERVERLESS, "CONNECTORS_EMR_SERVERLESS_ROLE": "spark"},
            (
                "CONNECTORS_EMR_SERVERLESS_ROLE is 'spark'; write a role's ARN, as arn:aws:iam::123456789012:role/spark"
            ),
        ),
        (
            {**EMR, "CONNECTORS_SPARK_SUBMIT": "--conf 'a"},
            'CONNECTORS_SPARK_SUBMIT is "--conf \'a"; write it as a shell reads it (No closing quotation)',
        ),
    ],
)
def test_refuses_what_cannot_be_meant(environment, text):
    """What is missing or wrong is told with the value and what would be right."""
    with pytest.raises(BadSettings) as refused:
        read_submission(environment)
    assert str(refused.value) == text
