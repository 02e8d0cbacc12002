"""What the core wants done. The shell (`hub/dispatcher.py`) carries effects out in the order given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from farcall.domain.errors import Failure
from farcall.domain.model import Completion, NewInvocation, Settlement
from farcall.hub.dispatch.events import LaneKey

RequeueRow = tuple[bytes, int, int, int, str, str]  # (id, fence, tries left, attempt, worker, reason)


@dataclass(slots=True)
class CommitAccept:
    """Insert these; AcceptCommitted or AcceptRejected follows."""

    items: Sequence[NewInvocation]
    acknowledge: bool


@dataclass(slots=True)
class CommitLease:
    """(id, fence, worker, attempt); LeaseCommitted follows, and only then the offer."""

    items: Sequence[tuple[bytes, int, str, int]]


@dataclass(slots=True)
class CommitComplete:
    """Record these outcomes; CompleteCommitted or CompleteStale follows."""

    items: Sequence[Completion]


@dataclass(slots=True)
class CommitRequeue:
    """Attempts that ended without an outcome."""

    items: Sequence[RequeueRow]


@dataclass(slots=True)
class CommitCancel:
    """Flag these; CancelCommitted follows."""

    ids: Sequence[bytes]


@dataclass(slots=True)
class Claim:
    """Ask the store for more of a lane, after the last one taken; Claimed follows."""

    lane: LaneKey
    limit: int
    after: bytes


@dataclass(slots=True)
class Offered:
    """One attempt: what the worker is sent."""

    invocation: NewInvocation
    fence: int
    attempt: int


@dataclass(slots=True)
class Offer:
    worker: str
    items: Sequence[Offered]


@dataclass(slots=True)
class Recall:
    worker: str
    items: Sequence[tuple[bytes, int]]


@dataclass(slots=True)
class CancelAttempts:
    worker: str
    items: Sequence[tuple[bytes, int]]


@dataclass(slots=True)
class Acknowledge:
    """Drop from the worker's outbox; `stale` were refused."""

    worker: str
    items: Sequence[tuple[bytes, int]]
    stale: Sequence[tuple[bytes, int]] = ()


@dataclass(slots=True)
class Accepted:
    """Tell callers that asked: committed."""

    ids: Sequence[bytes]


@dataclass(slots=True)
class Answer:
    """Tell whoever waits for these."""

    items: Sequence[Settlement]


@dataclass(slots=True)
class Refuse:
    """Tell whoever waits: not accepted, no record."""

    ids: Sequence[bytes]
    failure: Failure


@dataclass(slots=True)
class Remember:
    """A line of the timeline beyond the ordinary: (id, what, detail)."""

    items: Sequence[tuple[bytes, str, dict[str, object]]]


@dataclass(slots=True)
class Missed:
    """Calls by these accounts fail, or wait for long, since no worker serves the version."""

    version: int
    callers: Sequence[int]


@dataclass(slots=True)
class WorkerGone:
    """The core has given the worker up (`lost`), or it left (`gone`): its presence ends."""

    worker: str
    state: str


@dataclass(slots=True)
class WakeAt:
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
