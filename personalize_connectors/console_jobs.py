"""What the command line shows of jobs: a table of their last runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from personalize_connectors.job_run import Job
from personalize_connectors.past_runs import PastRun
from personalize_connectors.terminal import out


def show_jobs(past: Mapping[Job, Sequence[PastRun]]) -> None:
    """Jobs with their last runs."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("job", "run", "outcome", "started (UTC)"):
        table.add_column(column, no_wrap=True)
    for column in ("users", "accepted", "rejected"):
        table.add_column(column, justify="right")
    for job, runs in past.items():
        if not runs:
            table.add_row(str(job), "-", "never run", "", "", "", "")
        for place, run in enumerate(runs):
            started = f"{run.started:%Y-%m-%d %H:%M:%S}" if run.started else ""
            numbers = [
                "" if number is None else str(number) for number in (run.users, run.accepted, run.rejected)
            ]
            table.add_row("" if place else str(job), run.run_at, run.status, started, *numbers)
    out.print(table)
