"""When the store fails: nothing new is begun, what was promised waits and is written again when it works."""

from __future__ import annotations

from farcall.hub.dispatch import ends, intake, recovery, retries
from farcall.hub.dispatch.events import CommitFailed, Now, StoreWorks
from farcall.hub.dispatch.state import State


def commit_failed(state: State, event: CommitFailed, now: Now) -> None:
    state.store_down = True
    refused = []
    for identifier in event.accepts:
        entry = state.entries.get(identifier)
        if entry is not None and not entry.accepted:
            refused.append(identifier)
            intake.reject(state, entry)
    if refused:
        state.out.seldom.refused.append((refused, intake.UNAVAILABLE))
    for identifier in event.leases:
        entry = state.entries.get(identifier)
        if entry is not None and entry.leasing:
            retries.give_back(state, entry, now, "not_offered", recorded=False)
    for identifier in event.completes:
        entry = state.entries.get(identifier)
        if entry is not None and entry.rejected:
            ends.discard_rejected(state, entry)
        elif identifier in state.orphans or (entry is not None and entry.outcome is not None):
            state.pending_completes[identifier] = None
    state.pending_requeues.update(dict.fromkeys(event.requeues))
    state.pending_cancels.update(dict.fromkeys(event.cancels))
    for key in event.claims:
        lane = state.lanes.get(key)
        if lane is not None:
            lane.claiming = False


def store_works(state: State, event: StoreWorks, now: Now) -> None:
    if not state.store_down:
        return
    state.store_down = False
    state.out.seldom.cancels.extend(state.pending_cancels)
    state.pending_cancels.clear()
    for identifier in state.pending_requeues:
        entry = state.entries.get(identifier)
        if entry is not None and entry.requeue is not None:
            state.out.seldom.requeues.append(entry.requeue)
    state.pending_requeues.clear()
    for identifier in state.pending_completes:
        entry = state.entries.get(identifier)
        completion = state.orphans.get(identifier) if entry is None else entry.outcome
        if completion is not None:
            state.out.completes.append(completion)
    state.pending_completes.clear()
    if not state.recovering:
        recovery.open_lanes(state)
