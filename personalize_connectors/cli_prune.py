"""The command that removes what is past its retention."""

from __future__ import annotations

import sys

import click

from personalize_connectors.cli_parameters import bucket_of_settings
from personalize_connectors.exit_codes import RUN_FAILED


@click.command()
@click.option("--dry-run", is_flag=True, help="Only print what would be removed.")
def prune(*, dry_run: bool) -> None:
    """Remove what is past its retention, as the schedule does every night; what later runs need is kept, however old."""
    from personalize_connectors.housekeeping.sweep import look, remove
    from personalize_connectors.instance import open_instance
    from personalize_connectors.settings import read_settings

    settings = read_settings()
    bucket = bucket_of_settings()
    with open_instance() as instance:
        sweep = look(bucket, instance, settings.partitions, settings.retention)
        for line in sweep.lines():
            click.echo(line)
        if not (sweep.leftovers or sweep.partitions or sweep.troubles):
            click.echo("nothing is past its retention")
        elif dry_run:
            click.echo("nothing was removed (--dry-run)")
        else:
            remove(bucket, instance, sweep)
            click.echo("removed")
    if sweep.troubles:
        sys.exit(RUN_FAILED)
