"""Local validation: what becomes of values that the destination would drop without a word, by the job's choice."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa

from personalize_connectors.connectors.protocol import Connector, Finding
from personalize_connectors.connectors.settings import Action, ConnectorSettings
from personalize_connectors.engine.gather import lengths
from personalize_connectors.engine.ids import places
from personalize_connectors.engine.item_documents import column, finding_counts
from personalize_connectors.shortened import shortened

Counts = Counter[tuple[str, str]]


class Refusals:
    """Says which records must not be sent, and counts what breaks a rule.

    Attributes:
        items: Items by the rule and field that they break.
        records: Records by the rule and field that they break as a whole, of the batches seen until now.
    """

    def __init__(
        self, connector: Connector, settings: ConnectorSettings, documents: pa.Table, longest: int
    ) -> None:
        self._connector, self._settings = connector, settings
        self._judge = connector.judge(settings, documents, longest)
        self._known = column(documents, "item_id")
        self._spoiled = self._spoiled_items(documents)
        self.items: Counts = finding_counts(documents)
        self.records: Counts = Counter()

    def column(self, batch: pa.RecordBatch) -> pa.Array:
        """Why each record of a batch (`user_id`, `items`, `change`) must not be sent; null where it is sent."""
        found = self._judge(batch)
        self.records.update((finding.rule, finding.field) for finding in found.values())
        refused = {place: self._reason(finding) for place, finding in found.items()}
        for place, item in self._with_spoiled_items(batch):
            refused.setdefault(place, self._spoiled[item])
        if not refused:
            return pa.nulls(len(batch), pa.string())
        reasons = np.full(len(batch), None, object)
        reasons[list(refused)] = list(refused.values())
        return pa.array(reasons, pa.string())

    def actions(self) -> list[tuple[str, str, Action, int]]:
        """Every rule that is broken: its name, the field, what is done, and by how many items or records."""
        counted = [*self.items.most_common(), *self.records.most_common()]
        return [(rule, field, self._action(rule), number) for (rule, field), number in counted]

    def _action(self, rule: str) -> Action:
        return self._connector.action(self._settings, rule)

    def _reason(self, finding: Finding) -> str:
        field = f" ({finding.field})" if finding.field else ""
        return f"{finding.rule}{field}: {self._connector.rules[finding.rule].text}"

    def _spoiled_items(self, documents: pa.Table) -> dict[int, str]:
        """Places of the documents for which a record is dropped, and why."""
        spoiled: dict[int, str] = {}
        findings = column(documents, "findings")
        for place in np.flatnonzero(lengths(findings)).tolist():
            for entry in findings[place].as_py():
                if self._action(entry["rule"]) == "drop_record":
                    item = self._known[place].as_py()
                    reason = self._reason(Finding(entry["rule"], entry["field"]))
                    spoiled.setdefault(place, f"item {shortened(item)!r}: {reason}")
        return spoiled

    def _with_spoiled_items(self, batch: pa.RecordBatch) -> list[tuple[int, int]]:
        """Rows with such an item, and which."""
        if not self._spoiled:
            return []
        codes = places(batch["items"], self._known)
        owner = np.repeat(np.arange(len(batch)), lengths(batch["items"]))
        hit = np.isin(codes, list(self._spoiled))
        return list(zip(owner[hit].tolist(), codes[hit].tolist(), strict=True))
