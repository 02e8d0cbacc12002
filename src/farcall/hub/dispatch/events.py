"""What the core is told. Batches are the rule: one event may carry thousands of items.

`Now` comes with every event; the core has no clock of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from farcall.domain.errors import Failure
from farcall.domain.model import FunctionOptions, NewInvocation
from farcall.domain.states import AttemptState

LaneKey = tuple[int, int, int]  # (version, priority, caller)


class Now(NamedTuple):
    """`mono` for leases and timeouts, `wall` for durable deadlines; both in seconds."""

    mono: float
    wall: float


@dataclass(slots=True)
class VersionFacts:
    """What the core must know of a version before anything of it is submitted or claimed."""

    version: int
    name: str
    options: FunctionOptions


@dataclass(slots=True)
class Submitted:
    """New invocations whose access and arguments were checked.

    `eager`: the caller waits for the result, so the first offer may precede the commit (never for `never_twice`).
    `acknowledge`: the caller wants to hear of the commit.
    """

    version: int
    items: Sequence[NewInvocation]
    eager: bool
    acknowledge: bool


@dataclass(slots=True)
class AcceptCommitted:
    """`acknowledge`: the caller wants to hear of it."""

    ids: Sequence[bytes]
    acknowledge: bool = True


@dataclass(slots=True)
class AcceptRejected:
    """Not accepted after all: duplicate, conflict, or access changed. An open attempt is cancelled."""

    ids: Sequence[bytes]


@dataclass(slots=True)
class Claimed:
    """The store's answer to a `Claim`. `exhausted`: the lane has no more. Neither that nor items: the claim failed."""

    lane: LaneKey
    items: Sequence[Reclaimed]
    exhausted: bool


@dataclass(slots=True)
class Reclaimed:
    """A queued invocation that comes (back) from the store; `fence` of a recorded lease, or 0."""

    invocation: NewInvocation
    attempts: int = 0
    fence: int = 0
    worker: str = ""
    cancelled: bool = False


@dataclass(slots=True)
class Recovered:
    """First event after a start: what the store holds. Boots that had presence may resume until `grace_until` (mono).

    Nothing recovered is offered before every boot in `expected` has joined again or the grace is over.
    """

    lanes: Sequence[tuple[LaneKey, int]]
    leased: Sequence[Reclaimed]
    expected: Sequence[str]
    served: Sequence[int]  # versions that had presence before the stop
    grace_until: float


@dataclass(slots=True)
class Resumed:
    """What a worker that (re)joined still holds; `invocation` is the store's record if it is known and not final."""

    id: bytes
    fence: int
    queued: Reclaimed | None = None


@dataclass(slots=True)
class WorkerJoined:
    """A worker registered (again). A boot that is AWAY returns; an unknown boot is somebody new."""

    worker: str
    account: int
    slots: int
    credit: int
    resources: dict[str, int | float | str | bool]
    resumes: Sequence[Resumed] = ()


@dataclass(slots=True)
class Served:
    """The full list of versions that the worker serves from now on."""

    worker: str
    versions: Sequence[int]


@dataclass(slots=True)
class Credits:
    worker: str
    credit: int


@dataclass(slots=True)
class WorkerDisconnected:
    worker: str


@dataclass(slots=True)
class HeartbeatSeen:
    worker: str


@dataclass(slots=True)
class Draining:
    worker: str


@dataclass(slots=True)
class Started:
    worker: str
    items: Sequence[tuple[bytes, int]]


@dataclass(slots=True)
class Returned:
    """(id, fence, reason): never started."""

    worker: str
    items: Sequence[tuple[bytes, int, str]]


@dataclass(slots=True)
class Finish:
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


@dataclass(slots=True)
class Finished:
    worker: str
    items: Sequence[FinishLike]


@dataclass(slots=True)
class StreamDelivered:
    """At least one item of this attempt's stream reached the caller."""

    id: bytes
    fence: int


@dataclass(slots=True)
class CompleteCommitted:
    ids: Sequence[bytes]


@dataclass(slots=True)
class CompleteStale:
    """The store refused these outcomes: what it holds is final already, or newer."""

    items: Sequence[tuple[bytes, int]]


@dataclass(slots=True)
class CommitFailed:
    """A transaction was rolled back. Accepts in it are refused; the rest is written again when the store works."""

    accepts: Sequence[bytes] = ()
    leases: Sequence[bytes] = ()
    completes: Sequence[bytes] = ()
    requeues: Sequence[bytes] = ()
    cancels: Sequence[bytes] = ()
    claims: Sequence[LaneKey] = ()


@dataclass(slots=True)
class StoreWorks:
    """A probe was committed after a failure: pending commands may be written again."""


@dataclass(slots=True)
class LeaseCommitted:
    ids: Sequence[bytes]


@dataclass(slots=True)
class LeaseStale:
    """The store refused these leases: it holds an end, a wish to cancel, or something newer."""

    ids: Sequence[bytes]


@dataclass(slots=True)
class CancelRequested:
    """The wish is being made durable; `reason` is said in the failure."""

    ids: Sequence[bytes]
    reason: str = "cancelled by its caller"


@dataclass(slots=True)
class CancelCommitted:
    ids: Sequence[bytes]


@dataclass(slots=True)
class CancelStale:
    """The store has nothing to cancel under these ids: they ended before, or are unknown."""

    ids: Sequence[bytes]


@dataclass(slots=True)
class CallerGone:
    """A waiting caller's channel is gone; its invocations go on."""

    caller: int


@dataclass(slots=True)
class AccessChanged:
    """The caller may no longer invoke these versions: what is queued of theirs is cancelled with a reason."""

    caller: int
    versions: Sequence[int]


@dataclass(slots=True)
class VersionPublished:
    facts: VersionFacts


@dataclass(slots=True)
class VersionWithdrawn:
    """`deleted`: it will not be served again, so nothing may wait for it."""

    version: int
    deleted: bool = False


@dataclass(slots=True)
class LimitChanged:
    version: int
    concurrency: int | None


@dataclass(slots=True)
class Tick:
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
