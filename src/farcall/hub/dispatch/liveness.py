"""Leases lapse and graces end: when a worker is given up, and when its silence confirms a cancel."""

from __future__ import annotations

from farcall.domain.states import AttemptState, WorkerState
from farcall.hub.dispatch import ends, retries
from farcall.hub.dispatch.eligibility import set_state, withdraw
from farcall.hub.dispatch.events import Now
from farcall.hub.dispatch.records import Worker
from farcall.hub.dispatch.state import State

CONNECTED = (WorkerState.READY, WorkerState.DRAINING)


def check_away(state: State, worker: Worker, now: Now) -> None:
    """Its grace is over, unless it came back meanwhile."""
    here = state.workers.get(worker.boot) is worker
    if here and worker.state is WorkerState.AWAY and worker.away_until_mono <= now.mono:
        _lose(state, worker, now, "it was disconnected for longer than the grace")


def lapses_mono(state: State, worker: Worker) -> float:
    """When whatever it runs has been stopped by itself, if nothing more is heard of it."""
    return worker.last_seen_mono + state.limits.lease_seconds + state.limits.lease_margin_seconds


def check_lease(state: State, worker: Worker, now: Now) -> None:
    """Lost, if it is connected but silent; otherwise look again when its lease would lapse."""
    worker.lease_armed = False
    if state.workers.get(worker.boot) is not worker or worker.state not in CONNECTED:
        return
    lapses = lapses_mono(state, worker)
    if lapses > now.mono:
        worker.lease_armed = True
        state.timers.at_mono(lapses, check_lease, worker)
        return
    set_state(state, worker, WorkerState.AWAY, now)
    _lose(state, worker, now, "it was silent until its lease had lapsed")


def _lose(state: State, worker: Worker, now: Now, why: str) -> None:
    set_state(state, worker, WorkerState.LOST, now)
    for entry in list(worker.open.values()):
        if not entry.leasing:  # never offered; it comes back when the store has answered
            retries.lost(state, entry, now, why)
    withdraw(state, worker)
    state.out.seldom.gone.append((worker.boot, WorkerState.LOST.label))


def await_silence(state: State, worker: Worker) -> None:
    """A worker that is away stops by itself when its lease lapses: only then its cancels are confirmed."""
    state.timers.at_mono(lapses_mono(state, worker), _confirm_cancels, worker)


def _confirm_cancels(state: State, worker: Worker, now: Now) -> None:
    if state.workers.get(worker.boot) is not worker or worker.state is not WorkerState.AWAY:
        return
    if lapses_mono(state, worker) > now.mono:
        await_silence(state, worker)
        return
    for entry in [entry for entry in worker.open.values() if entry.cancel_committed and not entry.leasing]:
        ends.close_attempt(state, entry, AttemptState.CANCELLED)
        ends.end_cancelled(state, entry, now, entry.fence)
