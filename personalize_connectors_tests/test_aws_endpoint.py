"""Where AWS_ENDPOINT_URL leads."""

import pytest

from personalize_connectors.aws_endpoint import aws_endpoint
from personalize_connectors.errors import BadSettings

HERE, THERE = "http://127.0.0.1:5000", "https://s3.example.com/"


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, None),
        ({"AWS_ENDPOINT_URL": HERE}, HERE),
        ({"AWS_ENDPOINT_URL": HERE, "AWS_ENDPOINT_URL_S3": THERE}, THERE),
        ({"AWS_ENDPOINT_URL": HERE, "AWS_ENDPOINT_URL_SSM": THERE}, HERE),
        ({"AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": THERE}, THERE),
        ({"AWS_ENDPOINT_URL": HERE, "AWS_ENDPOINT_URL_S3": " "}, HERE),
        ({"AWS_ENDPOINT_URL": ""}, None),
    ],
)
def test_takes_the_variable_of_the_service_first(environment, address):
    """The service's own variable counts before the one for all, and an empty one is none, and is gone."""
    assert (
        aws_endpoint("s3", environment),
        [name for name, url in environment.items() if not url.strip()],
    ) == (
        address,
        [],
    )


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:5000",
        "htp://x",
        "http://",
        "http:/x",
        "http://[",
        "http://a b",
        "http://x:port",
        "http://ü",
    ],
)
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_refuses_what_is_no_address(name, url):
    """What is no address is refused with the variable's name and what is right."""
    with pytest.raises(BadSettings) as refused:
        aws_endpoint("s3", {name: url})
    assert str(refused.value) == (
        f"{name} is {url!r}; write http:// or https://, host and port, for example http://127.0.0.1:5000, or unset it"
    )
