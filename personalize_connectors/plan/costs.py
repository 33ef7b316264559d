"""What the same records would be billed in other shapes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from personalize_connectors.assets.decorating import Decorating
from personalize_connectors.connectors.protocol import DataPoints, Ints
from personalize_connectors.connectors.settings import ConnectorSettings
from personalize_connectors.delivery.refusals import Refusals
from personalize_connectors.engine.ids import places
from personalize_connectors.engine.item_documents import column, render
from personalize_connectors.engine.items import Items
from personalize_connectors.plan.result import Finding, ShapeCost

_KNOWN = pa.array(["changed", "unchanged"])


def other_shapes(what: Decorating, items: Items, rows: Iterable[pa.RecordBatch]) -> list[ShapeCost]:
    """The cost of rows (`user_id`, `items`, `change`) in every shape but the chosen one.

    They are the rows that differ in the chosen shape. In one that leaves item metadata out they may be fewer.
    """
    shapes = [
        _shape(name, _with_settings(what, settings), items)
        for name, settings in what.connector.alternatives(what.settings).items()
    ]
    for batch in rows if shapes else ():
        for shape in shapes:
            shape.add(batch)
    return [shape.cost() for shape in shapes]


def money(settings: ConnectorSettings, data_points: int) -> float | None:
    """What data points cost, where the job says what one does."""
    price = getattr(settings, "pricePerDataPoint", None)
    return None if price is None else price * data_points


def findings(what: Decorating, refusals: Refusals) -> tuple[Finding, ...]:
    """What breaks a rule, with the rule in words."""
    rules = what.connector.rules
    return tuple(
        Finding(rule, field, action, found, rules[rule].text)
        for rule, field, action, found in refusals.actions()
    )


@dataclass
class _Shape:
    """One shape, and what was counted until now."""

    name: str
    what: Decorating
    item_ids: pa.Array
    points: DataPoints
    refusals: Refusals
    records: int = 0
    refused: int = 0
    data_points: int = 0

    def add(self, batch: pa.RecordBatch) -> None:
        sent = batch.filter(pc.is_null(self.refusals.column(batch)))
        self.records += len(sent)
        self.refused += len(batch) - len(sent)
        self.data_points += _billed(sent, self.item_ids, self.points)

    def cost(self) -> ShapeCost:
        return ShapeCost(
            shape=self.name,
            chosen=False,
            records=self.records,
            refused=self.refused,
            data_points=self.data_points,
            money=money(self.what.settings, self.data_points),
            findings=findings(self.what, self.refusals),
        )


def _shape(name: str, what: Decorating, items: Items) -> _Shape:
    documents = render(items, what.selection, what.payload)
    return _Shape(
        name=name,
        what=what,
        item_ids=column(documents, "item_id"),
        points=what.connector.data_points(what.settings, documents, what.longest),
        refusals=Refusals(what.connector, what.settings, documents, what.longest),
    )


def _with_settings(what: Decorating, settings: ConnectorSettings) -> Decorating:
    others = {name: block for name, block in what.config.connectors.items() if name != what.name}
    chosen = what.connector.beside(settings, others)
    return Decorating(replace(what.config, connectors={**others, what.name: chosen}), what.name)


def _billed(rows: pa.RecordBatch, item_ids: pa.Array, points: DataPoints) -> int:
    """As `engine.fingerprints` and `engine.delta` bill a user, for all rows together."""
    removed = int(pc.sum(pc.equal(rows["change"], "removed")).as_py() or 0)
    billed = removed * points.per_removal
    rest = rows.filter(pc.not_equal(rows["change"], "removed"))
    if points.per_known_user is not None:
        was_there = pc.is_in(rest["change"], value_set=_KNOWN)
        known, rest = rest.filter(was_there), rest.filter(pc.invert(was_there))
        billed += len(known) * points.per_known_user + _of_items(known, item_ids, points.per_known_item)
    return billed + len(rest) * points.per_user + _of_items(rest, item_ids, points.per_item)


def _of_items(rows: pa.RecordBatch, item_ids: pa.Array, per_item: Ints | None) -> int:
    if per_item is None:
        return 0
    return int(per_item[places(rows["items"], item_ids)].sum())
