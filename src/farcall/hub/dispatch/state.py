"""Everything the core holds between two events, and the few words by which its parts change it."""

from __future__ import annotations

from random import Random

from farcall.domain.model import Completion, NewInvocation, fence
from farcall.domain.states import INVOCATION_TRANSITIONS, ImpossibleTransition, InvocationState, require
from farcall.hub.dispatch.events import LaneKey, Limits, Now
from farcall.hub.dispatch.outbox import Outbox
from farcall.hub.dispatch.records import Entry, Lane, Level, Pool, Reason, Version, Worker
from farcall.hub.dispatch.timers import Timers


class State:
    """Owned by one `Core`. `held_bytes` is what the arguments in memory take."""

    __slots__ = (
        "cancelling",
        "counter",
        "entries",
        "epoch",
        "expected",
        "expired",
        "fence_base",
        "fresh_lanes",
        "held_back",
        "held_bytes",
        "lanes",
        "limits",
        "orphans",
        "out",
        "pending_cancels",
        "pending_completes",
        "pending_requeues",
        "pools",
        "random",
        "recovering",
        "revoked",
        "store_down",
        "timers",
        "touched_versions",
        "touched_workers",
        "unseen_cancels",
        "versions",
        "workers",
    )

    def __init__(self, epoch: int, limits: Limits, random: Random) -> None:
        self.epoch = epoch
        self.limits = limits
        self.random = random
        self.fence_base = fence(epoch, 0)
        self.counter = 0
        self.entries: dict[bytes, Entry] = {}
        self.versions: dict[int, Version] = {}
        self.workers: dict[str, Worker] = {}
        self.lanes: dict[LaneKey, Lane] = {}
        self.pools: dict[frozenset[int], Pool] = {}
        self.out = Outbox()
        self.timers = Timers()
        self.held_bytes = 0
        self.touched_workers: list[Worker] = []  # have got room, or something to take
        self.touched_versions: list[Version] = []  # have got something to place
        self.fresh_lanes: list[Lane] = []  # have begun to wait, with nothing in any worker's hands
        self.expired: list[Entry] = []  # found at their turn
        # Cancels of what is not in the window: asked for; and committed while a worker may still come back with it.
        self.cancelling: dict[bytes, str] = {}
        self.unseen_cancels: dict[bytes, str] = {}
        self.orphans: dict[bytes, Completion] = {}  # outcomes on their way of what is not in the window
        self.revoked: set[tuple[int, int]] = set()  # (caller, version)
        # While the store fails, what must be written waits here.
        self.store_down = False
        self.pending_cancels: dict[bytes, None] = {}
        self.pending_requeues: dict[bytes, None] = {}
        self.pending_completes: dict[bytes, None] = {}
        # After a start, until the workers that were there have come back or had their time.
        self.recovering = False
        self.expected: set[str] = set()
        self.held_back: list[Entry] = []  # to be tried again, but not before

    # -- lanes and entries ---------------------------------------------------------------------------------------------

    def lane(self, version: Version, priority: int, caller: int) -> Lane:
        """The lane, made if need be."""
        key = (version.id, priority, caller)
        lane = self.lanes.get(key)
        if lane is None:
            level = version.levels.get(priority)
            if level is None:
                level = version.levels[priority] = Level(version, priority)
                version.order = sorted(version.levels, reverse=True)
            lane = self.lanes[key] = level.lanes[caller] = Lane(key, level)
        return lane

    def admit(self, invocation: NewInvocation, lane: Lane, accepted: bool) -> Entry:
        """Take an invocation into the window."""
        entry = Entry(invocation, lane, invocation.tries_left, accepted)
        self.entries[invocation.id] = entry
        self.held_bytes += len(invocation.arguments)
        lane.held += 1
        return entry

    def forget(self, entry: Entry) -> None:
        """Drop it from the window. A dead one may still be in its lane's queue, which skips it."""
        del self.entries[entry.invocation.id]
        entry.lane.held -= 1
        self.held_bytes -= len(entry.invocation.arguments)
        entry.in_lane = False
        entry.lane.version.backing_off.pop(entry.invocation.id, None)

    def is_revoked(self, lane: Lane) -> bool:
        """Whether its caller may not make these calls any more."""
        return (lane.caller, lane.version.id) in self.revoked

    def window_full(self) -> bool:
        return len(self.entries) >= self.limits.window_items or self.held_bytes >= self.limits.window_bytes

    # -- what to look at before the event is over ----------------------------------------------------------------------

    def touch_worker(self, worker: Worker) -> None:
        if not worker.touched:
            worker.touched = True
            self.touched_workers.append(worker)

    def touch_version(self, version: Version) -> None:
        if not version.touched:
            version.touched = True
            self.touched_versions.append(version)

    # -- the timeline --------------------------------------------------------------------------------------------------

    def note(self, entry: Entry, now: Now, what: str, detail: str, at: float | None = None, **facts: object) -> None:
        """Remember something out of the ordinary, here and in the store; `at` (wall) if it was earlier."""
        if at is not None:
            facts["at"] = at
        if entry.notes is None:
            entry.notes = []
        entry.notes.append(Reason(now.wall if at is None else at, what, detail))
        self.out.seldom.remembered.append((entry.invocation.id, what, {"detail": detail, **facts}))


def change(entry: Entry, new: InvocationState) -> None:
    """Move along the table; raises ImpossibleTransition."""
    entry.state = require(INVOCATION_TRANSITIONS, entry.state, new)


def holder(entry: Entry) -> Worker:
    """The worker of its latest attempt; raises for one that was never placed, which is a defect of ours."""
    if entry.worker is None:
        raise ImpossibleTransition("an attempt without a worker")
    return entry.worker
