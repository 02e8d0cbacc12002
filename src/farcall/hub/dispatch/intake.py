"""What comes in: new invocations, and the store's word on whether they are accepted."""

from __future__ import annotations

from farcall.domain.errors import Failure
from farcall.domain.model import NewInvocation
from farcall.domain.states import AttemptState, InvocationState
from farcall.hub.dispatch import ends, waits
from farcall.hub.dispatch.events import AcceptCommitted, AcceptRejected, Now, Submitted
from farcall.hub.dispatch.lanes import leave_to_store, put
from farcall.hub.dispatch.records import Entry, Lane
from farcall.hub.dispatch.state import State, holder

UNAVAILABLE = Failure("hub_unavailable", "The hub can't record anything now.", hint="try again in a moment")


def submitted(state: State, event: Submitted, now: Now) -> None:
    version = state.versions[event.version]
    if state.store_down:
        state.out.seldom.refused.append(([item.id for item in event.items], UNAVAILABLE))
        return
    accepts: list[NewInvocation] = []
    unserved: list[bytes] = []
    missed: list[int] = []
    eager = event.eager and not version.lease_first
    served = version.ready > 0 and not version.withdrawn
    waits_long = not served and not waits.in_grace(version, now)
    limits = state.limits
    entries = state.entries
    lane: Lane | None = None
    lane_caller = lane_priority = -1_000
    for item in event.items:
        if item.id in entries:
            _submitted_again(state, item, event.acknowledge)
            continue
        if not served and not waits.may_wait(version, item, now):
            unserved.append(item.id)
            missed.append(item.caller)
            continue
        if lane is None or item.caller != lane_caller or item.priority != lane_priority:
            lane_caller, lane_priority = item.caller, item.priority
            lane = state.lane(version, lane_priority, lane_caller)
            if state.revoked:
                state.revoked.discard((lane_caller, version.id))
        full = len(entries) >= limits.window_items or state.held_bytes >= limits.window_bytes
        entry = Entry(item, lane, item.tries_left, False)
        entries[item.id] = entry
        lane.held += 1
        state.held_bytes += len(item.arguments)
        accepts.append(item)
        if waits_long:
            missed.append(item.caller)
        if item.expires_at is not None:
            state.timers.at_wall(item.expires_at, ends.expire_if_waiting, entry)
        if full or lane.stored:
            entry.overflow = True
        elif eager and not item.key:
            put(state, entry)
    if accepts:
        state.out.accepts.append((accepts, event.acknowledge))
    if unserved:
        state.out.seldom.refused.append((unserved, waits.no_worker(version)))
    if missed:
        waits.miss(state, version, missed)


def _submitted_again(state: State, item: NewInvocation, acknowledge: bool) -> None:
    entry = state.entries[item.id]
    if entry.invocation.request_digest != item.request_digest:
        failure = Failure("conflict", "The id is taken by another request.")
        state.out.seldom.refused.append(([item.id], failure))
    elif entry.accepted and acknowledge:
        state.out.seldom.accepted.append(item.id)


def accept_committed(state: State, event: AcceptCommitted, now: Now) -> None:
    entries = state.entries
    for identifier in event.ids:
        entry = entries.get(identifier)
        if entry is None or entry.accepted:
            continue
        entry.accepted = True
        if entry.in_lane or entry.attempt is not None or entry.outcome is not None:
            continue
        if entry.overflow:
            _leave_to_store(state, entry, now)
        elif entry.fence == 0 and entry.state is InvocationState.QUEUED:
            expires_at = entry.invocation.expires_at
            if expires_at is not None and expires_at <= now.wall:
                ends.expire(state, entry, now)
            else:
                waits.enqueue(state, entry, now)
    if event.acknowledge:
        state.out.seldom.accepted.extend(event.ids)


def _leave_to_store(state: State, entry: Entry, now: Now) -> None:
    entry.overflow = False
    if entry.cancel is not None:
        return  # it stays in memory: its cancel is on its way
    lane = entry.lane
    version = lane.version
    if not waits.may_wait(version, entry.invocation, now):
        waits.fail_unserved(state, entry, now)
        return
    state.forget(entry)
    waits.expect_expiry(state, lane, entry.invocation)
    leave_to_store(state, lane)


def accept_rejected(state: State, event: AcceptRejected, now: Now) -> None:
    for identifier in event.ids:
        entry = state.entries.get(identifier)
        if entry is not None and not entry.accepted:
            reject(state, entry)
            leave_to_store(state, entry.lane)  # a duplicate of what is queued there; a claim that found it passed it by


def reject(state: State, entry: Entry) -> None:
    """It is not accepted after all. A proposed end that is on its way comes back from the store first."""
    if entry.outcome is not None:
        if state.pending_completes.pop(entry.invocation.id, 0) is None:
            ends.discard_rejected(state, entry)
        else:
            entry.rejected = True
        return
    if entry.attempt is not None:
        state.out.stop(holder(entry).boot, entry.invocation.id, entry.fence)
        ends.close_attempt(state, entry, AttemptState.CANCELLED)
    state.forget(entry)
