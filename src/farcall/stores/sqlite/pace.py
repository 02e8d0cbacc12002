"""Whether the disk has been so quick lately that the hub's thread may wait for it."""

from __future__ import annotations

from typing import Final

QUICK_SECONDS: Final = 0.002  # a transaction, its wait for the disk included
ENOUGH: Final = 16  # quick ones in a row
RECENT_SECONDS: Final = 1.0  # a disk that has had a rest may have to wake up first


class Pace:
    """Learns from transactions how long the next one will take. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._ended = 0.0

    def note(self, began: float, ended: float) -> None:
        """A transaction took so long."""
        recent = began - self._ended <= RECENT_SECONDS
        quick = ended - began <= QUICK_SECONDS
        self._in_a_row = (self._in_a_row if recent else 0) + 1 if quick else 0
        self._ended = ended

    def is_quick(self, now: float) -> bool:
        return self._in_a_row >= ENOUGH and now - self._ended <= RECENT_SECONDS
