"""Where messages go: SNS, a Slack webhook, e-mail; whichever the environment names.

Addresses of webhooks and mail servers hold secrets, so no error text repeats them.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import requests
from botocore.exceptions import BotoCoreError, ClientError

from personalize_connectors.aws import aws_client
from personalize_connectors.errors import BadSettings
from personalize_connectors.notifications.message import Message

# Each names one channel.
VARIABLES = ("CONNECTORS_SNS_TOPIC_ARN", "CONNECTORS_SLACK_WEBHOOK_URL", "CONNECTORS_EMAIL_TO")

_SECONDS = 3
_LONGEST_SUBJECT = 100  # Amazon SNS API reference, "Publish": Subject
_LONGEST_SLACK_TEXT = 3000  # Slack API, "Text object"
_PORTS = {"smtp": 25, "smtps": 465}


class NotSent(Exception):
    """A channel did not take a message; the text says why, without its secrets."""


@dataclass(frozen=True)
class Channel:
    """A name for people, and what sends a message there or raises NotSent."""

    name: str
    send: Callable[[Message], None]


def channels(environment: Mapping[str, str]) -> list[Channel]:
    """Those that the environment names.

    Raises:
        BadSettings: a variable has a value that cannot be used, or one that it needs is missing.
    """
    topic = environment.get("CONNECTORS_SNS_TOPIC_ARN", "").strip()
    webhook = environment.get("CONNECTORS_SLACK_WEBHOOK_URL", "").strip()
    recipients = environment.get("CONNECTORS_EMAIL_TO", "").strip()
    found = [Channel("sns", lambda message: _to_sns(topic, message))] if topic else []
    if webhook:
        if urlsplit(webhook).scheme not in ("http", "https"):
            raise BadSettings("CONNECTORS_SLACK_WEBHOOK_URL is no address; it begins with https://")
        found.append(Channel("slack", lambda message: _to_slack(webhook, message)))
    if recipients:
        mail = _mail(environment, recipients)
        found.append(Channel("e-mail", lambda message: _to_mail(mail, message)))
    return found


def _to_sns(topic: str, message: Message) -> None:
    """Publish to a topic ("Publish": a subject is ASCII, of less than 100 characters, without line breaks)."""
    subject = message.subject.encode("ascii", "replace").decode()[: _LONGEST_SUBJECT - 1]
    try:
        aws_client("sns").publish(TopicArn=topic, Subject=subject, Message=message.text)
    except (ClientError, BotoCoreError) as error:
        raise NotSent(f"SNS topic {topic}: {error}") from None


def _to_slack(webhook: str, message: Message) -> None:
    """Post to an incoming webhook; `&`, `<` and `>` are escaped, so that nothing in a text mentions or links ("Formatting text")."""
    text = f"{message.subject}\n{message.text}"[:_LONGEST_SLACK_TEXT]
    for sign, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, escaped)
    body = {"text": text, "link_names": False, "mrkdwn": False, "unfurl_links": False}
    try:
        answer = requests.post(webhook, json=body, timeout=_SECONDS)
    except requests.RequestException as error:
        raise NotSent(f"the Slack webhook did not answer ({type(error).__name__})") from None
    if not answer.ok:
        raise NotSent(f"the Slack webhook answered {answer.status_code}")


@dataclass(frozen=True)
class _Mail:
    server: str
    sender: str
    recipients: str


def _mail(environment: Mapping[str, str], recipients: str) -> _Mail:
    server = environment.get("CONNECTORS_SMTP_URL", "").strip()
    sender = environment.get("CONNECTORS_EMAIL_FROM", "").strip()
    if not server or not sender:
        raise BadSettings("CONNECTORS_EMAIL_TO is set; set CONNECTORS_SMTP_URL and CONNECTORS_EMAIL_FROM too")
    parts = urlsplit(server)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise BadSettings("CONNECTORS_SMTP_URL is of the form smtp[s]://[user:password@]host[:port]")
    return _Mail(server, sender, recipients)


def _to_mail(mail: _Mail, message: Message) -> None:
    """Send over SMTP; with `smtp` and a password only after STARTTLS."""
    letter = EmailMessage()
    letter["Subject"] = " ".join(message.subject.split())
    letter["From"], letter["To"] = mail.sender, mail.recipients
    letter.set_content(message.text)
    parts = urlsplit(mail.server)
    kind = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
    try:
        with kind(parts.hostname or "", parts.port or _PORTS[parts.scheme], timeout=_SECONDS) as server:
            if parts.username:
                if parts.scheme == "smtp":
                    server.starttls()
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(letter)
    except (smtplib.SMTPException, OSError) as error:
        raise NotSent(f"the mail server {parts.hostname} did not take it ({type(error).__name__})") from None
