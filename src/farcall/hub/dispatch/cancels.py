"""Cancelling: the wish is made durable, then what waits ends, then what runs is stopped and confirmed by its worker."""

from __future__ import annotations

from farcall.domain.states import AttemptState, WorkerState
from farcall.hub.dispatch import ends, recovery, waits
from farcall.hub.dispatch.events import (
    AccessChanged,
    CallerGone,
    CancelCommitted,
    CancelRequested,
    CancelStale,
    Now,
)
from farcall.hub.dispatch.liveness import await_silence
from farcall.hub.dispatch.records import Entry, Worker
from farcall.hub.dispatch.state import State, holder


def cancel_requested(state: State, event: CancelRequested, now: Now) -> None:
    for identifier in event.ids:
        entry = state.entries.get(identifier)
        if entry is None:
            if identifier in state.orphans:
                continue
            state.cancelling[identifier] = event.reason
        elif entry.outcome is not None or entry.cancel is not None:
            continue
        else:
            entry.cancel = event.reason
            entry.in_lane = False
            entry.lane.version.backing_off.pop(identifier, None)
            state.note(entry, now, "cancel_requested", event.reason)
        if state.store_down:
            state.pending_cancels[identifier] = None
        else:
            state.out.seldom.cancels.append(identifier)


def cancel_committed(state: State, event: CancelCommitted, now: Now) -> None:
    for identifier in event.ids:
        reason = state.cancelling.pop(identifier, None) or "cancelled by its caller"
        entry = state.entries.get(identifier)
        if entry is not None:
            _flagged(state, entry, reason, now)
        elif state.recovering:
            state.unseen_cancels[identifier] = reason
        elif identifier not in state.orphans:
            recovery.cancel_stored(state, identifier, reason, now)


def _flagged(state: State, entry: Entry, reason: str, now: Now) -> None:
    entry.cancel = entry.cancel or reason
    entry.cancel_committed = True
    entry.in_lane = False
    if entry.outcome is not None or entry.leasing:
        return
    if entry.attempt is None:
        ends.end_cancelled(state, entry, now)
        return
    worker = holder(entry)
    if worker.state is WorkerState.AWAY:
        await_silence(state, worker)
    else:
        state.out.stop(worker.boot, entry.invocation.id, entry.fence)


def cancel_stale(state: State, event: CancelStale, now: Now) -> None:
    for identifier in event.ids:
        state.cancelling.pop(identifier, None)


def access_changed(state: State, event: AccessChanged, now: Now) -> None:
    """End what waits of this caller; what runs, runs on."""
    for identifier in event.versions:
        version = state.versions.get(identifier)
        if version is None:
            continue
        state.revoked.add((event.caller, identifier))
        waiting = [entry for entry in version.backing_off.values() if entry.lane.caller == event.caller]
        for level in version.levels.values():
            lane = level.lanes.get(event.caller)
            if lane is None:
                continue
            waiting.extend(entry for entry in lane.ready if entry.in_lane)
            if lane.stored:
                waits.begin_sweep(state, lane.key)
        for entry in waiting:
            ends.end_revoked(state, entry, now)
        for worker in state.workers.values():
            _take_back(state, worker, event.caller, identifier)


def _take_back(state: State, worker: Worker, caller: int, version: int) -> None:
    """What was sent ahead and waits at the worker ends when it comes back; what has started there stays."""
    keys = [
        (entry.invocation.id, entry.fence)
        for entry in worker.open.values()
        if (entry.lane.caller, entry.lane.version.id) == (caller, version)
        and entry.attempt is AttemptState.LEASED
        and not entry.leasing
    ]
    if keys and worker.state is not WorkerState.AWAY:
        state.out.seldom.recalls.setdefault(worker.boot, []).extend(keys)


def caller_gone(state: State, event: CallerGone, now: Now) -> None:
    """Its invocations go on; only its empty lanes are forgotten."""
    for key in [key for key in state.lanes if key[2] == event.caller]:
        lane = state.lanes[key]
        if not (lane.held or lane.stored or lane.claiming or lane.in_ring):
            del state.lanes[key]
            del lane.level.lanes[event.caller]
