"""What the core wants done. The shell (`hub/dispatcher.py`) carries effects out in the order given."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from farcall.domain.errors import Failure
from farcall.domain.model import Completion, NewInvocation, Settlement
from farcall.hub.dispatch.events import LaneKey

RequeueRow = tuple[bytes, int, int, int, str, str]  # (id, fence, tries left, attempt, worker, reason)


class CommitAccept(msgspec.Struct):
    """Insert these; AcceptCommitted or AcceptRejected follows."""

    items: Sequence[NewInvocation]
    acknowledge: bool


class CommitLease(msgspec.Struct):
    """(id, fence, worker, attempt); LeaseCommitted follows, and only then the offer."""

    items: Sequence[tuple[bytes, int, str, int]]


class CommitComplete(msgspec.Struct):
    """Record these outcomes; CompleteCommitted or CompleteStale follows."""

    items: Sequence[Completion]


class CommitRequeue(msgspec.Struct):
    """Attempts that ended without an outcome."""

    items: Sequence[RequeueRow]


class CommitCancel(msgspec.Struct):
    """Flag these; CancelCommitted follows."""

    ids: Sequence[bytes]


class Claim(msgspec.Struct):
    """Ask the store for more of a lane, after the last one taken; Claimed follows."""

    lane: LaneKey
    limit: int
    after: bytes


class Offered(msgspec.Struct):
    """One attempt: what the worker is sent."""

    invocation: NewInvocation
    fence: int
    attempt: int


class Offer(msgspec.Struct):
    worker: str
    items: Sequence[Offered]


class Recall(msgspec.Struct):
    worker: str
    items: Sequence[tuple[bytes, int]]


class CancelAttempts(msgspec.Struct):
    worker: str
    items: Sequence[tuple[bytes, int]]


class Acknowledge(msgspec.Struct):
    """Drop from the worker's outbox; `stale` were refused."""

    worker: str
    items: Sequence[tuple[bytes, int]]
    stale: Sequence[tuple[bytes, int]] = ()


class Accepted(msgspec.Struct):
    """Tell callers that asked: committed."""

    ids: Sequence[bytes]


class Answer(msgspec.Struct):
    """Tell whoever waits for these."""

    items: Sequence[Settlement]


class Refuse(msgspec.Struct):
    """Tell whoever waits: not accepted, no record."""

    ids: Sequence[bytes]
    failure: Failure


class Remember(msgspec.Struct):
    """A line of the timeline beyond the ordinary: (id, what, detail)."""

    items: Sequence[tuple[bytes, str, dict[str, object]]]


class Missed(msgspec.Struct):
    """Calls by these accounts fail, or wait for long, since no worker serves the version."""

    version: int
    callers: Sequence[int]


class WorkerGone(msgspec.Struct):
    """The core has given the worker up (`lost`), or it left (`gone`): its presence ends."""

    worker: str
    state: str


class WakeAt(msgspec.Struct):
    """Send a Tick at this monotonic time at the latest."""

    mono: float


Effect = (
    CommitAccept
    | CommitLease
    | CommitComplete
    | CommitRequeue
    | CommitCancel
    | Claim
    | Offer
    | Recall
    | CancelAttempts
    | Acknowledge
    | Accepted
    | Answer
    | Refuse
    | Remember
    | Missed
    | WorkerGone
    | WakeAt
)
