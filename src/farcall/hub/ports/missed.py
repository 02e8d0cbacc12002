"""Calls that no worker was there for: counted by function, so that its owner can be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class MissedItem:
    """So many calls of a version (by key) by one caller."""

    version: int
    caller: int
    calls: int
    at: float


@dataclass(slots=True)
class NoteMissed:
    """Count calls that found no worker. Outcome per item: the function's MissedRow as it is now, or MISSING (no such
    version, or a deleted one, or the caller owns the function: whoever does knows).
    """

    items: Sequence[MissedItem]


@dataclass(slots=True)
class EndMissed:
    """Workers serve these versions (keys) again: the counts of their functions end.

    Outcome: keys of those functions that had any (list of int).
    """

    versions: Sequence[int]


@dataclass(slots=True)
class NoteTold:
    """The owner of the function is told now. OK · MISSING (no calls of it were ever missed)."""

    function: int
    at: float


@dataclass(slots=True, frozen=True)
class MissedCalls:
    """How many, and since when; `since` is None for none."""

    calls: int
    since: float | None


NONE_MISSED = MissedCalls(0, None)


@dataclass(slots=True, frozen=True)
class MissedRow:
    """Of one function. `told_at`: when its owner was last told, also of calls that were missed before."""

    function: int
    missed: MissedCalls
    told_at: float | None
