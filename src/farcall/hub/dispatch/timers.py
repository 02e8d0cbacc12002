"""What is due when. Timers are never removed: whoever is woken looks whether it still matters."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any

from farcall.hub.dispatch.events import Now

Action = Callable[[Any, Any, Now], None]  # (state, subject, now)

_PRUNE_LEAST = 1024
LATE_SECONDS = 0.001  # nothing is said anew for less


class Timers:
    """Two heaps: monotonic ones, and wall ones for durable deadlines."""

    __slots__ = ("_changed", "_count", "_mono", "_prune_at", "_wake", "_wall")

    def __init__(self) -> None:
        self._mono: list[tuple[float, int, Action, Any]] = []
        self._wall: list[tuple[float, int, Action, Any]] = []
        self._count = 0
        self._changed = False  # something was set since the last word on when to wake
        self._wake: float | None = None
        self._prune_at = _PRUNE_LEAST

    def at_mono(self, mono: float, action: Action, subject: Any) -> None:
        self._count += 1
        self._changed = True
        heappush(self._mono, (mono, self._count, action, subject))

    def at_wall(self, wall: float, action: Action, subject: Any) -> None:
        self._count += 1
        self._changed = True
        heappush(self._wall, (wall, self._count, action, subject))

    def fire(self, state: Any, now: Now) -> None:
        """Do what is due, in order."""
        while self._mono and self._mono[0][0] <= now.mono:
            _, _, action, subject = heappop(self._mono)
            action(state, subject, now)
        while self._wall and self._wall[0][0] <= now.wall:
            _, _, action, subject = heappop(self._wall)
            action(state, subject, now)

    def prune(self, alive: Callable[[Any], bool]) -> None:
        """Drop those of subjects that are no more, once there are twice as many timers as were alive last time."""
        if len(self._mono) + len(self._wall) < self._prune_at:
            return
        for heap in (self._mono, self._wall):
            heap[:] = [timer for timer in heap if alive(timer[3])]
            heapify(heap)
        self._prune_at = 2 * (len(self._mono) + len(self._wall)) + _PRUNE_LEAST

    def next_wake(self, now: Now) -> float | None:
        """When the next Tick is needed (mono), if that was not said before."""
        if not self._changed and not self._wall and (self._wake is None or self._wake > now.mono):
            return None
        self._changed = False
        wake = self._mono[0][0] if self._mono else None
        if self._wall:
            at = now.mono + max(0.0, self._wall[0][0] - now.wall)
            wake = at if wake is None or at < wake else wake
        if wake is None:
            return None
        said = self._wake
        if said is not None and said > now.mono and said <= wake + LATE_SECONDS:
            return None
        self._wake = wake
        return wake
