"""Each channel against a real server: SNS and SQS of moto, an HTTP server, an SMTP server."""

import email
import json
import socket
import threading
from email import policy
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import pytest
from aiosmtpd.controller import Controller

from personalize_connectors.errors import BadSettings
from personalize_connectors.notifications.channels import NotSent, channels
from personalize_connectors.notifications.message import Message
from personalize_connectors.notifications.sensors import tell, told
from personalize_connectors_tests.ports import free_ports

MESSAGE = Message(
    "user_personalization/daily failed",
    ["braze_sync: <!channel> said: Tee & Co. <https://x.example|click>"],
    "what the text says",
    "http://ui.example/runs/1",
)
RECIPIENTS = ["ana@example.com", "ben@example.com"]
SUBJECT, TEXT = MESSAGE.subject, MESSAGE.text


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


@pytest.fixture
def mailbox():
    """An SMTP server on loopback, and the letters that it took."""
    letters, (port,) = [], free_ports(1)

    class Handler:
        async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
            del server, session
            letters.append(
                (envelope.rcpt_tos, email.message_from_bytes(envelope.content, policy=policy.default))
            )
            return "250 OK"

    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    yield f"smtp://127.0.0.1:{port}", letters
    controller.stop()


def only(environment):
    """The one channel that an environment names."""
    (channel,) = channels(environment)
    return channel


def mail(server):
    """The channel of e-mail to two recipients through a server."""
    return only(
        {
            "CONNECTORS_EMAIL_TO": ", ".join(RECIPIENTS),
            "CONNECTORS_EMAIL_FROM": "connectors@example.com",
            "CONNECTORS_SMTP_URL": server,
        }
    )


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


@pytest.mark.usefixtures("s3")
def test_a_topic_that_is_not_there_is_told():
    """The text names the topic and what AWS says."""
    topic = "arn:aws:sns:eu-west-1:123456789012:nobody"
    with pytest.raises(NotSent, match=f"SNS topic {topic}: .*NotFound"):
        only({"CONNECTORS_SNS_TOPIC_ARN": topic}).send(MESSAGE)


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
    assert told(channel, MESSAGE, lambda _: None) == ""
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


def test_a_channel_that_refuses_is_told_without_its_secret(webhook):
    """The webhook's address is a secret, and is in no text."""
    webhook.statuses = [403] * 3
    address = f"http://127.0.0.1:{webhook.server_port}/T/secret"
    found = [
        told(only({"CONNECTORS_SLACK_WEBHOOK_URL": url}), MESSAGE, lambda _: None)
        for url in (address, "http://127.0.0.1:9/T/secret")
    ]
    assert found == ["the Slack webhook answered 403", "the Slack webhook did not answer (ConnectionError)"]


def test_mail_reaches_all_recipients(mailbox):
    """One letter with subject and text for all of them."""
    server, letters = mailbox
    mail(server).send(MESSAGE)
    ((recipients, letter),) = letters
    assert recipients == RECIPIENTS
    assert (letter["Subject"], letter["From"]) == (SUBJECT, "connectors@example.com")
    assert letter.get_content().split() == TEXT.split()


def test_a_line_break_in_a_subject_makes_no_header(mailbox):
    """A subject is one line, whatever is in it."""
    server, letters = mailbox
    mail(server).send(Message("one\r\nBcc: all@example.com", ["text"], "nothing"))
    ((recipients, letter),) = letters
    assert (recipients, letter["Subject"], letter["Bcc"]) == (RECIPIENTS, "one Bcc: all@example.com", None)


def test_a_mail_server_that_is_away_is_told_without_its_password():
    """The address holds a password, and is in no text."""
    why = told(mail("smtp://user:secret@127.0.0.1:9"), MESSAGE, lambda _: None)
    assert why == "the mail server 127.0.0.1 did not take it (ConnectionRefusedError)"


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({"CONNECTORS_SLACK_WEBHOOK_URL": "hooks"}, "CONNECTORS_SLACK_WEBHOOK_URL is no address"),
        ({"CONNECTORS_EMAIL_TO": "a@b.c"}, "set CONNECTORS_SMTP_URL and CONNECTORS_EMAIL_FROM too"),
        (
            {"CONNECTORS_EMAIL_TO": "a@b.c", "CONNECTORS_EMAIL_FROM": "d@e.f", "CONNECTORS_SMTP_URL": "mail"},
            r"CONNECTORS_SMTP_URL is of the form smtp\[s\]://",
        ),
    ],
)
def test_settings_that_cannot_be_used_are_told(environment, text):
    """The error names the variable and what would be right."""
    with pytest.raises(BadSettings, match=text):
        channels(environment)
