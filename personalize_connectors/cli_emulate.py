"""The commands `emulate ...` of the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import click

from personalize_connectors.errors import BadSettings
from personalize_connectors.signals import Handler, handled


@click.group()
def emulate() -> None:
    """Stand in for a destination, on loopback."""


@emulate.command("braze")
@click.option(
    "--port", default=8125, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@click.option("--api-key", help="By default emulator-key.")
@click.option("--preset", help="A contract's limits and headers: legacy, mau-2024, points-2026 or mau-2026.")
@click.option(
    "--rate-limit", type=click.IntRange(0), help="Calls to /users/track in a window; 0 lifts all limits."
)
@click.option("--rate-window", type=click.IntRange(1), help="Seconds of a window; 1 by default.")
@click.option(
    "--header-dialect", help="X-RateLimit-Reset as epoch or seconds_left, or none of these headers."
)
@click.option("--error-dialect", help="Rejected objects in words of text or constants, or as each was seen.")
@click.option(
    "--apply-delay", type=click.FloatRange(0), help="Apply what is accepted up to so many seconds later."
)
@click.option("--seed", type=int, help="Decides how late each request is applied.")
@click.option(
    "--settings", "file", type=click.Path(), help="A JSON file with these and all other settings by name."
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def emulate_braze(port: int, command: tuple[str, ...], **options: Any) -> None:
    """Serve a Braze workspace until interrupted; or, with a COMMAND after --, while that runs against it."""
    from personalize_connectors.emulators.braze import running, serve
    from personalize_connectors.emulators.braze.options import settings_from

    settings = settings_from(**options)
    api_key = settings.api_key
    if command:
        with running(settings, port=port) as emulator:
            variables = {"BRAZE_REST_ENDPOINT_URL": emulator.url, "BRAZE_API_KEY": api_key}
            sys.exit(_run_beside(command, variables))

    def ready(url: str) -> None:
        click.echo(f"export BRAZE_REST_ENDPOINT_URL={url} BRAZE_API_KEY={api_key}")
        click.echo(
            f"The Braze emulator listens at {url}; profiles: {url}/emulator/profiles. Ctrl-C stops it.",
            err=True,
        )

    serve(settings, port=port, ready=ready)


def _run_beside(command: tuple[str, ...], variables: dict[str, str]) -> int:
    """Run the user's command to its end; who ends us ends it, and Ctrl-C reaches it by itself."""
    try:
        process = subprocess.Popen(command, env={**os.environ, **variables})  # noqa: S603 - the user's own command
    except OSError as error:
        raise BadSettings(f"{command[0]!r} cannot be started: {error.strerror}") from None
    ours: dict[signal.Signals, Handler] = {
        signal.SIGTERM: lambda *_: process.terminate(),
        signal.SIGINT: signal.SIG_IGN,
    }
    with process, handled(ours):
        code = process.wait()
    return 128 - code if code < 0 else code  # as a shell tells that a signal ended it
