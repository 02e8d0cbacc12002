"""Commands about invocations, with an outcome per item: the hot path of a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from farcall.domain.model import Completion, NewInvocation


class Outcome(IntEnum):
    """What became of one item of a command."""

    OK = 0
    DUPLICATE = 1  # the same was done before; nothing changed
    CONFLICT = 2  # the key is taken by something else
    STALE = 3  # the fence, or the state it presumes, is no longer current
    MISSING = 4  # what it refers to is not there
    DENIED = 5  # access changed between the check and the commit
    FULL = 6  # there is as much of it as the command allows


@dataclass(slots=True)
class Accept:
    """Insert invocations. OK · DUPLICATE (same id, same request) · CONFLICT (same id, other request or caller) · DENIED
    (the caller is disabled, or its access epoch is another by now) · MISSING (no such version).

    What was accepted before is a DUPLICATE even if the permission is gone by now.

    `lazy`: nobody was promised anything yet, so the writer may hold it for a moment to share its completion's commit.
    """

    items: Sequence[NewInvocation]
    lazy: bool = False


@dataclass(slots=True)
class LeaseItem:
    id: bytes
    fence: int
    worker: str
    attempt: int
    at: float


@dataclass(slots=True)
class Lease:
    """Record current attempts before their offer (`retry="never"`, many hubs). OK · MISSING · STALE (final, flagged to
    be cancelled, or a larger fence). Until its outcome or a Requeue it is RUNNING, and no Claim returns it."""

    items: Sequence[LeaseItem]


@dataclass(slots=True)
class Complete:
    """Record final outcomes. OK · MISSING · DUPLICATE (this fence was recorded) · STALE (final already, or a larger
    fence).

    Also writes references to the result's blobs, and deletes the lane's entry. `alone`: these are all that is under
    way, so a store that is quick may record them, and call back, before `write` returns.
    """

    items: Sequence[Completion]
    alone: bool = False


@dataclass(slots=True)
class RequeueItem:
    """An attempt ended without an outcome: it was lost (`tries_left` one less) or returned (the same)."""

    id: bytes
    fence: int
    tries_left: int
    attempt: int
    worker: str
    reason: str
    at: float


@dataclass(slots=True)
class Requeue:
    """OK · STALE · MISSING. Adds a note `requeued` (worker, attempt, tries_left, reason) to the timeline; raises the
    fence below which completions are stale."""

    items: Sequence[RequeueItem]


@dataclass(slots=True)
class FlagCancel:
    """Make the wish to cancel durable: a flagged invocation never runs again. OK · STALE (final) · MISSING ·
    DUPLICATE."""

    ids: Sequence[bytes]
    at: float


class Lane(tuple[int, int, int]):
    """(version, priority, caller)."""

    __slots__ = ()

    @property
    def version(self) -> int:
        return self[0]

    @property
    def priority(self) -> int:
        return self[1]

    @property
    def caller(self) -> int:
        return self[2]


@dataclass(slots=True)
class Queued:
    """A queued invocation as it comes back from the store."""

    invocation: NewInvocation
    attempts: int  # made so far
    fence: int  # 0, or that of a recorded lease
    worker: str = ""
    cancelled: bool = False


@dataclass(slots=True)
class Claim:
    """Read the oldest `limit` queued ones of a lane, after `after` in the order of acceptance; outcome: `list[Queued]`.

    An unknown `after` counts as none. What was leased is not among them; `access_epoch` comes back as 0.

    Runs in the writer's order, so what was accepted before is seen. With one hub a claim only reads; a hub never claims
    what it holds in its window (it passes the last id it took from the lane).
    """

    lane: Lane
    limit: int
    after: bytes = b""


@dataclass(slots=True)
class Note:
    """One line of an invocation's timeline."""

    id: bytes
    at: float
    what: str  # a code: returned, lost, retried, cancel_requested, …
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class AddNotes:
    items: Sequence[Note]
