"""The store with its writer: one transaction at a time, which may fail, or be cut short by the hub's death."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from farcall.hub.ports import Command, Queued, StoreFailed
from farcall.testing.memory_store import MemoryStore
from farcall.testing.simulation.clock import Clock

Done = Callable[[Any], None]
Committed = Callable[[Command, Any], None]


class Records(MemoryStore):
    """What is durable. Reads are immediate."""

    def apply(self, command: Command) -> Any:
        outcome: list[Any] = []
        self.write(command, outcome.append)
        return outcome[0]


def immediately(coroutine: Any) -> Any:
    """The answer of a read that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("the store in memory waited")


class Disk:
    """Survives the hub. Outcomes are told in the order of the commands, to the hub that wrote them."""

    def __init__(self, clock: Clock, random: Random, records: Records, committed: Committed) -> None:
        self.records = records
        self.failing = False
        self.commit_seconds = 0.002
        self._clock = clock
        self._random = random
        self._committed = committed
        self._queue: list[tuple[Command, Done | None]] = []
        self._busy = False
        self._life = 0  # of the hub that writes

    def write(self, command: Command, done: Done | None = None) -> None:
        self._queue.append((command, done))
        if not self._busy:
            self._begin()

    def cut(self) -> None:
        """The hub died: what was not committed is gone, what was committed is told to nobody."""
        self._life += 1
        self._queue.clear()
        self._busy = False

    def _begin(self) -> None:
        self._busy = True
        self._clock.after(self._random.uniform(0.2, 2.0) * self.commit_seconds, self._commit, self._life)

    def _commit(self, life: int) -> None:
        if life != self._life:
            return
        batch, self._queue = self._queue, []
        told: list[tuple[Done, Any]] = []
        for command, done in batch:
            if self.failing:
                outcome: Any = StoreFailed("the disk is full")
            else:
                outcome = self.records.apply(command)
                self._committed(command, outcome)
            if done is not None:
                told.append((done, outcome))
        self._clock.after(self._random.uniform(0.0, 0.002), self._tell, life, told)

    def _tell(self, life: int, told: Sequence[tuple[Done, Any]]) -> None:
        for done, outcome in told:
            if life != self._life:
                return
            done(outcome)
        if life != self._life:
            return
        self._busy = False
        if self._queue:
            self._begin()

    def queued(self, ids: Sequence[bytes]) -> dict[bytes, Queued]:
        """Those of these that are known and not final."""
        return {row.invocation.id: row for row in immediately(self.records.queued(ids))}
