"""A plan as a person reads it, and as a script does."""

from __future__ import annotations

from collections.abc import Iterator

import click
import orjson
from rich.markup import escape
from rich.table import Table

from personalize_connectors.plan.result import ConnectorPlan, Finding, Plan, RateTime, ShapeCost
from personalize_connectors.terminal import out

_DONE = {
    "drop_field": "the value is left out",
    "drop_record": "the record is not sent",
    "stop": "the run stops",
}


def print_json(plan: Plan) -> None:
    """The plan as one JSON object."""
    click.echo(orjson.dumps(plan, option=orjson.OPT_INDENT_2))


def show_plan(plan: Plan) -> None:
    """The input, a block for each connector, then what stops the run and what to look at."""
    _show_figures(f"{plan.run}: what a run would do; nothing is sent or written now", _input(plan))
    for connector in plan.connectors:
        _show_figures(connector.name, _delivery(connector))
        if len(connector.costs) > 1:
            _show_shapes(connector)
        if findings := connector.costs[0].findings:
            _show_findings(findings)
    for text in plan.stops:
        out.print(f"[red]stops the run[/] {escape(text)}")
    for text in plan.warnings:
        out.print(f"[yellow]warning[/] {escape(text)}")


def _input(plan: Plan) -> Iterator[tuple[str, str]]:
    yield "batch output", plan.source
    yield "lines", f"{plan.lines:,}"
    yield "error lines", f"{sum(plan.error_lines.values()):,}"
    for reason, lines in plan.error_lines.items():
        yield f"  {reason.replace('_', ' ')}", f"{lines:,}"
    yield "users", f"{plan.users:,}"
    if plan.users_in_previous_run is not None:
        yield "users in the previous run", f"{plan.users_in_previous_run:,}"


def _delivery(plan: ConnectorPlan) -> Iterator[tuple[str, str]]:
    chosen = plan.costs[0]
    for name in ("added", "changed", "unchanged", "missing", "removed"):
        yield name, f"{getattr(plan, name):,}"
    if plan.held:
        yield "dead letters, not sent again", f"{plan.held:,}"
    if chosen.refused:
        yield "refused, not sent", f"{chosen.refused:,}"
    yield f"{plan.unit}s to send", f"{chosen.records:,}"
    yield "requests", f"{plan.requests:,}"
    yield "bytes", f"{plan.body_bytes:,}"
    yield "at the rate limit", _rate(plan.name, plan.rate)
    if plan.perhaps_billed_twice:
        yield "sent before without an answer, perhaps billed twice", f"{plan.perhaps_billed_twice:,}"
    if chosen.data_points or len(plan.costs) > 1:
        yield "data points", f"{chosen.data_points:,}"
        yield "data points saved", f"{plan.data_points_saved:,}"
    if chosen.money is not None:
        yield "money", _money(chosen.money)


def _rate(name: str, rate: RateTime | None) -> str:
    if rate is None:
        return f"not known; connectors.{name}.rateLimit says it"
    windows = "window" if rate.windows == 1 else "windows"
    return f"at most {rate.seconds:,} s: {rate.windows:,} {windows} of {rate.requests:,} requests in {rate.window_seconds:,} s"


def _money(money: float) -> str:
    return f"{money:,.2f}"


def _show_figures(title: str, figures: Iterator[tuple[str, str]]) -> None:
    table = Table(title=escape(title), title_justify="left", show_header=False, title_style="bold")
    table.add_column()
    table.add_column(justify="right")
    for name, value in figures:
        table.add_row(name, escape(value))
    out.print(table)


def _show_shapes(plan: ConnectorPlan) -> None:
    """What the same records cost in each shape."""
    priced = plan.costs[0].money is not None
    table = Table(
        title=f"{plan.name}: the same {plan.unit}s in each shape", title_justify="left", title_style="bold"
    )
    for column in ("shape", "sent", "refused", "data points", *(["money"] if priced else []), "because of"):
        table.add_column(column, justify="left" if column in {"shape", "because of"} else "right")
    for cost in plan.costs:
        name = f"{cost.shape} (chosen)" if cost.chosen else cost.shape
        figures = [f"{number:,}" for number in (cost.records, cost.refused, cost.data_points)]
        money = [_money(cost.money or 0.0)] if priced else []
        table.add_row(name, *figures, *money, _because(cost))
    out.print(table)


def _because(cost: ShapeCost) -> str:
    """The rules for which records are not sent."""
    rules = sorted({finding.rule for finding in cost.findings if finding.action != "drop_field"})
    return ", ".join(rules) if cost.refused else ""


def _show_findings(findings: tuple[Finding, ...]) -> None:
    table = Table(title="what the destination would not keep", title_justify="left", title_style="bold")
    for column in ("rule", "field", "found", "then"):
        table.add_column(column, justify="right" if column == "found" else "left")
    for finding in findings:
        of = "items" if finding.field else "records"
        table.add_row(finding.rule, escape(finding.field), f"{finding.found:,} {of}", _DONE[finding.action])
    out.print(table)
