"""An S3 for tests: moto as a real HTTP server on loopback, and the environment that leads to it."""

import logging
import os
import threading
import uuid
from contextlib import contextmanager
from datetime import timedelta

import boto3
import pytest
from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from obstore.store import S3Store
from werkzeug.serving import make_server

from personalize_connectors.storage import Storage

KEYS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
}


@contextmanager
def serving(hear=lambda _: None):
    """Serve an S3 until the block ends; gives its address. All of one process have the same buckets.

    `hear` is given the WSGI environment of each request before it is answered; whoever reads the body puts another in its place.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto, lock = DomainDispatcherApplication(create_backend_app), threading.Lock()

    def one_at_a_time(environment, start_response):
        hear(environment)
        with lock:  # moto looks and then puts: two conditional puts at once could both find nothing
            return moto(environment, start_response)

    server = make_server("127.0.0.1", 0, one_at_a_time, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, name="s3", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="session")
def s3_server():
    """One S3 for all tests."""
    with serving() as url:
        yield url


@pytest.fixture
def s3(s3_server, monkeypatch):
    """A client of the S3; the environment leads there, and to no other AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": s3_server}.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    yield client
    client.close()


@pytest.fixture
def s3_bucket(s3):
    """The name of a new, empty bucket."""
    return make_bucket(s3)


def make_bucket(client):
    """Make a bucket; gives its name."""
    name = f"bucket-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": KEYS["AWS_REGION"]})
    return name


def impatient(url, bucket):
    """A bucket of an S3 that is given up soon, where it does not answer."""
    retries = {"max_retries": 1, "retry_timeout": timedelta(seconds=1)}
    store = S3Store(bucket, endpoint=url, client_options={"allow_http": True}, retry_config=retries)
    return Storage(f"s3://{bucket}", store, None)
