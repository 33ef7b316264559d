"""The command that tries the channels of notifications."""

from __future__ import annotations

import os
import sys

import click

from personalize_connectors.exit_codes import UNREACHABLE, WRONG


@click.command()
@click.option("--test", "really", is_flag=True, required=True, help="Send a test message to every channel.")
def notify(*, really: bool) -> None:
    """Try the channels that failures and rejects are told to: CONNECTORS_SNS_TOPIC_ARN, ..._SLACK_WEBHOOK_URL, ..._EMAIL_TO."""
    from personalize_connectors.errors import Terminal
    from personalize_connectors.notifications.channels import channels
    from personalize_connectors.notifications.sensors import told, trial

    del really
    found = channels(os.environ)
    if not found:
        click.echo(
            "no channel is set; set CONNECTORS_SNS_TOPIC_ARN, CONNECTORS_SLACK_WEBHOOK_URL or CONNECTORS_EMAIL_TO",
            err=True,
        )
        sys.exit(WRONG)
    failures = []
    for channel in found:
        why = told(channel, trial())
        failures += [why] if why else []
        click.echo(f"{channel.name}: {why or 'sent'}")
    if failures:
        sys.exit(WRONG if any(isinstance(why, Terminal) for why in failures) else UNREACHABLE)
