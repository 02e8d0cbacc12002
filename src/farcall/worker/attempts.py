"""The attempts that this worker holds, from offer to outbox."""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from farcall.wire.frames import AttemptKey, OfferItem

if TYPE_CHECKING:
    from farcall.worker.generations import Generation
    from farcall.worker.pool import Seat

Key: TypeAlias = tuple[bytes, int]
"""Invocation id and fence."""


class Ending(Enum):
    """Why a running attempt is being stopped."""

    CANCEL = "cancel"
    TIMEOUT = "timeout"
    LAPSE = "lapse"  # the lease: the hub may have given the invocation to somebody else
    LEAVE = "leave"  # the worker has drained for as long as it would


class Attempt:
    """One offer, accepted. It is waiting (no `seat`), sent to a seat, or, after its end, `delivering`."""

    __slots__ = (
        "announced",
        "arguments",
        "blobs",
        "caller",
        "delivering",
        "ending",
        "fence",
        "function",
        "generation",
        "id",
        "key",
        "kill_at",
        "log_characters",
        "log_seq",
        "number",
        "seat",
        "seq",
        "stream",
        "timeout_seconds",
    )

    def __init__(self, offer: OfferItem, generation: Generation, function: int) -> None:
        self.id = offer.id
        self.fence = offer.fence
        self.key: Key = (offer.id, offer.fence)
        self.generation = generation
        self.function = function
        self.arguments = offer.arguments
        self.caller = offer.caller
        self.number = offer.attempt
        self.timeout_seconds = offer.timeout_seconds
        self.blobs: dict[str, str] = {}
        self.seat: Seat | None = None
        self.seq = 0
        self.announced = False  # Started was sent
        self.delivering = False  # it has ended, and its blobs or stream items are still on their way
        self.ending: Ending | None = None
        self.kill_at: float | None = None
        self.log_seq = 0
        self.log_characters = 0
        self.stream: StreamBuffer | None = None

    @property
    def name(self) -> str:
        """The full name of its function."""
        return self.generation.name_of(self.function)

    @property
    def wire_key(self) -> AttemptKey:
        return AttemptKey(self.id, self.fence)


class StreamBuffer:
    """The items of a stream that the caller has not taken."""

    __slots__ = ("count", "items", "taken")

    def __init__(self) -> None:
        self.items: deque[bytes] = deque()
        self.taken = 0  # items before this number are gone
        self.count = 0  # items there have been

    def add(self, first: int, items: list[bytes]) -> bool:
        """Keep some; False if they are not the next ones."""
        if first != self.count:
            return False
        self.items.extend(items)
        self.count += len(items)
        return True

    def take(self, count: int) -> bool:
        """The caller has `count` items; False if that is nothing new, which asks for the rest to be sent again."""
        if not self.taken < count <= self.count:
            return False
        for _ in range(count - self.taken):
            self.items.popleft()
        self.taken = count
        return True
