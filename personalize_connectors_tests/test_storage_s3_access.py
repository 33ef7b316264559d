"""How S3 is reached: credentials, encryption, refusals, and keys that are somebody else's."""

import logging
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from personalize_connectors.cli import main
from personalize_connectors.errors import BadSettings, NotFound
from personalize_connectors.storage import open_storage
from personalize_connectors.storage_errors import is_refused, is_storage_error, storage_error_text
from personalize_connectors_tests.s3 import KEYS, impatient, serving
from personalize_connectors_tests.test_storage import paths


@pytest.mark.parametrize("size", [10, 12_000_000])
def test_encrypts_with_the_key_that_is_set(s3, s3_bucket, monkeypatch, size):
    """Every object that is written, in one part or several, carries CONNECTORS_SSE_KMS_KEY_ID."""
    monkeypatch.setenv("CONNECTORS_SSE_KMS_KEY_ID", "key-1")
    storage = open_storage(f"s3://{s3_bucket}")
    storage.write("put", b"x" * size)
    storage.create("created", b"x" * size)
    with storage.writer("streamed") as sink:
        sink.write(b"x" * size)
    heads = [s3.head_object(Bucket=s3_bucket, Key=key) for key in ("put", "created", "streamed")]
    assert [(head["ServerSideEncryption"], head["SSEKMSKeyId"]) for head in heads] == [
        ("aws:kms", "key-1")
    ] * 3


@pytest.fixture
def home(s3, tmp_path, monkeypatch):
    """A home folder for AWS's files, and no keys in the environment."""
    del s3
    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return tmp_path


def test_takes_a_profile(home, s3_bucket, monkeypatch):
    """AWS_PROFILE names keys and region in AWS's files."""
    (home / "credentials").write_text("[shop]\naws_access_key_id=testing\naws_secret_access_key=testing\n")
    (home / "config").write_text("[profile shop]\nregion=eu-west-1\n")
    monkeypatch.setenv("AWS_PROFILE", "shop")
    storage = open_storage(f"s3://{s3_bucket}")
    storage.write("a", b"1")
    assert storage.read("a") == b"1"
    monkeypatch.setenv("AWS_PROFILE", "other")
    with pytest.raises(
        BadSettings, match=r"the AWS credentials cannot be used: .*\(other\) could not be found"
    ):
        open_storage(f"s3://{s3_bucket}")


@pytest.mark.usefixtures("home")
def test_says_that_there_are_no_credentials():
    """Without credentials anywhere the error says what to set."""
    with pytest.raises(
        BadSettings, match="there are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID"
    ):
        open_storage("s3://bucket")


def said(monkeypatch, capsys, *arguments):
    """What the command says, and its exit code."""
    monkeypatch.setattr("sys.argv", ["personalize-connectors", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, capsys.readouterr().err


@pytest.mark.usefixtures("s3")
def test_says_that_a_bucket_is_not_there(monkeypatch, capsys):
    """A missing bucket is one line that says so, when listing and when reading."""
    monkeypatch.setenv("CONNECTORS_ROOT", "s3://no-such-bucket")
    code, text = said(monkeypatch, capsys, "jobs")
    assert (code, text.count("\n")) == (2, 1)
    assert text.endswith("/no-such-bucket: there is no such bucket; make it, or mend the address\n")
    with pytest.raises(NotFound, match="there is no bucket s3://no-such-bucket; make it"):
        open_storage("s3://no-such-bucket").read("a")


@pytest.mark.usefixtures("s3")
def test_says_that_the_endpoint_is_no_address(monkeypatch, capsys):
    """An AWS_ENDPOINT_URL without a scheme is a wrong setting, told in a line."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:5000")
    monkeypatch.setenv("CONNECTORS_ROOT", "s3://bucket")
    code, text = said(monkeypatch, capsys, "validate")
    assert (code, text.count("\n")) == (2, 1)
    said_of_it = "error: CONNECTORS_ROOT: AWS_ENDPOINT_URL is '127.0.0.1:5000'; write http:// or"
    assert text.startswith(said_of_it)


@pytest.mark.usefixtures("s3")
def test_an_empty_endpoint_is_none(monkeypatch):
    """An empty variable of the service does not hide the endpoint of all services."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "")
    storage = open_storage("s3://bucket")
    with pytest.raises(NotFound, match="there is no bucket s3://bucket"):
        storage.read("a")


@pytest.mark.parametrize(
    ("status", "code", "meaning"),
    [
        (403, "AccessDenied", "access denied: these credentials may not do it"),
        (403, "InvalidAccessKeyId", "AWS does not know this access key"),
        (400, "ExpiredToken", "the credentials have expired; log in again"),
        (400, "AuthorizationHeaderMalformed", "the bucket is in another region: set AWS_REGION to it"),
        (301, "PermanentRedirect", "the bucket is in another region: set AWS_REGION to it"),
    ],
)
@pytest.mark.usefixtures("s3")
def test_says_what_s3_refuses(monkeypatch, capsys, status, code, meaning):
    """A refusal is one line without XML, and exit code 2."""
    with answering(lambda: (status, f"<Error><Code>{code}</Code><Message>no</Message></Error>")) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("CONNECTORS_ROOT", "s3://bucket")
        assert said(monkeypatch, capsys, "jobs") == (2, f"error: S3 refuses GET {url}/bucket: {meaning}\n")


@pytest.mark.usefixtures("s3")
def test_tries_again_when_s3_throttles(monkeypatch):
    """SlowDown and 500 are answered by trying again."""
    answers = [(503, "<Error><Code>SlowDown</Code></Error>"), (500, ""), (200, "content")]
    with answering(lambda: answers.pop(0)) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        assert open_storage("s3://bucket").read("a") == b"content"


def test_a_read_that_fails_can_be_tried_again(s3_bucket):
    """An S3 that goes away under a scan is a storage error and no refusal, also when an engine made an error of its own of it."""
    with serving() as url:
        storage = impatient(url, s3_bucket)
        storage.write("a", b"content")
        file = storage.open_input("a")
    with pytest.raises(OSError, match="store failed") as failed:
        file.read()
    wrapped = duckdb.InvalidInputException(f"Invalid Input Error: arrow_scan: {failed.value}")
    assert (is_storage_error(wrapped), is_refused(wrapped)) == (True, False)


def test_a_scan_whose_s3_goes_away_ends(s3_bucket):
    """DuckDB's scan of an S3 that went away ends with an error that is known as the storage's, each time; it never hangs."""
    content = pa.BufferOutputStream()
    pq.write_table(pa.table({"x": range(10_000)}), content)
    with serving() as url:
        storage = impatient(url, s3_bucket)
        for name in ("a", "b", "c"):
            storage.write(name, content.getvalue().to_pybytes())
        scanned = storage.dataset(["a", "b", "c"])
    for _ in range(10):
        with duckdb.connect() as session, pytest.raises(duckdb.Error, match="store failed") as failed:
            session.from_arrow(scanned).fetchall()
        assert (is_storage_error(failed.value), is_refused(failed.value)) == (True, False)


def test_a_scan_whose_files_are_replaced_says_so(s3_bucket):
    """A file that goes away under a scan is told as replaced by another run, also when DuckDB made an error of its own of it."""
    content = pa.BufferOutputStream()
    pq.write_table(pa.table({"x": range(10_000)}), content)
    storage = open_storage(f"s3://{s3_bucket}")
    storage.write("a b/c: d", content.getvalue().to_pybytes())
    scanned = storage.dataset(["a b/c: d"])
    storage.remove("a b/c: d")
    with duckdb.connect() as session, pytest.raises(duckdb.Error) as failed:
        session.from_arrow(scanned).fetchall()
    assert (is_storage_error(failed.value), is_refused(failed.value)) == (True, False)
    assert storage_error_text(failed.value) == (
        "a b/c: d is not there; it was there a moment ago, so another run of the same job may have replaced it: run again"
    )


def test_leaves_out_keys_that_no_path_can_name(s3, s3_bucket, caplog):
    """A stray key with an empty part or a control character is counted and told, and all else is listed, in every way."""
    storage = open_storage(f"s3://{s3_bucket}/some where")
    for name in ("data/a", "data/b c/ü", "data/d"):
        storage.write(name, b"1")
    for key in ("data/b//x", "data//y", "data/a\tb", "data/\x01/c"):
        s3.put_object(Bucket=s3_bucket, Key=f"some where/{key}", Body=b"")
    with caplog.at_level(logging.WARNING):
        assert paths(storage, "data") == ["data/a", "data/b c/ü", "data/d"]
        folders, objects = storage.children("data")
        assert (folders, [found.path for found in objects]) == (["data/b c"], ["data/a", "data/d"])
        assert [found.path for found in storage.objects_from("data", "data/b")] == ["data/b c/ü", "data/d"]
    assert (
        f"{storage.uri('data/')}: 4 keys with an empty part, as in a//b, or a control character are left out"
        in caplog.messages
    )
    assert [text for text in caplog.messages if ": 0 keys" in text] == []


class answering:  # noqa: N801 - reads as what it does
    """An S3 that gives the answers of a function, on loopback."""

    def __init__(self, answer):
        class Requests(BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = answer()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Last-Modified", "Mon, 23 Nov 2026 03:00:00 GMT")
                self.send_header("ETag", '"1"')
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
        self._thread = Thread(target=self._server.serve_forever)

    def __enter__(self):
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_many_small_files_are_read_some_at_once(s3, s3_bucket):
    """Their contents come in order, with large ones and empty ones between them, and never more than a bounded number is held."""
    storage = open_storage(f"s3://{s3_bucket}")
    sizes = [3, 0, 2_000_000, *[5] * 200, 1_500_000, 1]
    for number, size in enumerate(sizes):
        s3.put_object(Bucket=s3_bucket, Key=f"in/{number:04}.json", Body=bytes([number % 250]) * size)
    found = [b"".join(blocks) for blocks in storage.contents(storage.objects("in"))]
    assert [(len(content), set(content)) for content in found] == [
        (size, {number % 250} if size else set()) for number, size in enumerate(sizes)
    ]


def test_a_small_file_that_is_gone_is_told(s3, s3_bucket):
    """What is not there any more when its turn comes is an error, and nothing hangs."""
    storage = open_storage(f"s3://{s3_bucket}")
    for number in range(50):
        s3.put_object(Bucket=s3_bucket, Key=f"in/{number:04}.json", Body=b"x")
    listed = storage.objects("in")
    s3.delete_object(Bucket=s3_bucket, Key="in/0010.json")
    with pytest.raises(FileNotFoundError):
        list(storage.contents(listed))


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
@pytest.mark.parametrize("region", ["eu west", "eu-west-1\n", "ü"])
def test_what_cannot_be_a_region_is_told(s3_bucket, monkeypatch, name, region):
    """The store itself would panic."""
    monkeypatch.setenv(name, region)
    with pytest.raises(BadSettings, match=f"{name} is .*write a region"):
        open_storage(f"s3://{s3_bucket}")
