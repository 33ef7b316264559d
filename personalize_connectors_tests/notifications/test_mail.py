"""E-mail through real SMTP servers, with and without TLS."""

import email
from contextlib import contextmanager
from email import policy

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from personalize_connectors.errors import BadSettings, DeliveryRefused
from personalize_connectors.notifications.mail import read_mail, send_mail
from personalize_connectors.notifications.message import Message, NotSent
from personalize_connectors_tests.notifications.certificates import self_signed
from personalize_connectors_tests.ports import free_ports

MESSAGE = Message("user_personalization/daily failed", ["braze_sync: it said"], "what the text says")
RECIPIENTS = ["ana@example.com", "ben@example.com"]
FORM = (
    "CONNECTORS_SMTP_URL is of the form smtp[s]://[user:password@]host[:port]; in a password write %2F for /, "
    "%3F for ? and %23 for #"
)


class Mailbox:
    """Keeps the letters and the words that clients said, as the handler of an SMTP server."""

    def __init__(self, goodbye="221 Bye"):
        self.letters, self.logins, self.goodbye = [], [], goodbye

    def log_in(self, server, session, envelope, mechanism, data):
        """Everybody may."""
        del server, session, envelope, mechanism
        self.logins.append((data.login, data.password))
        return AuthResult(success=True)

    async def handle_DATA(self, server, session, envelope):  # noqa: D102, N802 - aiosmtpd's name
        del server, session
        letter = email.message_from_bytes(envelope.content, policy=policy.default)
        self.letters.append((envelope.rcpt_tos, letter))
        return "250 OK"

    async def handle_QUIT(self, server, session, envelope):  # noqa: D102, N802 - aiosmtpd's name
        del server, session, envelope
        return self.goodbye


@contextmanager
def serving(mailbox, **tls):
    """An SMTP server on loopback; gives its port."""
    (port,) = free_ports(1)
    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=port,
        authenticator=mailbox.log_in,
        auth_required=bool(tls),
        auth_require_tls="ssl_context" not in tls,  # it does not see that it speaks TLS from the beginning
        **tls,
    )
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def settings(server, **others):
    """The variables of e-mail to two recipients."""
    return {
        "CONNECTORS_EMAIL_TO": ", ".join(RECIPIENTS),
        "CONNECTORS_EMAIL_FROM": "connectors@example.com",
        "CONNECTORS_SMTP_URL": server,
        **others,
    }


def send(server, message=MESSAGE):
    """Send through a server."""
    send_mail(read_mail(settings(server)), message)


@pytest.mark.parametrize("goodbye", ["221 Bye", "500 What?"])
def test_mail_reaches_all_recipients(goodbye):
    """One letter with subject and text for all of them; once the server has it, it may say goodbye as it likes."""
    mailbox = Mailbox(goodbye)
    with serving(mailbox) as port:
        send(f"smtp://127.0.0.1:{port}")
    ((recipients, letter),) = mailbox.letters
    assert recipients == RECIPIENTS
    assert (letter["Subject"], letter["From"]) == (MESSAGE.subject, "connectors@example.com")
    assert letter.get_content().split() == MESSAGE.text.split()


def test_a_line_break_in_a_subject_makes_no_header():
    """A subject is one line, whatever is in it."""
    mailbox = Mailbox()
    with serving(mailbox) as port:
        send(f"smtp://127.0.0.1:{port}", Message("one\r\nBcc: all@example.com", ["text"], "nothing"))
    ((recipients, letter),) = mailbox.letters
    assert (recipients, letter["Subject"], letter["Bcc"]) == (RECIPIENTS, "one Bcc: all@example.com", None)


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_password_goes_to_no_server_that_is_not_trusted(tmp_path, monkeypatch, scheme):
    """A certificate that nobody has signed is told, and the server hears no user; named as trusted, it gets all."""
    context, file = self_signed(tmp_path)
    tls = {"ssl_context": context} if scheme == "smtps" else {"tls_context": context}
    mailbox = Mailbox()
    with serving(mailbox, **tls) as port:
        server = f"{scheme}://ana:pass%2Fword@127.0.0.1:{port}"
        with pytest.raises(DeliveryRefused) as caught:
            send(server)
        assert str(caught.value) == (
            "the certificate of the mail server 127.0.0.1 is not trusted (self-signed certificate), so it was told nothing; "
            "let this machine trust its issuer, or mend the host in CONNECTORS_SMTP_URL"
        )
        assert (mailbox.logins, mailbox.letters) == ([], [])
        monkeypatch.setenv("SSL_CERT_FILE", file)
        send(server)
    assert (mailbox.logins, len(mailbox.letters)) == ([(b"ana", b"pass/word")], 1)


def test_a_password_is_not_sent_in_the_clear():
    """A server that knows no STARTTLS is told, and hears no password."""
    mailbox = Mailbox()
    with (
        serving(mailbox) as port,
        pytest.raises(DeliveryRefused, match=r"127\.0\.0\.1 cannot do what is needed: STARTTLS extension"),
    ):
        send(f"smtp://ana:secret@127.0.0.1:{port}")
    assert (mailbox.logins, mailbox.letters) == ([], [])


def test_a_mail_server_that_is_away_is_told_without_its_password():
    """The address holds a password, and is in no text."""
    with pytest.raises(NotSent) as caught:
        send("smtp://user:secret@127.0.0.1:9")
    assert str(caught.value) == "the mail server 127.0.0.1 did not take it (ConnectionRefusedError)"


@pytest.mark.parametrize(
    "server",
    [
        "mail",
        "https://mail.example",
        "smtp://u:hunter2@127.0.0.1:abc",
        "smtp://u:hunter2@127.0.0.1:99999",
        "smtp://u:hunter2@127.0.0.1:0",
        "smtp://u:hunter2@[::1",
        "smtp://u:hunt/er2@127.0.0.1:25",
        "smtp://u:25/hunter2@127.0.0.1:25",
        "smtp://u:25?hunter2@127.0.0.1",
        "smtp://u:25#hunter2@127.0.0.1",
        "smtp://u:hunter2@ma..il",
        "smtp://u:hunter2@mail example",
    ],
)
def test_an_address_that_cannot_be_used_is_told_by_its_form(server):
    """The text says what is right and repeats nothing of it, for it may hold a password."""
    with pytest.raises(BadSettings) as caught:
        read_mail(settings(server))
    assert str(caught.value) == FORM


@pytest.mark.parametrize("name", ["CONNECTORS_EMAIL_FROM", "CONNECTORS_EMAIL_TO"])
@pytest.mark.parametrize(
    "text", ["a@b.c\nBcc: all@example.com", "a@b.c\r\n d@e.f", "ana", "a@b.c, ben", "<", ",", "a@["]
)
def test_what_is_no_address_of_a_person_is_told(name, text):
    """A line break would begin a header, and a name is no address."""
    with pytest.raises(BadSettings) as caught:
        read_mail(settings("smtp://mail.example", **{name: text}))
    assert str(caught.value) == f"{name} holds what is no address; write one line as connectors@example.com"


@pytest.mark.parametrize("text", ["a@b.c", "a@b.c , d@e.f", 'Ana <a@b.c>, "Ben, of CRM" <d@e.f>'])
def test_addresses_may_have_names(text):
    """One or more, each with or without a name."""
    assert read_mail(settings("smtp://mail.example", CONNECTORS_EMAIL_TO=text)).recipients == text


def test_all_three_variables_are_needed():
    """The text names those that are missing."""
    with pytest.raises(BadSettings, match="set CONNECTORS_SMTP_URL and CONNECTORS_EMAIL_FROM too"):
        read_mail({"CONNECTORS_EMAIL_TO": "a@b.c"})
