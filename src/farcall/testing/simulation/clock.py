"""Virtual time: nothing happens but what was planned, in order of time, then of planning."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from farcall.hub.dispatch.events import Now


class Clock:
    """`mono` never goes back; wall time is `mono + wall_offset`, and the offset may jump."""

    def __init__(self) -> None:
        self.mono = 100.0
        self.wall_offset = 1_700_000_000.0
        self.steps = 0
        self._plans: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._count = 0

    def now(self) -> Now:
        return Now(self.mono, self.mono + self.wall_offset)

    def at(self, mono: float, call: Callable[..., object], *arguments: Any) -> None:
        self._count += 1
        heappush(self._plans, (max(self.mono, mono), self._count, call, arguments))

    def after(self, seconds: float, call: Callable[..., object], *arguments: Any) -> None:
        self.at(self.mono + seconds, call, *arguments)

    def run(self, until: float, done: Callable[[], bool] | None = None) -> None:
        """Live until that time (mono), or until `done` says so."""
        while self._plans and self._plans[0][0] <= until:
            if done is not None and done():
                return
            self.mono, _, call, arguments = heappop(self._plans)
            self.steps += 1
            call(*arguments)
        if done is None or not done():
            self.mono = max(self.mono, until)
