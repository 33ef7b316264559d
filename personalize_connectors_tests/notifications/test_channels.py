"""Channels against real servers: SNS and SQS of moto, and an HTTP server."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import pytest

from personalize_connectors.errors import BadSettings, DeliveryRefused
from personalize_connectors.notifications.channels import channels
from personalize_connectors.notifications.message import Message, NotSent
from personalize_connectors.notifications.sensors import tell, told

MESSAGE = Message(
    "user_personalization/daily failed",
    ["braze_sync: <!channel> said: Tee & Co. <https://x.example|click>"],
    "what the text says",
    "http://ui.example/runs/1",
)
SUBJECT, TEXT = MESSAGE.subject, MESSAGE.text
ARN = "arn:aws:sns:eu-west-1:123456789012:nobody"
SLACK = "CONNECTORS_SLACK_WEBHOOK_URL is no address; it is of the form https://host[:port]/path"


class Webhook(BaseHTTPRequestHandler):
    """Answers with the statuses of its server, one after the other, and keeps what it got."""

    def do_POST(self):  # noqa: D102 - the name is http.server's
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.end_headers()

    def log_message(self, *_):
        """Nothing is printed."""


@pytest.fixture
def webhook():
    """A webhook's server on loopback."""
    with HTTPServer(("127.0.0.1", 0), Webhook) as server:
        server.got, server.statuses = [], []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def only(environment):
    """The one channel that an environment names."""
    (channel,) = channels(environment)
    return channel


def never(_):
    """Nobody waits to try again."""
    raise AssertionError("it was tried again")


def test_without_variables_there_is_no_channel():
    """An empty variable is one not set."""
    assert channels({"CONNECTORS_SLACK_WEBHOOK_URL": ""}) == []


@pytest.mark.usefixtures("s3")
def test_sns_publishes_to_the_topic():
    """Whoever subscribed gets subject and text."""
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic = sns.create_topic(Name="runs")["TopicArn"]
    queue = sqs.create_queue(QueueName="runs")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    only({"CONNECTORS_SNS_TOPIC_ARN": topic}).send(MESSAGE)
    (received,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    body = json.loads(received["Body"])
    assert (body["Subject"], body["Message"]) == (SUBJECT, TEXT)


def test_a_topic_that_is_not_there_is_told(s3, monkeypatch):
    """The text names the topic, which is looked for in its own region, and what AWS says; somebody must act, so it is not tried again."""
    del s3
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    why = told(only({"CONNECTORS_SNS_TOPIC_ARN": ARN}), MESSAGE, never)
    assert isinstance(why, DeliveryRefused)
    assert str(why).startswith(f"SNS topic {ARN}: An error occurred (NotFound)")


@pytest.mark.usefixtures("s3")
def test_an_aws_that_does_not_answer_can_be_told_later(monkeypatch):
    """That is no wrong setting."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(NotSent, match=f"SNS topic {ARN}: Could not connect"):
        only({"CONNECTORS_SNS_TOPIC_ARN": ARN}).send(MESSAGE)


def test_slack_gets_text_that_mentions_nobody(webhook):
    """What looks like a mention or a link is text."""
    only({"CONNECTORS_SLACK_WEBHOOK_URL": f"http://127.0.0.1:{webhook.server_port}/T/secret"}).send(MESSAGE)
    (got,) = webhook.got
    assert got["text"].splitlines()[:2] == [
        SUBJECT,
        "braze_sync: &lt;!channel&gt; said: Tee &amp; Co. &lt;https://x.example|click&gt;",
    ]


def test_a_channel_is_tried_again(webhook):
    """Two refusals and then a success: the message has arrived, once."""
    webhook.statuses = [500, 503]
    channel = only({"CONNECTORS_SLACK_WEBHOOK_URL": f"http://127.0.0.1:{webhook.server_port}/T/secret"})
    assert told(channel, MESSAGE, lambda _: None) is None
    assert len(webhook.got) == 3


def test_a_channel_that_does_not_answer_holds_back_no_other(webhook, monkeypatch):
    """All channels are told at once; one that never answers is left after the time for a message, and the others have it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("CONNECTORS_SLACK_WEBHOOK_URL", f"http://127.0.0.1:{webhook.server_port}/T/secret")
        monkeypatch.setenv("CONNECTORS_EMAIL_TO", "ana@example.com")
        monkeypatch.setenv("CONNECTORS_EMAIL_FROM", "connectors@example.com")
        monkeypatch.setenv("CONNECTORS_SMTP_URL", f"smtp://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(NotSent) as caught:
            tell(MESSAGE, 1.0)
    assert str(caught.value) == f"{SUBJECT}: e-mail: no answer within 1 s"
    assert len(webhook.got) == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(403, DeliveryRefused), (404, DeliveryRefused), (429, NotSent), (500, NotSent)]
)
def test_a_channel_that_refuses_is_told_without_its_secret(webhook, status, kind):
    """The webhook's address is a secret, and is in no text; what is refused for good is not tried again."""
    webhook.statuses = [status] * 3
    address = f"http://127.0.0.1:{webhook.server_port}/T/secret"
    why = told(only({"CONNECTORS_SLACK_WEBHOOK_URL": address}), MESSAGE, lambda _: None)
    assert (type(why), str(why)) == (kind, f"the Slack webhook answered {status}")
    assert len(webhook.got) == (3 if kind is NotSent else 1)


def test_a_webhook_that_is_away_is_told_without_its_secret():
    """Nobody listens: the text says so, and not where."""
    why = told(only({"CONNECTORS_SLACK_WEBHOOK_URL": "http://127.0.0.1:9/T/secret"}), MESSAGE, lambda _: None)
    assert str(why) == "the Slack webhook did not answer (ConnectionError)"


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        *(
            ({"CONNECTORS_SLACK_WEBHOOK_URL": url}, SLACK)
            for url in (
                "hooks",
                "http:///x",
                "https://[::1/secret",
                "https://hooks.slack.com:secret/x",
                "https://ho..st/secret",
            )
        ),
        *(
            ({"CONNECTORS_SNS_TOPIC_ARN": arn}, f"CONNECTORS_SNS_TOPIC_ARN is {arn!r}; write the ARN of a ")
            for arn in ("foo", "arn:aws:sqs:eu-west-1:123456789012:runs", f"{ARN}.fifo")
        ),
        ({"CONNECTORS_EMAIL_TO": "a@b.c"}, "CONNECTORS_EMAIL_TO is set; set CONNECTORS_SMTP_URL"),
    ],
)
def test_settings_that_cannot_be_used_are_one_failed_channel(environment, text):
    """The channel says so itself, before and when it is used, and is not tried again; the text names the variable and what is right."""
    channel = only(environment)
    why = told(channel, MESSAGE, never)
    assert (type(why), str(why)) == (BadSettings, channel.wrong)
    assert channel.wrong.startswith(text)
    assert "secret" not in channel.wrong


def test_a_channel_with_wrong_settings_holds_back_no_other(webhook, monkeypatch):
    """The others have the message, and the error that the tick shows is of this one only."""
    monkeypatch.setenv("CONNECTORS_SLACK_WEBHOOK_URL", f"http://127.0.0.1:{webhook.server_port}/T/secret")
    monkeypatch.setenv("CONNECTORS_EMAIL_TO", "ana@example.com")
    with pytest.raises(NotSent) as caught:
        tell(MESSAGE)
    assert str(caught.value) == (
        f"{SUBJECT}: e-mail: CONNECTORS_EMAIL_TO is set; set CONNECTORS_SMTP_URL and CONNECTORS_EMAIL_FROM too"
    )
    assert len(webhook.got) == 1
