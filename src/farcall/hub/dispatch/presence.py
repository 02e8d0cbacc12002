"""Workers come, are silent, are away, return, leave."""

from __future__ import annotations

from farcall.domain.states import WorkerState
from farcall.hub.dispatch import recovery
from farcall.hub.dispatch.eligibility import reassign, reopen, set_state, withdraw
from farcall.hub.dispatch.events import (
    Credits,
    Draining,
    HeartbeatSeen,
    Now,
    Served,
    WorkerDisconnected,
    WorkerJoined,
)
from farcall.hub.dispatch.liveness import CONNECTED, await_silence, check_away, check_lease, lapses_mono
from farcall.hub.dispatch.records import Worker
from farcall.hub.dispatch.state import State


def joined(state: State, event: WorkerJoined, now: Now) -> None:
    worker = state.workers.get(event.worker)
    if worker is None:
        worker = state.workers[event.worker] = Worker(event.worker, event.account)
    elif worker.state in CONNECTED:
        set_state(state, worker, WorkerState.AWAY, now)  # its new channel came before the old one's end was noticed
    worker.slots = event.slots
    _set_credit(worker, event.credit)
    worker.resources = event.resources
    worker.last_seen_mono = now.mono
    worker.unknown.clear()
    set_state(state, worker, WorkerState.READY, now)
    reassign(state, worker, now)
    recovery.reconcile(state, worker, event.resumes, now)
    if not worker.lease_armed:
        worker.lease_armed = True
        state.timers.at_mono(lapses_mono(state, worker), check_lease, worker)
    state.expected.discard(worker.boot)
    if state.recovering and not state.expected:
        recovery.over(state, None, now)


def served(state: State, event: Served, now: Now) -> None:
    worker = state.workers.get(event.worker)
    if worker is None:
        return
    new = {identifier: state.versions[identifier] for identifier in event.versions}
    for identifier in [known for known in worker.served if known not in new]:
        worker.served.pop(identifier).serving.pop(worker.boot, None)
    for identifier, version in new.items():
        worker.served[identifier] = version
        version.serving[worker.boot] = worker
        version.withdrawn = version.deleted = False
    worker.unknown.clear()
    reassign(state, worker, now)


def credit_given(state: State, event: Credits, now: Now) -> None:
    worker = state.workers.get(event.worker)
    if worker is not None:
        worker.last_seen_mono = now.mono
        _set_credit(worker, event.credit)
        reopen(state, worker)


def _set_credit(worker: Worker, credit: int) -> None:
    worker.credit = credit
    worker.base = min(worker.slots, credit)


def heartbeat_seen(state: State, event: HeartbeatSeen, now: Now) -> None:
    worker = state.workers.get(event.worker)
    if worker is not None:
        worker.last_seen_mono = now.mono


def draining(state: State, event: Draining, now: Now) -> None:
    worker = state.workers.get(event.worker)
    if worker is not None and worker.state is WorkerState.READY:
        worker.last_seen_mono = now.mono
        set_state(state, worker, WorkerState.DRAINING, now)


def disconnected(state: State, event: WorkerDisconnected, now: Now) -> None:
    worker = state.workers.get(event.worker)
    if worker is None or worker.state not in CONNECTED:
        return
    if worker.state is WorkerState.DRAINING and not worker.open:
        set_state(state, worker, WorkerState.GONE, now)
        withdraw(state, worker)
        state.out.seldom.gone.append((worker.boot, WorkerState.GONE.label))
        return
    set_state(state, worker, WorkerState.AWAY, now)
    worker.away_until_mono = now.mono + state.limits.resume_grace_seconds
    state.timers.at_mono(worker.away_until_mono, check_away, worker)
    if any(entry.cancel_committed for entry in worker.open.values()):
        await_silence(state, worker)
