"""What a connector says about its destination; all the rest of delivery is shared.

A connector says only: its settings model, its limits, how a record becomes a payload fragment, how fragments become a
request, and what each answer means per record. It is one value of `Connector`, found by its entry point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from personalize_connectors.connectors.exchange import Answer, Call, Destination, Envelope, Limits, Verdict
from personalize_connectors.connectors.settings import Action, ConnectorSettings

Ints = np.ndarray
Fields = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """Something that the destination would drop without a word, or refuse.

    Attributes:
        text: What is wrong, for people.
        actions: What can be chosen in `onInvalid`; the first is what happens by default.
    """

    text: str
    actions: tuple[Action, ...]


FIELD_ACTIONS: tuple[Action, ...] = ("drop_field", "drop_record", "stop")
RECORD_ACTIONS: tuple[Action, ...] = ("drop_record", "stop")


@dataclass(frozen=True)
class Finding:
    """A value that breaks one of the connector's rules: the rule's name, and the field (empty for a whole record)."""

    rule: str
    field: str = ""


class Payload(NamedTuple):
    """What is delivered of one item: JSON text without the fields that break a rule, and those findings."""

    text: bytes
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class DataPoints:
    """What a destination bills for setting one user's attributes: a constant, and so much for each item.

    Attributes:
        per_user: For each user.
        per_item: For each item document, in their order.
        per_known_user: For each user who was delivered before, where that differs.
        per_known_item: And for each of their items; nothing, where it is not said.
        per_removal: For unsetting what was delivered to one user.
    """

    per_user: int
    per_item: Ints
    per_known_user: int | None = None
    per_removal: int = 0
    per_known_item: Ints | None = None


# One fragment for each row of a batch, each followed by the envelope's separator, in one buffer, so that the fragments of
# neighbours are a slice of it. A batch has `user_id` (of a catalog: the item), `items` (each has a document) and `change`
# against what the destination accepted before: `added`, `changed`, `unchanged`, or `removed` (then `items` is empty).
Renderer = Callable[[pa.RecordBatch], pa.LargeBinaryArray]

# Rows of such a batch (by place) whose record breaks a rule as a whole.
Judge = Callable[[pa.RecordBatch], Mapping[int, Finding]]


def _no_judge(settings: Any, documents: pa.Table, longest: int) -> Judge:  # noqa: ARG001 - a default
    return lambda _: {}


def _no_points(settings: Any, documents: pa.Table, longest: int) -> DataPoints:  # noqa: ARG001 - a default
    return DataPoints(0, np.zeros(len(documents), np.int64))


def _nothing_to_prepare(settings: Any, destination: Destination, documents: pa.Table, whole: bool) -> None:  # noqa: FBT001 - a default
    pass


@dataclass(frozen=True)
class Connector:
    """One destination type: values, and functions of the job's settings for it. The optional ones have defaults.

    Attributes:
        name: As in config.json.
        settings: The model of its block.
        envelope: What stands around the fragments in a body.
        destination: Where to deliver, from the environment; BadSettings where the endpoint or key is missing.
        call: Method and path, for records to write and (True) for records to remove.
        limits: What one request may hold, and the rate.
        payload: What is delivered of one item document.
        rendering: All settings that change what a record looks like; part of every fingerprint.
        renderer: What renders records by the item documents (`engine.item_documents`), for lists of at most so many items.
        verdict: What an answer to a request with these record ids means.
        unit: What one record is about: a user, or an item (then the records are the items that some user gets).
        rules: What the destination would drop or refuse, by name.
        judge: Finds the records that break a rule as a whole.
        problems: What the settings model alone cannot see: JSON path below the block, and what is wrong.
        beside: The settings, given those of the job's other connectors.
        attributes: The attributes that are written, to find jobs that write the same.
        removes: Whether records that are not in a complete new output are removed.
        data_points: What the destination bills.
        parameters: Variables that `destination` reads, and how their SSM parameters are called where they are not set.
        shape: The name of the chosen shape, where there are others.
        alternatives: Those others, to compare what they cost: name to settings.
        prepare: Makes what must be there before the first request; whether all is sent, not only what changed.
    """

    name: str
    settings: type[ConnectorSettings]
    envelope: Envelope
    destination: Callable[[Mapping[str, str]], Destination]
    call: Callable[[Any, bool], Call]
    limits: Callable[[Any], Limits]
    payload: Callable[[Any, Fields], Payload]
    rendering: Callable[[Any], dict[str, Any]]
    renderer: Callable[[Any, pa.Table, int], Renderer]
    verdict: Callable[[Answer, pa.Array], Verdict]
    unit: Literal["user", "item"] = "user"
    rules: Mapping[str, Rule] = field(default_factory=dict)
    judge: Callable[[Any, pa.Table, int], Judge] = _no_judge
    problems: Callable[[Any], list[tuple[str, str]]] = lambda _: []
    beside: Callable[[Any, Mapping[str, Any]], Any] = lambda settings, _: settings
    attributes: Callable[[Any], frozenset[str]] = lambda _: frozenset()
    removes: Callable[[Any], bool] = lambda _: False
    data_points: Callable[[Any, pa.Table, int], DataPoints] = _no_points
    shape: Callable[[Any], str] = lambda _: ""
    alternatives: Callable[[Any], Mapping[str, Any]] = lambda _: {}
    prepare: Callable[[Any, Destination, pa.Table, bool], None] = _nothing_to_prepare
    parameters: Mapping[str, str] = field(default_factory=dict)

    def action(self, settings: ConnectorSettings, rule: str) -> Action:
        """What becomes of a finding: the job's choice, else the rule's default."""
        return settings.onInvalid.get(rule, self.rules[rule].actions[0])
