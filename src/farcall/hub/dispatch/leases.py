"""Attempts on their way: leases that are recorded before the offer, starts, and the net under the worker's timeout."""

from __future__ import annotations

from farcall.domain.errors import Failure
from farcall.domain.states import ATTEMPT_TRANSITIONS, AttemptState, InvocationState, WorkerState, require
from farcall.hub.dispatch import ends, retries
from farcall.hub.dispatch.effects import Offered
from farcall.hub.dispatch.events import LeaseCommitted, LeaseStale, Now, Started, StreamDelivered
from farcall.hub.dispatch.lanes import leave_to_store
from farcall.hub.dispatch.records import Entry
from farcall.hub.dispatch.state import State


def lease_committed(state: State, event: LeaseCommitted, now: Now) -> None:
    for identifier in event.ids:
        entry = state.entries.get(identifier)
        if entry is None or not entry.leasing or entry.worker is None:
            continue
        entry.leasing = False
        worker = entry.worker
        unwanted = entry.cancel is not None or state.is_revoked(entry.lane)
        if unwanted or worker.state is not WorkerState.READY or len(worker.open) > worker.credit:
            retries.give_back(state, entry, now, "not_offered")
        else:
            offered = Offered(entry.invocation, entry.fence, entry.attempts)
            state.out.offers.setdefault(worker.boot, []).append(offered)


def lease_stale(state: State, event: LeaseStale, now: Now) -> None:
    """The store knows better: leave it to the store."""
    for identifier in event.ids:
        entry = state.entries.get(identifier)
        if entry is not None and entry.leasing:
            ends.close_attempt(state, entry, AttemptState.RETURNED)
            state.forget(entry)
            leave_to_store(state, entry.lane)


def started(state: State, event: Started, now: Now) -> None:
    worker = state.workers.get(event.worker)
    if worker is None:
        return
    worker.last_seen_mono = now.mono
    for identifier, fence in event.items:
        entry = state.entries.get(identifier)
        if entry is None or entry.fence != fence or entry.worker is not worker or entry.leasing:
            continue
        if entry.attempt is not AttemptState.LEASED:
            continue  # said twice, or it has ended
        entry.attempt = require(ATTEMPT_TRANSITIONS, entry.attempt, AttemptState.RUNNING)
        entry.started_at = now.wall
        timeout = entry.invocation.timeout_seconds or entry.lane.version.options.timeout_seconds
        if timeout is not None:
            limits = state.limits
            due = now.mono + timeout + limits.lease_seconds + limits.lease_margin_seconds
            state.timers.at_mono(due, _overdue, (entry, fence))


def _overdue(state: State, subject: tuple[Entry, int], now: Now) -> None:
    """The worker should have stopped it long ago."""
    entry, fence = subject
    if entry.fence != fence or entry.attempt is None or entry.worker is None:
        return
    if state.entries.get(entry.invocation.id) is not entry:
        return
    state.out.stop(entry.worker.boot, entry.invocation.id, fence)
    ends.close_attempt(state, entry, AttemptState.FAILED)
    failure = Failure("invocation_timeout", "It ran longer than its timeout, and its worker did not stop it.")
    ends.end(state, entry, InvocationState.FAILED, now, failure, fence)


def stream_delivered(state: State, event: StreamDelivered, now: Now) -> None:
    entry = state.entries.get(event.id)
    if entry is not None and entry.fence == event.fence:
        entry.streamed = True
