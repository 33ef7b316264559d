"""Where a destination is found: the environment, then the SSM Parameter Store of a moto server."""

import os

import boto3
import pytest

from personalize_connectors.connectors.braze import CONNECTOR
from personalize_connectors.credentials import find_destination
from personalize_connectors.errors import BadSettings, DestinationUnavailable

URL, KEY = "https://rest.iad-01.braze.com", "key-of-the-store-0123456789"
URL_PATH, KEY_PATH = (
    f"/prod/personalize-connectors/braze/{name}" for name in ("rest-endpoint-url", "api-key")
)
ENVIRONMENT = {"BRAZE_REST_ENDPOINT_URL": URL, "BRAZE_API_KEY": KEY}


@pytest.fixture
def store(s3):
    """An SSM Parameter Store, emptied before (other tests of this process put parameters there too) and after."""
    del s3
    client = boto3.client("ssm")
    empty(client)
    yield client
    empty(client)


def empty(store):
    """Delete all parameters of a store."""
    for page in store.get_paginator("describe_parameters").paginate():
        for found in page["Parameters"]:
            store.delete_parameter(Name=found["Name"])


def put(store, path, value):
    """A parameter that is encrypted."""
    store.put_parameter(Name=path, Value=value, Type="SecureString", Overwrite=True)


def never():
    """No client is asked for."""
    raise AssertionError("the store was asked")


def token(destination):
    """The key that is sent."""
    return destination.headers["Authorization"]


def test_the_environment_comes_first():
    """Where both are set nothing else is asked."""
    found = find_destination(CONNECTOR, ENVIRONMENT, never)
    assert (found.url, token(found)) == (URL, f"Bearer {KEY}")


def test_the_store_has_what_the_environment_has_not(store):
    """Both are read decrypted from the environment's own path, by their names there."""
    put(store, "/test/personalize-connectors/braze/rest-endpoint-url", URL)
    put(store, "/test/personalize-connectors/braze/api-key", KEY)
    found = find_destination(CONNECTOR, {"ENVIRONMENT_NAME": "test"})
    assert (found.url, token(found)) == (URL, f"Bearer {KEY}")


def test_each_comes_from_where_it_is(store):
    """The address of the environment goes with the key of the store; an empty variable is one not set."""
    put(store, KEY_PATH, KEY)
    found = find_destination(CONNECTOR, {"BRAZE_REST_ENDPOINT_URL": URL, "BRAZE_API_KEY": " "})
    assert (found.url, token(found)) == (URL, f"Bearer {KEY}")


def test_a_parameter_can_be_named(store):
    """BRAZE_API_KEY_PARAMETER names another parameter, or through the store a secret of the Secrets Manager."""
    put(store, "/of/ours", URL)
    secrets = boto3.client("secretsmanager")
    secrets.create_secret(Name="braze-key", SecretString=KEY)
    environment = {
        "BRAZE_REST_ENDPOINT_URL_PARAMETER": "/of/ours",
        "BRAZE_API_KEY_PARAMETER": "/aws/reference/secretsmanager/braze-key",
    }
    found = find_destination(CONNECTOR, environment)
    assert (found.url, token(found)) == (URL, f"Bearer {KEY}")
    secrets.delete_secret(SecretId="braze-key", ForceDeleteWithoutRecovery=True)


def test_says_both_places_where_neither_has_it(store):
    """The error names the variables and the parameters that are not there."""
    put(store, URL_PATH, URL)
    with pytest.raises(BadSettings) as caught:
        find_destination(CONNECTOR, {})
    text = str(caught.value)
    assert text.startswith("BRAZE_API_KEY not set.")
    assert text.endswith(f"(In the SSM Parameter Store there is no {KEY_PATH}.)")


def test_says_which_variable_named_a_parameter_that_is_not_there(store):
    """A name that was given, and does not lead anywhere, is told with the variable that gave it."""
    put(store, URL_PATH, URL)
    with pytest.raises(BadSettings) as caught:
        find_destination(CONNECTOR, {"BRAZE_API_KEY_PARAMETER": "foo"})
    assert str(caught.value).endswith(
        "(In the SSM Parameter Store there is no foo, which BRAZE_API_KEY_PARAMETER names.)"
    )


@pytest.mark.parametrize(("variables", "path"), [({}, KEY_PATH), ({"BRAZE_API_KEY_PARAMETER": "foo"}, "foo")])
def test_what_is_wrong_is_told_by_where_it_came_from(store, variables, path):
    """A key that came from a parameter is blamed on it, and an address that came from the environment on its variable."""
    put(store, path, KEY)
    found = find_destination(CONNECTOR, {"BRAZE_REST_ENDPOINT_URL": URL, **variables})
    assert found.masked(f"{KEY} in BRAZE_API_KEY is not valid at BRAZE_REST_ENDPOINT_URL") == (
        f"*** in the SSM parameter {path} is not valid at BRAZE_REST_ENDPOINT_URL"
    )
    put(store, path, "two\nlines")
    with pytest.raises(BadSettings) as caught:
        find_destination(CONNECTOR, {"BRAZE_REST_ENDPOINT_URL": URL, **variables})
    assert str(caught.value).startswith(f"the SSM parameter {path} holds characters that no key has")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("AWS_ENDPOINT_URL", "notaurl", "AWS_ENDPOINT_URL is 'notaurl'; write http:// or https://"),
        (
            "AWS_PROFILE",
            "nope",
            "the AWS settings cannot be used: The config profile (nope) could not be found",
        ),
    ],
)
@pytest.mark.usefixtures("store")
def test_aws_settings_that_cannot_be_used_are_told(monkeypatch, name, value, words):
    """They are the same the next time: nothing that answers later."""
    # The store is in this process, and must not see it when it is emptied.
    with monkeypatch.context() as patched:
        patched.setenv(name, value)
        with pytest.raises(BadSettings) as caught:
            find_destination(CONNECTOR, os.environ | {"BRAZE_REST_ENDPOINT_URL": URL, "BRAZE_API_KEY": ""})
    assert words in str(caught.value)
    assert "the SSM parameters" in str(caught.value)


@pytest.mark.usefixtures("store")
def test_without_aws_the_variables_are_asked_for(monkeypatch):
    """Where no region is set, no AWS is asked, and the error says so."""
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(BadSettings) as caught:
        find_destination(CONNECTOR, {})
    assert f"(The SSM parameters {URL_PATH} and {KEY_PATH} were not read: no AWS region" in str(caught.value)


@pytest.mark.usefixtures("store")
def test_a_store_that_does_not_answer_can_be_asked_again(monkeypatch):
    """That is no wrong setting: the same run can go well later."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(DestinationUnavailable, match="could not be read"):
        find_destination(CONNECTOR, {})
