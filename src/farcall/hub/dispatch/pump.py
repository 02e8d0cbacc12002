"""Brings what waits and who has room together, at the end of every event.

Two ways lead here: a worker that got room takes turns over everything that waits for it (`_fill`); a version that got
something new goes round its workers (`_push`). Prefetch beyond the slots is bounded by the estimated waiting time.
"""

from __future__ import annotations

from farcall.domain.states import (
    INVOCATION_TRANSITIONS,
    AttemptState,
    ImpossibleTransition,
    InvocationState,
    WorkerState,
)
from farcall.hub.dispatch import ends
from farcall.hub.dispatch.effects import Offered
from farcall.hub.dispatch.events import Now
from farcall.hub.dispatch.lanes import register, take
from farcall.hub.dispatch.placement import POLICIES, Candidate, Wanted, round_robin
from farcall.hub.dispatch.records import Entry, Lane, Level, Pool, Version, Worker
from farcall.hub.dispatch.state import State

_READY = WorkerState.READY
_RUNNING = InvocationState.RUNNING
_LEASED = AttemptState.LEASED
RECALL_WORKERS = 4  # so many are looked at to make room for a caller's first


def pump(state: State, now: Now) -> None:
    """Place whatever can be placed. While the store fails nothing new is begun."""
    if state.store_down:
        return
    if state.touched_workers:
        for version in state.touched_versions:
            register(version)
        workers, state.touched_workers = state.touched_workers, []
        for worker in workers:
            worker.touched = False
            _fill(state, worker, now)
    if state.touched_versions:
        versions, state.touched_versions = state.touched_versions, []
        for version in versions:
            version.touched = False
            _push(state, version, now)
    if state.expired:
        for entry in state.expired:
            ends.expire(state, entry, now)
        state.expired.clear()
    if state.fresh_lanes:
        lanes, state.fresh_lanes = state.fresh_lanes, []
        for lane in lanes:
            if lane.in_ring and lane.ready and not lane.recalled and not lane.outstanding:
                _recall_for(state, lane)


def _has_room(state: State, worker: Worker) -> bool:
    """For anything at all."""
    outstanding = len(worker.open)
    if outstanding < worker.base:
        return True
    free = worker.slots - worker.long
    return outstanding < worker.credit and free > 0 and worker.backlog < state.limits.prefetch_seconds * free


def _fill(state: State, worker: Worker, now: Now) -> None:
    worker.blocked = False
    pool = worker.pool
    if worker.state is not _READY or pool is None:
        return
    while True:
        if not _has_room(state, worker):
            return
        entry = _next_turn(state, pool, worker, now)
        if entry is None:
            break
        place(state, worker, entry, now)
    for version in worker.parked:
        if version.id not in worker.in_open and version.id in worker.versions:
            worker.in_open.add(version.id)
            version.open.append(worker)
    worker.parked.clear()


def _next_turn(state: State, pool: Pool, worker: Worker, now: Now) -> Entry | None:
    while pool.order:
        priority = pool.order[-1]
        ring = pool.rings[priority]
        while ring:
            level = ring[0]
            version = level.version
            if not level.ring:
                pool.members.discard(ring.popleft())
            elif version.limit is not None and version.running >= version.limit:
                version.throttled = True
                pool.members.discard(ring.popleft())
            elif len(worker.open) >= worker.base and version.id not in worker.averages:
                worker.blocked = True  # never measured: it waits for a free slot, and nobody overtakes it
                return None
            else:
                entry = take(state, level, now)
                if entry is not None:
                    if len(ring) > 1:
                        ring.rotate(-1)
                    return entry
        del pool.rings[pool.order.pop()]
    return None


def _push(state: State, version: Version, now: Now) -> None:
    while True:
        level = top(version)
        if level is None:
            return
        if version.limit is not None and version.running >= version.limit:
            version.throttled = True
            return
        worker = _choose(state, version)
        if worker is None:
            register(version)
            return
        entry = take(state, level, now)
        if entry is not None:
            place(state, worker, entry, now)


def top(version: Version) -> Level | None:
    """The highest priority at which anything waits."""
    for priority in version.order:
        level = version.levels[priority]
        if level.ring:
            return level
    return None


def _choose(state: State, version: Version) -> Worker | None:
    policy = POLICIES.get(version.options.policy, round_robin)
    ring = version.open
    identifier = version.id
    candidates: list[Worker] = []
    while ring:
        worker = ring.popleft()
        if (
            worker.state is _READY
            and identifier in worker.versions
            and (
                len(worker.open) < worker.base
                or (not worker.blocked and identifier in worker.averages and _has_room(state, worker))
            )
        ):
            if policy is round_robin:
                ring.append(worker)
                return worker
            candidates.append(worker)
        else:
            worker.in_open.discard(identifier)
            worker.parked.append(version)
    if not candidates:
        return None
    choice = policy(
        {},
        [Candidate(w.boot, w.slots, max(0, w.slots - len(w.open)), w.resources) for w in candidates],
        Wanted(identifier, version.facts.name),
    )
    chosen = None if choice is None else candidates.pop(choice)
    ring.extend(candidates)
    if chosen is not None:
        ring.append(chosen)
    return chosen


def place(state: State, worker: Worker, entry: Entry, now: Now) -> None:
    """Open an attempt: the offer goes out, or for what must not run twice first the lease to the store."""
    invocation = entry.invocation
    if _RUNNING not in INVOCATION_TRANSITIONS[entry.state] or entry.attempt is not None:
        raise ImpossibleTransition(f"an attempt was opened for an invocation that is {entry.state.label}")
    lane = entry.lane
    version = lane.version
    state.counter = counter = state.counter + 1
    entry.state = _RUNNING
    entry.attempt = _LEASED
    entry.fence = fence = state.fence_base | counter
    entry.worker = worker
    entry.attempts = attempt = entry.attempts + 1
    entry.offered_at = now.wall
    entry.started_at = 0.0
    entry.recalled = False
    worker.open[invocation.id] = entry
    version.running += 1
    lane.outstanding += 1
    lane.recalled = False
    estimate = worker.averages.get(version.id)
    if estimate is None or estimate > state.limits.prefetch_seconds:
        entry.estimate = -1.0
        worker.long += 1
    else:
        entry.estimate = estimate
        worker.backlog += estimate
    if version.lease_first or invocation.key:
        entry.leasing = True
        state.out.seldom.leases.append((invocation.id, fence, worker.boot, attempt))
        return
    offers = state.out.offers.get(worker.boot)
    if offers is None:
        state.out.offers[worker.boot] = [Offered(invocation, fence, attempt)]
    else:
        offers.append(Offered(invocation, fence, attempt))


def _recall_for(state: State, lane: Lane) -> None:
    """Nothing of this caller is with any worker: take back from one what others have there unstarted."""
    eligible = lane.version.eligible
    for _, worker in zip(range(RECALL_WORKERS), eligible.values(), strict=False):
        if worker.state is not _READY or len(worker.open) <= worker.base:
            continue
        items = [
            (entry.invocation.id, entry.fence)
            for index, entry in enumerate(worker.open.values())
            if index >= worker.slots
            and entry.attempt is _LEASED
            and not entry.recalled
            and not entry.leasing
            and entry.lane is not lane
            and entry.lane.level.priority <= lane.level.priority
        ]
        if items:
            for identifier, _ in items:
                state.entries[identifier].recalled = True
            lane.recalled = True
            state.out.seldom.recalls.setdefault(worker.boot, []).extend(items)
            return
