"""What the command line shows of runs: tables, and errors in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from rich.markup import escape
from rich.table import Table

from personalize_connectors.runs import Outcome
from personalize_connectors.terminal import err, out

_DELTA = ("unchanged", "added", "changed", "missing")
_RARELY = ("removed", "dead_letters")


def show_outcome(outcome: Outcome) -> None:
    """A run's figures as a table, then what went wrong; as far as whoever reads us wants it."""
    with suppress(SystemExit):  # by Rich, where nobody reads any more
        _show(outcome)


def _show(outcome: Outcome) -> None:
    table = Table(title=escape(outcome.run.key), title_justify="left", show_header=False, title_style="bold")
    table.add_column()
    table.add_column(justify="right")
    for name, value in _figures(outcome):
        if value is not None:
            table.add_row(name, value)
    out.print(table)
    for text in outcome.warnings:
        out.print(f"[yellow]warning[/] {escape(text)}")
    for asset, text in outcome.failures.items():
        err.print(f"[red]failed[/] {asset}: {escape(text)}", soft_wrap=True)


def _figures(outcome: Outcome) -> Iterator[tuple[str, str | None]]:
    numbers = outcome.numbers
    raw, errors = numbers.get("batch_inference_raw", {}), numbers.get("inference_errors", {})
    yield "lines read", _number(raw.get("lines"))
    yield "error lines", _number(errors.get("error_lines"))
    for key, value in errors.items():
        if key.startswith("reason_") and value:
            yield f"  {key.removeprefix('reason_').replace('_', ' ')}", _number(value)
    yield "users", _number(numbers.get("user_recommendations", {}).get("users"))
    syncs = {
        asset.removesuffix("_sync"): found
        for asset, found in numbers.items()
        if asset.endswith("_sync") and found.get("configured", True)
    }
    decorated = numbers.get("decorated_recommendations", {})
    for name in syncs or [""]:
        yield from _delivery(name, decorated, syncs.get(name, {}), several=len(syncs) > 1)
    yield "seconds", f"{outcome.seconds:.1f}"


def _delivery(
    name: str, decorated: dict[str, Any], sync: dict[str, Any], *, several: bool
) -> Iterator[tuple[str, str | None]]:
    """What one connector had to deliver and delivered; what is rare only where it happened."""
    if several:
        yield name, ""
    of_connector = f"{name}_" if several else ""
    for key in _DELTA:
        yield f"  {key}", _number(decorated.get(of_connector + key))
    for key in _RARELY:
        yield f"  {key.replace('_', ' ')}", _number(decorated.get(of_connector + key) or None)
    if "requests" in sync:
        yield "requests", _number(sync["requests"])
        yield "accepted / rejected", f"{sync['accepted']:,} / {sync['rejected']:,}"
        yield "data points sent", _number(sync["data_points_sent"])
        yield "perhaps billed twice", _number(sync["records_perhaps_billed_twice"] or None)
    yield "data points saved", _number(decorated.get(f"{of_connector}data_points_saved"))


def _number(value: int | None) -> str | None:
    return None if value is None else f"{value:,}"
