"""What a submitted job tells of the stage that it worked out, so that the Dagster run shows what it would have shown by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import dagster as dg

from personalize_connectors.failures import failure_text
from personalize_connectors.installation import TRANSIENT

_SYSTEM = ("dagster/", ".dagster/")
_BLOCKED = "DagsterAssetCheckFailedError"


@dataclass(frozen=True)
class StageOutcome:
    """How the stage ended.

    Attributes:
        materialization: What it materialized, as Dagster writes it; empty where it did not come so far.
        checks: What its checks found, each as Dagster writes it.
        tags: Of the run.
        failure: Why it failed, in words; empty where it did not.
        transient: Whether the same can succeed later.
    """

    materialization: str = ""
    checks: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    failure: str = ""
    transient: bool = False

    @classmethod
    def of(cls, result: dg.ExecuteInProcessResult, tags: Mapping[str, str]) -> Self:
        """That of the one asset that a run materialized, and the tags that the run has now."""
        events = result.get_asset_materialization_events()
        failed = [event for event in result.all_events if event.is_step_failure and not _blocked(event)]
        return cls(
            materialization=dg.serialize_value(events[0].materialization) if events else "",
            checks=[dg.serialize_value(check) for check in result.get_asset_check_evaluations()],
            tags={key: value for key, value in tags.items() if not key.startswith(_SYSTEM)},
            failure=failure_text(failed[0]) if failed else "",
            transient=any(_is_transient(event) for event in failed),
        )

    def told(self) -> dict[str, Any]:
        """As it is reported."""
        return asdict(self)

    def results(self) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        """What the asset yields in the run that waited; what stops stands in its checks.

        Raises:
            dg.Failure: the stage failed.
        """
        if self.materialization:
            made = dg.deserialize_value(self.materialization, dg.AssetMaterialization)
            yield dg.MaterializeResult(metadata=made.metadata)
        for text in self.checks:
            found = dg.deserialize_value(text, dg.AssetCheckEvaluation)
            yield dg.AssetCheckResult(
                check_name=found.check_name,
                passed=found.passed,
                severity=found.severity,
                description=found.description,
                metadata=found.metadata,
            )
        if self.failure:
            raise dg.Failure(self.failure, metadata={TRANSIENT: self.transient}, allow_retries=self.transient)


def _blocked(event: dg.DagsterEvent) -> bool:
    """Whether nothing but a blocking check failed the step, which says so by itself."""
    error = event.step_failure_data.error
    return error is not None and error.cls_name == _BLOCKED


def _is_transient(event: dg.DagsterEvent) -> bool:
    data = event.step_failure_data.user_failure_data
    return bool(data and (entry := data.metadata.get(TRANSIENT)) and entry.value)
