"""The contract of a peer: whatever is measured beside farcall, and farcall itself."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

SLOTS = 2


class Missing(Exception):
    """The peer cannot run here; the message says what is not installed."""


class Peer(ABC):
    """`add(a, b)` on two worker slots.

    Order: `start` once, then any number of `call` and `burst`, then `stop` once, also after a failure. `start` returns
    when the peer is ready for its first call, and puts the end of whatever it started on `cleanup` at once, so that
    `stop` ends as much as there is. Only one thread uses a peer. `scratch` is an empty directory of its own.
    """

    title: ClassVar[str]
    durable: ClassVar[str]
    """What a crash of the middle leaves on disk: "yes", "no", or how much may be lost."""
    checks_caller: ClassVar[bool]
    """Whether each call is made in somebody's name, and refused to others."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.cleanup = ExitStack()

    @abstractmethod
    def start(self) -> None:
        """Start everything. Raises `Missing` if something is not installed."""

    @abstractmethod
    def call(self, a: int, b: int) -> int:
        """One call; waits for its result."""

    @abstractmethod
    def gather(self, pairs: list[tuple[int, int]]) -> Iterable[int]:
        """All calls in flight at once; their results in order. Every call is one of its own: no chunks."""

    def stop(self) -> None:
        """Stop everything that was started, last first."""
        self.cleanup.close()

    def burst(self, count: int) -> float:
        """Seconds from the first submit to the last result of `count` calls. Raises `WrongResult`."""
        pairs = [(index, 3 * index + 1) for index in range(count)]
        started = time.perf_counter()
        results = list(self.gather(pairs))
        seconds = time.perf_counter() - started
        if results != [a + b for a, b in pairs]:
            raise WrongResult(f"{self.title}: a burst of {count} calls returned something else than {count} sums")
        return seconds


class WrongResult(Exception):
    """A call returned something else than the sum. No figure is worth anything then."""
