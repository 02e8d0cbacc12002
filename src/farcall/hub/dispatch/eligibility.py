"""Which workers a version has, and which versions a worker: kept up to date as workers come, go and change."""

from __future__ import annotations

from farcall.domain.states import WORKER_TRANSITIONS, WorkerState, require
from farcall.hub.dispatch import waits
from farcall.hub.dispatch.events import Now
from farcall.hub.dispatch.lanes import enter
from farcall.hub.dispatch.records import Pool, Version, Worker
from farcall.hub.dispatch.state import State


def set_state(state: State, worker: Worker, new: WorkerState, now: Now) -> None:
    """Move along the table; a version that has its first or loses its last ready worker takes note."""
    was_ready = worker.state is WorkerState.READY
    worker.state = require(WORKER_TRANSITIONS, worker.state, new)
    ready = new is WorkerState.READY
    if ready != was_ready:
        for version in worker.versions.values():
            _count(state, version, 1 if ready else -1, now)


def _count(state: State, version: Version, change: int, now: Now) -> None:
    version.ready += change
    if version.ready == 0 and change < 0:
        waits.begin_grace(state, version, now)
    elif version.ready:
        version.grace_until_mono = None


def reassign(state: State, worker: Worker, now: Now) -> None:
    """After a change of what it serves or has: eligible versions, and the pool that follows from them."""
    wanted = {
        identifier: version
        for identifier, version in worker.served.items()
        if identifier not in worker.unknown and not waits.missing_of(version, worker.resources)
    }
    ready = worker.state is WorkerState.READY
    for identifier, version in wanted.items():
        if identifier not in worker.versions:
            worker.versions[identifier] = version
            version.eligible[worker.boot] = worker
            if ready:
                _count(state, version, 1, now)
    for identifier in [known for known in worker.versions if known not in wanted]:
        version = worker.versions.pop(identifier)
        del version.eligible[worker.boot]
        if ready:
            _count(state, version, -1, now)
    _join_pool(state, worker)
    reopen(state, worker)


def reopen(state: State, worker: Worker) -> None:
    """Let every version it may take look at it again, and let it look at what waits."""
    for version in worker.versions.values():
        if version.id not in worker.in_open:
            worker.in_open.add(version.id)
            version.open.append(worker)
        state.touch_version(version)
    worker.parked.clear()
    state.touch_worker(worker)


def _join_pool(state: State, worker: Worker) -> None:
    key = frozenset(worker.versions)
    pool = state.pools.get(key)
    if worker.pool is pool and pool is not None:
        return
    leave_pool(state, worker)
    if not key:
        return
    if pool is None:
        pool = state.pools[key] = Pool(list(worker.versions.values()))
        for version in pool.versions:
            version.pools.append(pool)
            for level in version.levels.values():
                if level.ring:
                    enter(pool, level)
    pool.workers += 1
    worker.pool = pool


def leave_pool(state: State, worker: Worker) -> None:
    pool = worker.pool
    worker.pool = None
    if pool is None:
        return
    pool.workers -= 1
    if pool.workers == 0:
        del state.pools[frozenset(version.id for version in pool.versions)]
        for version in pool.versions:
            version.pools.remove(pool)


def withdraw(state: State, worker: Worker) -> None:
    """It has gone for good (and is not READY any more)."""
    for version in worker.served.values():
        version.serving.pop(worker.boot, None)
    for version in worker.versions.values():
        version.eligible.pop(worker.boot, None)
    worker.served.clear()
    worker.versions.clear()
    leave_pool(state, worker)
    del state.workers[worker.boot]
