"""What the checks of the assets find: an asset says it to Dagster, a plan foretells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from personalize_connectors.assets.budget import over_budget
from personalize_connectors.assets.decoration import Decoration
from personalize_connectors.engine.items import Items
from personalize_connectors.job_config import JobConfig
from personalize_connectors.shortened import shortened

INPUTS = "metadata_and_mapping_are_clean"
ERROR_SHARE, USER_DROP = "error_share", "users_against_previous_run"
WITHOUT_METADATA, FIELDS, VALID = (
    "items_without_metadata",
    "metadata_fields_arrive",
    "values_can_be_delivered",
)
BUDGET, REMOVAL = "within_max_users_and_data_points", "missing_users_are_removed"


@dataclass(frozen=True)
class Check:
    """What one check found.

    Attributes:
        name: Of the check.
        passed: Whether all is as it should be.
        text: What is, for people; where it did not pass, with what to do.
        stops: Whether nothing is delivered where it did not pass.
        figures: Its numbers.
    """

    name: str
    passed: bool
    text: str
    stops: bool = False
    figures: Mapping[str, int | float] = field(default_factory=dict)


def stopping(checks: Sequence[Check]) -> list[str]:
    """Why nothing is delivered, in words; empty where nothing stops the delivery."""
    return [check.text for check in checks if check.stops and not check.passed]


def clean_inputs(metadata_lines: int, mapping_rows: int) -> Check:
    """Whether every line of the item metadata and every row of the mapping can be used."""
    text = f"{metadata_lines:,} lines of item metadata and {mapping_rows:,} mapping rows cannot be used"
    figures = {"bad_metadata_lines": metadata_lines, "bad_mapping_rows": mapping_rows}
    return Check(INPUTS, not metadata_lines + mapping_rows, text, figures=figures)


def error_share(errors: int, lines: int, most: float, job_type: str) -> Check:
    """Whether the error lines of the batch output are at most the share that the job allows."""
    share = errors / lines if lines else 1.0
    what = f"{errors:,} of {lines:,} lines carry no recommendation ({share:.2%}, at most {most:.2%})"
    advice = "look at inference_errors; a higher maxErrorShare in config.json lets the run pass"
    if not lines:
        what, advice = (
            "the batch output holds no line",
            "look at the batch inference job in Amazon Personalize",
        )
    elif errors == lines:
        advice = f"look at inference_errors; is this the output of another job type than {job_type}?"
    passed = share <= most
    figures = {"error_lines": errors, "lines": lines, "share": share}
    return Check(ERROR_SHARE, passed, what if passed else f"{what}: {advice}", stops=True, figures=figures)


def user_drop(users: int, previous: int | None, most: float, *, allowed: bool) -> Check:
    """Whether there are users, and not fewer by more than the share that the job allows."""
    drop = (previous - users) / previous if previous else 0.0
    before = f"{previous:,} in the previous run" if previous is not None else "no previous run"
    what, advice = f"{users:,} users, {before}", f": a drop of {drop:.1%}, at most {most:.1%}"
    if not users:
        advice = (
            ": no user gets a recommendation; look at inference_errors, and at the mapping of related items"
        )
    if users or previous:
        advice += "; if it is right, run again with --allow-user-drop (allow_user_drop in the launchpad)"
    passed = allowed or (users > 0 and drop <= most)
    figures = {"users": users, "users_in_previous_run": previous or 0, "drop": max(drop, 0.0)}
    return Check(USER_DROP, passed, what if passed else what + advice, stops=True, figures=figures)


def decoration_checks(config: JobConfig, decorations: Mapping[str, Decoration], items: Items) -> list[Check]:
    """What is found once the decorated records are written."""
    return [
        _metadata_is_there(items.without_metadata, len(items)),
        _fields_arrive(decorations),
        _values_are_kept(decorations),
        _within_budget(config, decorations),
        _removed(decorations),
    ]


def _metadata_is_there(missing: pa.StringArray, items: int) -> Check:
    some = ", ".join(repr(shortened(item)) for item in missing[:5].to_pylist())
    example = f", for example {some}" if some else ""
    text = f"{len(missing):,} of {items:,} recommended items have no metadata{example}"
    figures = {"items": items, "items_without_metadata": len(missing)}
    return Check(WITHOUT_METADATA, not len(missing), text, figures=figures)


def _fields_arrive(decorations: Mapping[str, Decoration]) -> Check:
    unseen = [
        f"{name}: {field}: no item has it" for name, found in decorations.items() for field in found.unseen
    ]
    text = "; ".join(unseen) if unseen else "all fields are there"
    return Check(FIELDS, not unseen, text, figures={"fields_no_item_has": len(unseen)})


def _values_are_kept(decorations: Mapping[str, Decoration]) -> Check:
    found = [
        (name, *row) for name, decoration in decorations.items() for row in decoration.refusals.actions()
    ]
    stops = [row for row in found if row[3] == "stop"]
    said = [
        f"{name}: {rule}{f' ({field})' if field else ''}: {number:,} {'items' if field else 'records'}, {action}"
        for name, rule, field, action, number in stops or found
    ]
    return Check(
        VALID,
        passed=not found,
        text="; ".join(said) if said else "the destination would keep every value",
        stops=bool(stops),
        figures={"values_left_out_or_refused": sum(row[4] for row in found)},
    )


def _within_budget(config: JobConfig, decorations: Mapping[str, Decoration]) -> Check:
    over = over_budget(config, {name: found.counts for name, found in decorations.items()})
    return Check(BUDGET, not over, "; ".join(over) if over else "within the budget", stops=True)


def _removed(decorations: Mapping[str, Decoration]) -> Check:
    kept = [f"{name}: {found.kept}" for name, found in decorations.items() if found.kept]
    return Check(
        REMOVAL,
        passed=not kept,
        text="; ".join(kept) if kept else "nobody is kept who was to be removed",
        figures={"removed": sum(found.counts.removed for found in decorations.values())},
    )
