"""What several commands of the command line take, and the bucket that they work on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from personalize_connectors.job_run import Job, parse_timestamp


class JobType(click.ParamType[Job]):
    """A job, as `<job_type>/<job_name>`."""

    name = "job"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Job:  # noqa: ARG002 - click's signature
        """Read it."""
        return value if isinstance(value, Job) else Job.parse(str(value))


class Timestamp(click.ParamType[datetime]):
    """A run timestamp, as a person types it."""

    name = "timestamp"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ARG002 - click's signature
        """Read it."""
        return value if isinstance(value, datetime) else parse_timestamp(str(value))


job_argument = click.argument("job", type=JobType())
at_option = click.option(
    "--at", type=Timestamp(), help="Run timestamp (UTC); by default the newest batch output's."
)
allow_user_drop_option = click.option(
    "--allow-user-drop", is_flag=True, help="Deliver even though users dropped against the previous run."
)
allow_older_run_option = click.option(
    "--allow-older-run", is_flag=True, help="Deliver even though a newer run was delivered already."
)
allow_removals_option = click.option(
    "--allow-removals", is_flag=True, help="Remove users who are missing even above maxRemovalShare."
)


def bucket_of_settings(*, create: bool = False) -> Any:
    """The root of the layout, as the environment names it.

    Raises:
        BadSettings: it cannot be opened, or is a local folder that is not there and not to be made.
    """
    from personalize_connectors.errors import BadSettings
    from personalize_connectors.settings import read_settings
    from personalize_connectors.storage import open_storage

    root = read_settings().root
    try:
        return open_storage(root, create=create)
    except BadSettings as error:
        raise BadSettings(f"CONNECTORS_ROOT: {error}") from None
