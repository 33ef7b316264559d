"""What a person is told of a run: what happened, what to do, and where to look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from personalize_connectors.assets.sync import REJECTED
from personalize_connectors.failures import failure_text

_MOST_LINES, _LONGEST_LINE = 10, 500
_LONGEST_REASON = 200


class NotSent(Exception):
    """A channel did not take a message; the text says why, without its secrets."""


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        subject: One line.
        lines: What happened.
        advice: What to do.
        link: The run in the UI; empty where nobody said where that is.
    """

    subject: str
    lines: Sequence[str]
    advice: str
    link: str = ""

    @property
    def text(self) -> str:
        """All of it, as plain text."""
        more = [f"... and {len(self.lines) - _MOST_LINES} more"] if len(self.lines) > _MOST_LINES else []
        shown = [line[:_LONGEST_LINE] for line in self.lines[:_MOST_LINES]]
        return "\n".join(
            [*shown, *more, "", f"What to do: {self.advice}", *([self.link] if self.link else [])]
        )


def of_failure(instance: dg.DagsterInstance, run: dg.DagsterRun, ui: str) -> Message:
    """A run that failed, or that a check stopped."""
    checks = [check for check in _failed_checks(instance, run) if _stops(check)]
    if checks:
        lines = [f"{check.check_name}: {check.description or 'did not pass'}" for check in checks]
        advice = f"nothing was delivered; look at {checks[0].asset_key.to_user_string()} and the README, 'What stops a run'"
        return Message(f"{_name(run)} was stopped by a check", lines, advice, _link(run, ui))
    failed = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    lines = [f"{entry.step_key}: {failure_text(entry.get_dagster_event())}" for entry in failed]
    lines = lines or ["the run's process ended before it could say why"]
    advice = "what the text says; then run it again: what was accepted is not sent twice"
    return Message(f"{_name(run)} failed", lines, advice, _link(run, ui))


def of_rejects(instance: dg.DagsterInstance, run: dg.DagsterRun, ui: str) -> Message | None:
    """A run that went well but for records that were rejected; None where none was."""
    checks = [check for check in _failed_checks(instance, run) if check.check_name == REJECTED]
    if not checks:
        return None
    lines = [
        f"{check.asset_key.to_user_string()}: {(check.description or '')[:_LONGEST_REASON]}"
        for check in checks
    ]
    job = run.tags.get("job", "JOB")
    advice = f"mend what the reasons say, then: personalize-connectors redrive {job}; the next run tries them again too"
    return Message(f"{_name(run)} had records rejected", lines, advice, _link(run, ui))


def _failed_checks(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[dg.AssetCheckEvaluation]:
    entries = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found = [entry.get_dagster_event().asset_check_evaluation_data for entry in entries]
    return [evaluation for evaluation in found if not evaluation.passed]


def _stops(check: dg.AssetCheckEvaluation) -> bool:
    """A check that may stop a run does so only where it fails as an error; else it warns."""
    return bool(check.blocking) and check.severity == dg.AssetCheckSeverity.ERROR


def _name(run: dg.DagsterRun) -> str:
    return f"{run.tags.get('job', run.job_name)} {run.tags.get('run_at', '')}".strip()


def _link(run: dg.DagsterRun, ui: str) -> str:
    return f"{ui.rstrip('/')}/runs/{run.run_id}" if ui else ""
