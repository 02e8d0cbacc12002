"""What the core remembers: one record per invocation, lane, version and worker.

Wall times end in `_at`, monotonic ones in `_mono`, both in seconds. Records know nothing of each other's rules.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import msgspec

from farcall.domain.errors import Failure
from farcall.domain.model import Completion, NewInvocation
from farcall.domain.states import AttemptState, InvocationState, WorkerState

if TYPE_CHECKING:
    from farcall.hub.dispatch.effects import RequeueRow
    from farcall.hub.dispatch.events import LaneKey, VersionFacts


@dataclass(slots=True, frozen=True)
class Reason:
    """One line of a timeline: when (wall), a code, and a sentence."""

    at: float
    what: str
    detail: str


@dataclass(slots=True, frozen=True)
class Underway:
    """An attempt that has started: on which worker, the how manieth, and since when (wall)."""

    boot: str
    attempt: int
    started_at: float


class Entry(msgspec.Struct, eq=False):
    """An invocation in the window, from its submission until its outcome is committed.

    `attempt` is the state of the current attempt (None: none is open); `fence` is that of the latest one.
    """

    invocation: NewInvocation
    lane: Lane
    tries_left: int
    accepted: bool
    overflow: bool = False  # over the window: once committed, it is left to the store
    state: InvocationState = InvocationState.QUEUED
    in_lane: bool = False
    attempts: int = 0
    fence: int = 0
    worker: Worker | None = None
    attempt: AttemptState | None = None
    leasing: bool = False  # the attempt's lease is being committed; it has not been offered
    estimate: float = 0.0
    offered_at: float = 0.0
    started_at: float = 0.0
    recalled: bool = False
    streamed: bool = False
    setbacks: int = 0  # returns that were answered with a delay
    recovered: bool = False  # from before the restart: a worker that is not back yet may have a later attempt
    rejected: bool = False  # not accepted after all; kept only until its outcome comes back from the store
    outcome: Completion | None = None
    cancel: str | None = None
    cancel_committed: bool = False
    due_at: float = 0.0  # backing off until then
    requeue: RequeueRow | None = None  # the last one written
    failure: Failure | None = None  # of the last lost attempt
    notes: list[Reason] | None = None


class Lane:
    """What one caller has waiting of one version at one priority: a head in memory, the rest in the store."""

    __slots__ = (
        "after",
        "caller",
        "claiming",
        "expiry_at",
        "from_start",
        "held",
        "in_ring",
        "key",
        "level",
        "outstanding",
        "owed",
        "ready",
        "recalled",
        "stored",
        "sweep",
        "sweep_again",
        "swept_at",
        "version",
    )

    def __init__(self, key: LaneKey, level: Level) -> None:
        self.key = key
        self.caller = key[2]
        self.level = level
        self.version = level.version
        self.ready: deque[Entry] = deque()  # also dead ones, told by `in_lane`
        self.in_ring = False
        self.held = 0  # entries in the window, in whatever state
        self.owed = False  # it gave way at its turn, having to ask the store
        self.outstanding = 0  # attempts that are open
        self.recalled = False  # a recall was made for it since its last turn
        self.stored = 0  # about how many more are in the store
        self.claiming = False
        self.expiry_at = inf  # the earliest expiry of what is in the store, as far as it is known (wall)
        self.after = b""  # the last id taken from the store
        self.from_start = True  # this pass over the store began at the lane's start
        self.sweep = False  # look through all that is stored, to end what has to end
        self.sweep_again = False
        self.swept_at = -inf  # for expiries (wall)


class Level:
    """The lanes of one version at one priority; `ring` holds those with something to give, next turn first."""

    __slots__ = ("lanes", "priority", "ring", "version")

    def __init__(self, version: Version, priority: int) -> None:
        self.version = version
        self.priority = priority
        self.lanes: dict[int, Lane] = {}
        self.ring: deque[Lane] = deque()


class Version:
    """A version, and who serves it. `open` holds workers that may have room, least recently used first."""

    __slots__ = (
        "backing_off",
        "deleted",
        "eligible",
        "facts",
        "grace_until_mono",
        "id",
        "lease_first",
        "levels",
        "limit",
        "open",
        "options",
        "order",
        "pools",
        "ready",
        "running",
        "serving",
        "throttled",
        "touched",
        "withdrawn",
    )

    def __init__(self, facts: VersionFacts) -> None:
        self.id = facts.version
        self.facts = facts
        self.options = facts.options
        self.limit = facts.options.concurrency
        self.lease_first = facts.options.never_twice
        self.levels: dict[int, Level] = {}
        self.order: list[int] = []  # priorities, highest first
        self.serving: dict[str, Worker] = {}  # whoever says that it serves it
        self.eligible: dict[str, Worker] = {}  # … and has what it requires
        self.ready = 0  # of these, how many are READY
        self.open: deque[Worker] = deque()
        self.pools: list[Pool] = []
        self.running = 0  # open attempts
        self.throttled = False  # its limit kept something back
        self.touched = False
        self.withdrawn = False
        self.deleted = False
        self.grace_until_mono: float | None = None
        self.backing_off: dict[bytes, Entry] = {}


class Pool:
    """Workers that serve exactly the same versions; they take turns over the levels that have something waiting."""

    __slots__ = ("members", "order", "rings", "versions", "workers")

    def __init__(self, versions: list[Version]) -> None:
        self.versions = versions
        self.workers = 0
        self.rings: dict[int, deque[Level]] = {}
        self.order: list[int] = []  # priorities, lowest first
        self.members: set[Level] = set()


class Worker:
    """A worker's boot. `open` holds its open attempts, oldest offer first."""

    __slots__ = (
        "account",
        "averages",
        "away_until_mono",
        "backlog",
        "base",
        "blocked",
        "boot",
        "credit",
        "in_open",
        "last_seen_mono",
        "lease_armed",
        "long",
        "open",
        "parked",
        "pool",
        "resources",
        "served",
        "slots",
        "state",
        "touched",
        "unknown",
        "versions",
    )

    def __init__(self, boot: str, account: int) -> None:
        self.boot = boot
        self.account = account
        self.state = WorkerState.CONNECTING
        self.slots = 0
        self.credit = 0
        self.base = 0  # so many may be there without an estimate
        self.resources: dict[str, int | float | str | bool] = {}
        self.served: dict[int, Version] = {}
        self.versions: dict[int, Version] = {}  # eligible ones
        self.unknown: set[int] = set()  # it said that it does not know them after all
        self.pool: Pool | None = None
        self.open: dict[bytes, Entry] = {}
        self.averages: dict[int, float] = {}  # seconds per version, moving
        self.backlog = 0.0  # seconds of work offered, of short ones
        self.long = 0  # open attempts that are longer than the prefetch, or were never measured
        self.blocked = False  # the next turn needs a free slot: nobody may overtake by prefetch
        self.parked: list[Version] = []  # versions in whose `open` it is missing for want of room
        self.in_open: set[int] = set()
        self.touched = False
        self.last_seen_mono = 0.0
        self.away_until_mono = 0.0
        self.lease_armed = False
