"""Turns: a level goes round the lanes of its callers, a pool of workers goes round the levels that wait.

A lane is first in, first out. Its head is in memory; when it runs low the store is asked for more, and until the answer
comes the lane gives way.
"""

from __future__ import annotations

from bisect import insort
from collections import deque

from farcall.hub.dispatch.events import Now
from farcall.hub.dispatch.records import Entry, Lane, Level, Pool, Version
from farcall.hub.dispatch.state import State

CLAIM_WHEN_FULL = 8  # a lane gets so many although the window is full: fairness holds over what is in the store too


def put(state: State, entry: Entry) -> None:
    """At the end of its lane."""
    entry.in_lane = True
    lane = entry.lane
    lane.ready.append(entry)
    if not lane.in_ring:
        wake(state, lane)
    version = lane.version
    if not version.touched:
        version.touched = True
        state.touched_versions.append(version)


def put_back(state: State, entry: Entry) -> None:
    """At the head of its lane: it had its turn before."""
    entry.in_lane = True
    lane = entry.lane
    lane.ready.appendleft(entry)
    if not lane.in_ring:
        wake(state, lane)
    state.touch_version(lane.version)


def wake(state: State, lane: Lane) -> None:
    """Give the lane a place in the round: the first one, if it gave way at its turn."""
    if lane.in_ring:
        return
    lane.in_ring = True
    if lane.owed:
        lane.owed = False
        lane.level.ring.appendleft(lane)
    else:
        lane.level.ring.append(lane)
    if lane.outstanding == 0:
        state.fresh_lanes.append(lane)


def take(state: State, level: Level, now: Now) -> Entry | None:
    """The next one whose turn it is, or None; lanes that have nothing in memory leave the round.

    What has expired costs its caller no turn; it ends when the turns are over.
    """
    ring = level.ring
    while ring:
        lane = ring[0]
        ready = lane.ready
        while ready:
            entry = ready.popleft()
            if not entry.in_lane:
                continue
            entry.in_lane = False
            expires_at = entry.invocation.expires_at
            if expires_at is not None and expires_at <= now.wall:
                state.expired.append(entry)
                continue
            if lane.stored:
                ask(state, lane)
            if not ready and (not lane.stored or lane.claiming):
                ring.popleft()
                lane.in_ring = False
            elif len(ring) > 1:
                ring.rotate(-1)
            return entry
        ring.popleft()
        lane.in_ring = False
        lane.owed = lane.stored > 0
        if lane.stored:
            ask(state, lane)
    return None


def ask(state: State, lane: Lane) -> None:
    """Ask the store for more of the lane if its head is low."""
    if lane.claiming or state.recovering or state.store_down:
        return
    limits = state.limits
    if state.window_full():
        low, limit = CLAIM_WHEN_FULL // 2, CLAIM_WHEN_FULL
    else:
        low = max(limits.claim_batch // 4, 1)
        room = limits.window_items - len(state.entries)
        limit = min(limits.claim_batch, max(room, CLAIM_WHEN_FULL))
    if lane.sweep:
        limit = limits.claim_batch
    elif len(lane.ready) >= low:
        return
    lane.claiming = True
    if not lane.after:
        lane.from_start = True
    state.out.seldom.claims.append((lane.key, limit, lane.after))


def leave_to_store(state: State, lane: Lane) -> None:
    """One more of this lane is in the store only."""
    lane.stored += 1
    lane.from_start = False  # a pass that goes on may be beyond it
    if not lane.claiming:
        wake(state, lane)
    state.touch_version(lane.version)


def waiting(lane: Lane) -> int:
    """How many wait in the lane: those in memory exactly, those in the store about."""
    return sum(entry.in_lane for entry in lane.ready) + lane.stored


def register(version: Version) -> None:
    """Let every pool of the version know that it waits."""
    for level in version.levels.values():
        if level.ring:
            for pool in version.pools:
                enter(pool, level)


def enter(pool: Pool, level: Level) -> None:
    """Give the level its place in the pool's round."""
    if level in pool.members:
        return
    pool.members.add(level)
    ring = pool.rings.get(level.priority)
    if ring is None:
        ring = pool.rings[level.priority] = deque()
        insort(pool.order, level.priority)
    ring.append(level)
