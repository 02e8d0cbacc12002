"""Whether the disk has been so quick lately that the hub's thread may wait for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaceLimits:
    """When a disk counts as quick: so many transactions in a row that took no longer, the last of them not long ago.

    One that has had a rest may have to wake up first.
    """

    seconds: float = 0.002
    in_a_row: int = 16
    recent_seconds: float = 1.0


class Pace:
    """Learns from transactions how long the next one will take. Times are monotonic seconds."""

    def __init__(self, limits: PaceLimits) -> None:
        self._limits = limits
        self._in_a_row = 0
        self._ended = 0.0

    def note(self, began: float, ended: float) -> None:
        """A transaction took so long, its wait for the disk included."""
        recent = began - self._ended <= self._limits.recent_seconds
        quick = ended - began <= self._limits.seconds
        self._in_a_row = (self._in_a_row if recent else 0) + 1 if quick else 0
        self._ended = ended

    def is_quick(self, now: float) -> bool:
        return self._in_a_row >= self._limits.in_a_row and now - self._ended <= self._limits.recent_seconds
