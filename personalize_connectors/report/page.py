"""The page: what the report says, put into the template; every value is escaped by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from personalize_connectors.report import chart
from personalize_connectors.report.cards import ItemCard, item_card
from personalize_connectors.report.figures import RunFigures
from personalize_connectors.report.samples import SampleUser

_ITEMS = 6
_REASONS = 12
_NO_REQUEST = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_PICTURES = "default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:"


@dataclass(frozen=True)
class Share:
    """A line of a table with a bar: what, how many, and the bar's length in percent."""

    text: str
    number: int
    percent: float


@dataclass(frozen=True)
class UserCard:
    """A sample user, their first items, and how many more there are."""

    user: SampleUser
    items: list[ItemCard]
    more: int


@dataclass(frozen=True)
class Delivery:
    """A connector's part of the page."""

    name: str
    tiles: list[tuple[str, str, str]]
    chart: list[chart.Row]
    table: list[tuple[str, Mapping[str, int]]]
    rejects: list[Share]


def page(runs: Sequence[RunFigures], users: Sequence[SampleUser], *, pictures: bool) -> str:
    """The report of the last of the runs, as HTML."""
    run = runs[-1]
    return _template().render(
        policy=_PICTURES if pictures else _NO_REQUEST,
        pictures=pictures,
        run=run.run,
        status=_status(run),
        stopped=run.stopped,
        input=_input(run),
        errors=_shares(_error_reasons(run)),
        deliveries=[_delivery(runs, name) for name in run.deltas],
        cards=[_card(user) for user in users],
        chart_height=chart.HEIGHT,
        chart_width=chart.WIDTH,
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("personalize_connectors.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")


def _card(user: SampleUser) -> UserCard:
    items = [item_card(item) for item in user.items[:_ITEMS]]
    return UserCard(user, items, len(user.items) - len(items))


def _status(run: RunFigures) -> tuple[str, str]:
    """What became of the run: the colour and the words."""
    if run.stopped:
        return "bad", "Stopped"
    synced = [name for name in run.deltas if run.sync(name)]
    if not synced:
        return "quiet", "Not delivered"
    if any(run.rejects(name) for name in synced):
        return "warn", "Delivered, with rejects"
    return "good", "Delivered"


def _input(run: RunFigures) -> list[tuple[str, str]]:
    wanted = (
        ("lines read", "batch_inference_raw", "lines"),
        ("error lines", "batch_inference_raw", "error_lines"),
        ("users", "user_recommendations", "users"),
        ("recommendations", "user_recommendations", "recommendations"),
        ("items", "decorated_recommendations", "items"),
        ("items without metadata", "decorated_recommendations", "items_without_metadata"),
    )
    found = ((label, run.number(asset, name)) for label, asset, name in wanted)
    return [(label, f"{number:,.0f}") for label, number in found if number is not None]


def _error_reasons(run: RunFigures) -> dict[str, int]:
    figures = run.assets.get("inference_errors", {}).get("figures", {})
    reasons = {
        key.removeprefix("reason_"): n for key, n in figures.items() if key.startswith("reason_") and n
    }
    others = {
        "unusable item metadata": figures.get("bad_metadata_lines"),
        "unusable mapping rows": figures.get("bad_mapping_rows"),
    }
    return {key.replace("_", " "): int(n) for key, n in reasons.items()} | {
        key: int(n) for key, n in others.items() if n
    }


def _shares(counted: Mapping[str, int]) -> list[Share]:
    ordered = sorted(counted.items(), key=lambda entry: (-entry[1], entry[0]))
    shown = ordered[:_REASONS]
    rest = sum(number for _, number in ordered[_REASONS:])
    shown += [(f"{len(ordered) - _REASONS} other reasons", rest)] if rest else []
    most = max((number for _, number in shown), default=1)
    return [Share(text[:300], number, round(100 * number / most, 1)) for text, number in shown]


def _delivery(runs: Sequence[RunFigures], name: str) -> Delivery:
    run = runs[-1]
    return Delivery(
        name=name,
        tiles=_tiles(run, name),
        chart=chart.rows(runs, name),
        table=[
            (one.run.run_at.strftime("%Y-%m-%d %H:%M"), chart.values(one, name)) for one in reversed(runs)
        ],
        rejects=_shares(run.rejects(name)),
    )


def _tiles(run: RunFigures, name: str) -> list[tuple[str, str, str]]:
    """Label, value and a line of small print."""
    delta, sync = run.deltas[name], f"{name}_sync"

    def number(key: str) -> float:
        return run.number(sync, key) or 0

    kinds = ["added", "changed", "removed", *(["unchanged"] if delta.get("everyone") else [])]
    changed = [f"{delta[key]:,} {key}" for key in kinds if delta.get(key)]
    tiles = [("to send", f"{sum(delta[key] for key in kinds):,}", ", ".join(changed))]
    if run.number(sync, "requests") is None:
        return [*tiles, _saved(delta)]
    rejected, twice = number("rejected"), number("records_perhaps_billed_twice")
    limited, retries = number("seconds_at_the_rate_limit"), number("retries")
    return [
        *tiles,
        ("accepted", f"{number('accepted'):,.0f}", f"{rejected:,.0f} rejected"),
        (
            "requests",
            f"{number('requests'):,.0f}",
            f"{retries:,.0f} retries, {number('throttled'):,.0f} throttled",
        ),
        ("records per second", f"{number('users_per_second'):,.0f}", f"in {number('seconds'):,.1f} s"),
        (
            "at the rate limit",
            f"{limited:,.1f} s",
            "nothing was held up" if not limited else "waited for the next window",
        ),
        (
            "data points sent",
            f"{number('data_points_sent'):,.0f}",
            f"{twice:,.0f} records perhaps billed twice" if twice else "",
        ),
        _saved(delta),
    ]


def _saved(delta: Mapping[str, int]) -> tuple[str, str, str]:
    return (
        "data points saved",
        f"{0 if delta.get('everyone') else delta.get('points_saved', 0):,}",
        f"{delta.get('unchanged', 0):,} unchanged",
    )
