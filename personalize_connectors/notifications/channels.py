"""Where messages go: SNS, a Slack webhook, e-mail; whichever the environment names.

Addresses of webhooks and mail servers hold secrets, so no error text repeats them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import requests
from botocore.exceptions import BotoCoreError, ClientError

from personalize_connectors.addresses import read_address
from personalize_connectors.aws import aws_client, aws_refuses
from personalize_connectors.errors import BadSettings, DeliveryRefused
from personalize_connectors.notifications.mail import read_mail, send_mail
from personalize_connectors.notifications.message import Message, NotSent

Send = Callable[[Message], None]

_SECONDS = 3
_LONGEST_SUBJECT = 100  # Amazon SNS API reference, "Publish": Subject
_LONGEST_SLACK_TEXT = 3000  # Slack API, "Text object"
# Of a standard topic: one of first-in, first-out takes no message without a group.
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_-]{1,256}")
_TRY_LATER = (408, 429)
_SERVER_ERROR = 500


@dataclass(frozen=True)
class Channel:
    """Where messages can go.

    Attributes:
        name: For people.
        send: Sends a message there, or raises NotSent, or Terminal where somebody must act first.
        wrong: What is wrong with its settings, where they cannot be used; then `send` says so.
    """

    name: str
    send: Send
    wrong: str = ""


def channels(environment: Mapping[str, str]) -> list[Channel]:
    """Those that the environment names; one whose settings cannot be used is among them, and fails by itself."""
    return [
        _channel(name, sender, environment)
        for variable, (name, sender) in _KINDS.items()
        if environment.get(variable, "").strip()
    ]


def _channel(
    name: str, sender: Callable[[Mapping[str, str]], Send], environment: Mapping[str, str]
) -> Channel:
    try:
        return Channel(name, sender(environment))
    except BadSettings as error:
        return Channel(name, partial(_refuse, str(error)), str(error))


def _refuse(why: str, message: Message) -> None:
    del message
    raise BadSettings(why)


def _sns(environment: Mapping[str, str]) -> Send:
    topic = environment["CONNECTORS_SNS_TOPIC_ARN"].strip()
    found = _TOPIC.fullmatch(topic)
    if not found:
        raise BadSettings(
            f"CONNECTORS_SNS_TOPIC_ARN is {topic!r}; write the ARN of a standard topic, as arn:aws:sns:eu-west-1:123456789012:runs"
        )
    return partial(_to_sns, topic, found[1])


def _slack(environment: Mapping[str, str]) -> Send:
    webhook = environment["CONNECTORS_SLACK_WEBHOOK_URL"].strip()
    if not read_address(webhook, ("http", "https")):
        raise BadSettings(
            "CONNECTORS_SLACK_WEBHOOK_URL is no address; it is of the form https://host[:port]/path"
        )
    return partial(_to_slack, webhook)


def _mail(environment: Mapping[str, str]) -> Send:
    return partial(send_mail, read_mail(environment))


_KINDS: Mapping[str, tuple[str, Callable[[Mapping[str, str]], Send]]] = {
    "CONNECTORS_SNS_TOPIC_ARN": ("sns", _sns),
    "CONNECTORS_SLACK_WEBHOOK_URL": ("slack", _slack),
    "CONNECTORS_EMAIL_TO": ("e-mail", _mail),
}


def _to_sns(topic: str, region: str, message: Message) -> None:
    """Publish to a topic ("Publish": a subject is ASCII, of less than 100 characters, without line breaks)."""
    subject = message.subject.encode("ascii", "replace").decode()[: _LONGEST_SUBJECT - 1]
    try:
        aws_client("sns", region).publish(TopicArn=topic, Subject=subject, Message=message.text)
    except (ClientError, BotoCoreError) as error:
        kind = DeliveryRefused if aws_refuses(error) else NotSent
        raise kind(f"SNS topic {topic}: {error}") from None


def _to_slack(webhook: str, message: Message) -> None:
    """Post to an incoming webhook; `&`, `<` and `>` are escaped, so that nothing in a text mentions or links ("Formatting text")."""
    text = f"{message.subject}\n{message.text}"[:_LONGEST_SLACK_TEXT]
    for sign, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, escaped)
    body = {"text": text, "link_names": False, "mrkdwn": False, "unfurl_links": False}
    try:
        answer = requests.post(webhook, json=body, timeout=_SECONDS)
    except (requests.RequestException, ValueError) as error:
        raise NotSent(f"the Slack webhook did not answer ({type(error).__name__})") from None
    if not answer.ok:
        later = answer.status_code in _TRY_LATER or answer.status_code >= _SERVER_ERROR
        raise (NotSent if later else DeliveryRefused)(f"the Slack webhook answered {answer.status_code}")
