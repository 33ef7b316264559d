"""Clients of AWS by the environment."""

import pytest
from botocore.exceptions import NoRegionError

from personalize_connectors.aws import aws_client
from personalize_connectors.errors import BadSettings


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSM"])
@pytest.mark.parametrize(
    "url", ["notaurl", "http://", "ftp://aws.example", "http://[::1", "http://aws.example:abc"]
)
def test_an_address_that_is_none_is_told(monkeypatch, name, url):
    """The text names the variable, its value, and what is right."""
    monkeypatch.setenv(name, url)
    with pytest.raises(BadSettings) as caught:
        aws_client("ssm")
    assert str(caught.value) == (
        f"{name} is {url!r}; write http:// or https://, host and port, for example http://127.0.0.1:5000, or unset it"
    )


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(("name", "value"), [("AWS_PROFILE", "nope"), ("AWS_REGION", "no pe")])
def test_a_profile_or_region_that_is_none_is_told(monkeypatch, name, value):
    """The text holds the value."""
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as caught:
        aws_client("ssm")
    assert str(caught.value).startswith("the AWS settings cannot be used: ")
    assert value in str(caught.value)


@pytest.mark.usefixtures("s3")
def test_a_region_can_be_given(monkeypatch):
    """It comes before that of the environment, which may name none."""
    assert aws_client("sns", "us-east-1").meta.region_name == "us-east-1"
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert aws_client("sns", "us-east-1").meta.region_name == "us-east-1"
    with pytest.raises(NoRegionError):
        aws_client("sns")
