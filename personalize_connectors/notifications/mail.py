"""E-mail over SMTP, by the environment's addresses; the server's address holds a password, so no text repeats it."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from urllib.parse import unquote

from personalize_connectors.addresses import read_address
from personalize_connectors.errors import BadSettings, DeliveryRefused
from personalize_connectors.notifications.message import Message, NotSent

_SECONDS = 3
_PORTS = {"smtp": 25, "smtps": 465}
# What Python's own parser of headers reads, which fails at others; a line break would begin another header.
_WORD = r'[^\s<>@,;:"()\[\]\\]+'
_ADDRESS = rf"{_WORD}@{_WORD}"
_NAMED = rf'(?:(?:"[^"\\]*"|\w[^<>@,;:"()\[\]\\.]*)\s*)?<{_ADDRESS}>'
_ADDRESSES = re.compile(rf"(?:{_ADDRESS}|{_NAMED})(?:\s*,\s*(?:{_ADDRESS}|{_NAMED}))*")


@dataclass(frozen=True)
class MailServer:
    """Where letters are given to, and as whom; without a user nobody logs in."""

    tls: bool
    host: str
    port: int
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Mail:
    """From whom to whom, through which server."""

    server: MailServer
    sender: str
    recipients: str


def read_mail(environment: Mapping[str, str]) -> Mail:
    """What the environment says of e-mail.

    Raises:
        BadSettings: a variable is missing or cannot be used.
    """
    names = ("CONNECTORS_EMAIL_TO", "CONNECTORS_EMAIL_FROM", "CONNECTORS_SMTP_URL")
    recipients, sender, server = (environment.get(name, "").strip() for name in names)
    if not server or not sender:
        raise BadSettings("CONNECTORS_EMAIL_TO is set; set CONNECTORS_SMTP_URL and CONNECTORS_EMAIL_FROM too")
    for name, text in zip(names, (recipients, sender), strict=False):
        if not text.isprintable() or not _ADDRESSES.fullmatch(text):
            raise BadSettings(f"{name} holds what is no address; write one line as connectors@example.com")
    return Mail(_server(server), sender, recipients)


def _server(url: str) -> MailServer:
    parts = read_address(url, _PORTS)
    if not parts or parts.path.strip("/") or parts.query or parts.fragment:
        raise BadSettings(
            "CONNECTORS_SMTP_URL is of the form smtp[s]://[user:password@]host[:port]; in a password write %2F for /, "
            "%3F for ? and %23 for #"
        )
    return MailServer(
        tls=parts.scheme == "smtps",
        host=parts.hostname or "",
        port=parts.port or _PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def send_mail(mail: Mail, message: Message) -> None:
    """Send over SMTP; a password goes only to a server with a certificate that is trusted, with `smtp` after STARTTLS.

    Raises:
        NotSent: the server did not take it now.
        DeliveryRefused: its certificate is not trusted, or it does not take the password, or cannot.
    """
    server = mail.server
    who = f"the mail server {server.host}"
    try:
        _send(server, _letter(mail, message))
    except ssl.SSLCertVerificationError as error:
        raise DeliveryRefused(
            f"the certificate of {who} is not trusted ({error.verify_message}), so it was told nothing; let this machine trust "
            "its issuer, or mend the host in CONNECTORS_SMTP_URL"
        ) from None
    except smtplib.SMTPAuthenticationError:
        raise DeliveryRefused(f"{who} does not take the user and password of CONNECTORS_SMTP_URL") from None
    except smtplib.SMTPNotSupportedError as error:  # the text is smtplib's own
        raise DeliveryRefused(f"{who} cannot do what is needed: {error}") from None
    except (smtplib.SMTPException, OSError, UnicodeError) as error:
        raise NotSent(f"{who} did not take it ({type(error).__name__})") from None


def _letter(mail: Mail, message: Message) -> EmailMessage:
    letter = EmailMessage()
    letter["Subject"] = " ".join(message.subject.split())
    letter["From"], letter["To"] = mail.sender, mail.recipients
    letter.set_content(message.text)
    return letter


def _send(server: MailServer, letter: EmailMessage) -> None:
    trusted = ssl.create_default_context()
    connection = (
        smtplib.SMTP_SSL(server.host, server.port, timeout=_SECONDS, context=trusted)
        if server.tls
        else smtplib.SMTP(server.host, server.port, timeout=_SECONDS)
    )
    try:
        if server.user:
            if not server.tls:
                connection.starttls(context=trusted)
            connection.login(server.user, server.password)
        connection.send_message(letter)
        with suppress(smtplib.SMTPException, OSError):  # it has the letter, whatever it says now
            connection.quit()
    finally:
        connection.close()
