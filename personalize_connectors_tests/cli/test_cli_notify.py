"""The command that tries the channels, and what validate says of them."""

import pytest

ARN = "arn:aws:sns:eu-west-1:123456789012:nobody"


@pytest.fixture
def mail(monkeypatch):
    """E-mail through a server whose port is no number; gives what is said of it."""
    monkeypatch.setenv("CONNECTORS_EMAIL_TO", "ana@example.com")
    monkeypatch.setenv("CONNECTORS_EMAIL_FROM", "connectors@example.com")
    monkeypatch.setenv("CONNECTORS_SMTP_URL", "smtp://ana:hunter2@127.0.0.1:abc")
    return "e-mail: CONNECTORS_SMTP_URL is of the form smtp[s]://[user:password@]host[:port]; "


def test_settings_that_cannot_be_used_end_with_2(command, monkeypatch, mail):
    """Each channel has its line, and somebody must change something."""
    monkeypatch.setenv("CONNECTORS_SLACK_WEBHOOK_URL", "https://[::1/hunter2")
    code, printed, errors = command("notify", "--test")
    slack, letter = printed.splitlines()
    assert (code, errors) == (2, "")
    assert slack.startswith("slack: CONNECTORS_SLACK_WEBHOOK_URL is no address; ")
    assert letter.startswith(mail)
    assert "hunter2" not in printed


@pytest.mark.usefixtures("s3")
def test_a_topic_that_is_not_there_ends_with_2(command, monkeypatch):
    """Somebody must make it, or mend the name."""
    monkeypatch.setenv("CONNECTORS_SNS_TOPIC_ARN", ARN)
    code, printed, _ = command("notify", "--test")
    assert (code, printed.startswith(f"sns: SNS topic {ARN}: ")) == (2, True)


@pytest.mark.usefixtures("s3")
def test_aws_settings_that_cannot_be_used_end_with_2(command, monkeypatch):
    """The line names the variable, its value, and what is right."""
    monkeypatch.setenv("CONNECTORS_SNS_TOPIC_ARN", ARN)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", "notaurl")
    code, printed, _ = command("notify", "--test")
    right = "write http:// or https://, host and port, for example http://127.0.0.1:5000, or unset it"
    assert (code, printed) == (2, f"sns: AWS_ENDPOINT_URL_SNS is 'notaurl'; {right}\n")


def test_validate_says_which_channel_cannot_be_used(bucket, command, mail):
    """It stops no run, so it is a warning; with a job named, nothing else is asked."""
    bucket.mkdir()
    code, printed, _ = command("validate")
    assert code == 0
    assert mail.split("[")[0] in " ".join(printed.split())
