"""A worker's connection: in order, and whole up to the cut; each end notices the cut in its own time."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from farcall.testing.simulation.clock import Clock

if TYPE_CHECKING:
    from farcall.testing.simulation.hubs import Hub
    from farcall.testing.simulation.workers import Worker


class Link:
    """What was said before the cut and not yet heard is lost."""

    def __init__(self, clock: Clock, random: Random, worker: Worker, hub: Hub) -> None:
        self.worker = worker
        self.boot = worker.boot
        self.hub = hub
        self.open = True
        self.latency = 0.0005
        self._clock = clock
        self._random = random
        self._up = self._down = 0.0

    def _delay(self) -> float:
        return self._clock.mono + self._random.uniform(0.4, 1.6) * self.latency

    def to_hub(self, what: str, *payload: Any) -> None:
        if self.open:
            self._up = max(self._up, self._delay())
            self._clock.at(self._up, self._hub_hears, what, payload)

    def to_worker(self, what: str, *payload: Any) -> None:
        if self.open:
            self._down = max(self._down, self._delay())
            self._clock.at(self._down, self._worker_hears, what, payload)

    def _hub_hears(self, what: str, payload: tuple[Any, ...]) -> None:
        if self.open:
            self.hub.hear(self, what, payload)

    def _worker_hears(self, what: str, payload: tuple[Any, ...]) -> None:
        if self.open:
            self.worker.hear(self, what, payload)

    def cut(self, hub_notices: float | None = None) -> None:
        """`hub_notices`: in so many seconds; by default at some time within its patience."""
        if not self.open:
            return
        self.open = False
        notices = self._random.choice((0.001, 0.5, 3.0)) * self._random.random() if hub_notices is None else hub_notices
        self._clock.after(notices, self.hub.link_ended, self)
        self._clock.after(self._random.choice((0.001, 0.3, 2.0)) * self._random.random(), self.worker.link_ended, self)
