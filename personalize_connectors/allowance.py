"""What a person allows or asks for in one run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Allowance:
    """What a person allows or asks for in one run.

    Attributes:
        user_drop: Deliver though users dropped against the previous run.
        older_run: Deliver though a newer run was delivered already.
        removals: Remove whoever is missing, however many they are.
        redrive: Send dead letters of this run again whose reason holds this text; empty: all of them.
    """

    user_drop: bool = False
    older_run: bool = False
    removals: bool = False
    redrive: str | None = None


NOTHING = Allowance()
