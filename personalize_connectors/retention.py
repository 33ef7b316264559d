"""How long what runs leave is kept: settings of the installation, one for each kind."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from personalize_connectors.errors import BadSettings

_MOST = 36_500


@dataclass(frozen=True)
class Retention:
    """How long each kind is kept, from when it was written.

    Attributes:
        partitions: Dagster's partitions, decorated records, error lines and requests (`CONNECTORS_KEEP_PARTITIONS_DAYS`).
        stages: Stages (`CONNECTORS_KEEP_STAGES_DAYS`).
        receipts: Reports, and receipts and dead letters that a state holds (`CONNECTORS_KEEP_RECEIPTS_DAYS`).
        states: How many snapshots of each state are kept (`CONNECTORS_KEEP_STATES`).
    """

    partitions: timedelta = timedelta(days=30)
    stages: timedelta = timedelta(days=7)
    receipts: timedelta = timedelta(days=90)
    states: int = 3


def read_retention(environment: Mapping[str, str] = os.environ) -> Retention:
    """Read it from the environment.

    Raises:
        BadSettings: a variable has a value that cannot be used; the text names it and what would be right.
    """
    return Retention(
        partitions=timedelta(days=_number(environment, "CONNECTORS_KEEP_PARTITIONS_DAYS", 30)),
        stages=timedelta(days=_number(environment, "CONNECTORS_KEEP_STAGES_DAYS", 7)),
        receipts=timedelta(days=_number(environment, "CONNECTORS_KEEP_RECEIPTS_DAYS", 90)),
        states=_number(environment, "CONNECTORS_KEEP_STATES", 3),
    )


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= _MOST:
        raise BadSettings(f"{name} is {text!r}; write a whole number from 1 to {_MOST}")
    return int(text)
