"""What the core is told. Batches are the rule: one event may carry thousands of items.

`Now` comes with every event; the core has no clock of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from farcall.domain.errors import Failure
from farcall.domain.model import FunctionOptions, NewInvocation
from farcall.domain.states import AttemptState

LaneKey = tuple[int, int, int]  # (version, priority, caller)


class Now(msgspec.Struct, frozen=True, gc=False):
    """`mono` for leases and timeouts, `wall` for durable deadlines; both in seconds."""

    mono: float
    wall: float


class VersionFacts(msgspec.Struct):
    """What the core must know of a version before anything of it is submitted or claimed."""

    version: int
    name: str
    options: FunctionOptions


class Submitted(msgspec.Struct):
    """New invocations whose access and arguments were checked.

    `eager`: the caller waits for the result, so the first offer may precede the commit (never for `never_twice`).
    `acknowledge`: the caller wants to hear of the commit.
    """

    version: int
    items: Sequence[NewInvocation]
    eager: bool
    acknowledge: bool


class AcceptCommitted(msgspec.Struct):
    """`acknowledge`: the caller wants to hear of it."""

    ids: Sequence[bytes]
    acknowledge: bool = True


class AcceptRejected(msgspec.Struct):
    """Not accepted after all: duplicate, conflict, or access changed. An open attempt is cancelled."""

    ids: Sequence[bytes]


class Claimed(msgspec.Struct):
    """The store's answer to a `Claim`. `exhausted`: the lane has no more. Neither that nor items: the claim failed."""

    lane: LaneKey
    items: Sequence[Reclaimed]
    exhausted: bool


class Reclaimed(msgspec.Struct):
    """A queued invocation that comes (back) from the store; `fence` of a recorded lease, or 0."""

    invocation: NewInvocation
    attempts: int = 0
    fence: int = 0
    worker: str = ""
    cancelled: bool = False


class Recovered(msgspec.Struct):
    """First event after a start: what the store holds. Boots that had presence may resume until `grace_until` (mono).

    Nothing recovered is offered before every boot in `expected` has joined again or the grace is over.
    """

    lanes: Sequence[tuple[LaneKey, int]]
    leased: Sequence[Reclaimed]
    expected: Sequence[str]
    served: Sequence[int]  # versions that had presence before the stop
    grace_until: float


class Resumed(msgspec.Struct):
    """What a worker that (re)joined still holds; `invocation` is the store's record if it is known and not final."""

    id: bytes
    fence: int
    queued: Reclaimed | None = None


class WorkerJoined(msgspec.Struct):
    """A worker registered (again). A boot that is AWAY returns; an unknown boot is somebody new."""

    worker: str
    account: int
    slots: int
    credit: int
    resources: dict[str, int | float | str | bool]
    resumes: Sequence[Resumed] = ()


class Served(msgspec.Struct):
    """The full list of versions that the worker serves from now on."""

    worker: str
    versions: Sequence[int]


class Credits(msgspec.Struct):
    worker: str
    credit: int


class WorkerDisconnected(msgspec.Struct):
    worker: str


class HeartbeatSeen(msgspec.Struct):
    worker: str


class Draining(msgspec.Struct):
    worker: str


class Started(msgspec.Struct):
    worker: str
    items: Sequence[tuple[bytes, int]]


class Returned(msgspec.Struct):
    """(id, fence, reason): never started."""

    worker: str
    items: Sequence[tuple[bytes, int, str]]


class Finish(msgspec.Struct):
    """Outcome of one attempt; `state` is SUCCEEDED, FAILED, CANCELLED or LOST."""

    id: bytes
    fence: int
    state: AttemptState
    result: bytes = b""
    failure: Failure | None = None
    run_seconds: float = 0.0
    blobs: tuple[str, ...] = ()
    cpu_seconds: float = 0.0


class FinishLike(Protocol):
    """`Finish`, or whatever has its attributes (the item of the wire's frame): nothing is copied on the hot path."""

    @property
    def id(self) -> bytes: ...
    @property
    def fence(self) -> int: ...
    @property
    def state(self) -> int: ...
    @property
    def result(self) -> bytes: ...
    @property
    def failure(self) -> Failure | None: ...
    @property
    def run_seconds(self) -> float: ...
    @property
    def blobs(self) -> Sequence[str]: ...
    @property
    def cpu_seconds(self) -> float: ...


class Finished(msgspec.Struct):
    worker: str
    items: Sequence[FinishLike]


class StreamDelivered(msgspec.Struct):
    """At least one item of this attempt's stream reached the caller."""

    id: bytes
    fence: int


class CompleteCommitted(msgspec.Struct):
    ids: Sequence[bytes]


class CompleteStale(msgspec.Struct):
    """The store refused these outcomes: what it holds is final already, or newer."""

    items: Sequence[tuple[bytes, int]]


class CommitFailed(msgspec.Struct):
    """A transaction was rolled back. Accepts in it are refused; the rest is written again when the store works."""

    accepts: Sequence[bytes] = ()
    leases: Sequence[bytes] = ()
    completes: Sequence[bytes] = ()
    requeues: Sequence[bytes] = ()
    cancels: Sequence[bytes] = ()
    claims: Sequence[LaneKey] = ()


class StoreWorks(msgspec.Struct):
    """A probe was committed after a failure: pending commands may be written again."""


class LeaseCommitted(msgspec.Struct):
    ids: Sequence[bytes]


class LeaseStale(msgspec.Struct):
    """The store refused these leases: it holds an end, a wish to cancel, or something newer."""

    ids: Sequence[bytes]


class CancelRequested(msgspec.Struct):
    """The wish is being made durable; `reason` is said in the failure."""

    ids: Sequence[bytes]
    reason: str = "cancelled by its caller"


class CancelCommitted(msgspec.Struct):
    ids: Sequence[bytes]


class CancelStale(msgspec.Struct):
    """The store has nothing to cancel under these ids: they ended before, or are unknown."""

    ids: Sequence[bytes]


class CallerGone(msgspec.Struct):
    """A waiting caller's channel is gone; its invocations go on."""

    caller: int


class AccessChanged(msgspec.Struct):
    """The caller may no longer invoke these versions: what is queued of theirs is cancelled with a reason."""

    caller: int
    versions: Sequence[int]


class VersionPublished(msgspec.Struct):
    facts: VersionFacts


class VersionWithdrawn(msgspec.Struct):
    """`deleted`: it will not be served again, so nothing may wait for it."""

    version: int
    deleted: bool = False


class LimitChanged(msgspec.Struct):
    version: int
    concurrency: int | None


class Tick(msgspec.Struct):
    """Time has passed: leases, graces, back-offs, expiries and delayed refusals are looked at."""


Event = (
    Submitted
    | AcceptCommitted
    | AcceptRejected
    | Claimed
    | Recovered
    | WorkerJoined
    | Served
    | Credits
    | WorkerDisconnected
    | HeartbeatSeen
    | Draining
    | Started
    | Returned
    | Finished
    | StreamDelivered
    | CompleteCommitted
    | CompleteStale
    | CommitFailed
    | StoreWorks
    | LeaseCommitted
    | LeaseStale
    | CancelRequested
    | CancelCommitted
    | CancelStale
    | CallerGone
    | AccessChanged
    | VersionPublished
    | VersionWithdrawn
    | LimitChanged
    | Tick
)


@dataclass(slots=True, frozen=True)
class Limits:
    """Constants of the core; settings of the hub fill them in."""

    window_items: int = 65_536
    window_bytes: int = 256 * 1024 * 1024
    prefetch_seconds: float = 0.005
    lease_seconds: float = 10.0
    lease_margin_seconds: float = 2.0
    resume_grace_seconds: float = 30.0
    no_worker_grace_seconds: float = 5.0
    claim_batch: int = 1024
    average_weight: float = 0.2
    max_backoff_seconds: float = 60.0
