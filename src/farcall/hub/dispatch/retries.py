"""Attempts that end without an outcome: lost ones count as a try and back off, returned ones go back to their place."""

from __future__ import annotations

from farcall.domain.errors import Failure
from farcall.domain.states import AttemptState, InvocationState
from farcall.hub.dispatch import eligibility, ends, waits
from farcall.hub.dispatch.events import Now, Returned
from farcall.hub.dispatch.records import Entry
from farcall.hub.dispatch.state import State, change, holder

AT_ONCE = frozenset({"recalled", "neighbour_died", "draining", "not_received", "not_offered"})
_MEANING = {
    "recalled": "taken back so that another caller gets a turn",
    "neighbour_died": "another invocation's process died in front of it",
    "draining": "its worker is leaving",
    "not_received": "its worker came back without it",
    "not_offered": "its worker had left, or had no more room, before the offer",
    "unknown_version": "its worker no longer serves this version",
    "blob_unavailable": "its worker could not fetch an argument",
}


def lost(state: State, entry: Entry, now: Now, why: str, failure: Failure | None = None) -> None:
    """The attempt ended without an outcome after it may have started: try again, or fail."""
    boot = holder(entry).boot
    ends.close_attempt(state, entry, AttemptState.LOST)
    options = entry.lane.version.options
    failure = failure or Failure("worker_lost", f"The worker that ran it is gone: {why}.")
    entry.failure = failure
    entry.tries_left -= 1
    if entry.cancel_committed:
        ends.end_cancelled(state, entry, now, entry.fence)
    elif entry.streamed and not options.replayable:
        broken = Failure("stream_broken", f"Its stream broke off after items were delivered: {why}.")
        ends.end(state, entry, InvocationState.FAILED, now, broken, entry.fence)
    elif entry.tries_left <= 0 or options.never_twice or not failure.kind.retryable:
        ends.end(state, entry, InvocationState.FAILED, now, failure, entry.fence)
    elif state.is_revoked(entry.lane):
        ends.end_revoked(state, entry, now, entry.fence)
    else:
        placed = f"attempt {entry.attempts} was placed on worker {boot} by {options.policy}"
        state.note(entry, now, "placed", placed, at=entry.offered_at)
        state.note(
            entry,
            now,
            "lost",
            f"attempt {entry.attempts} on worker {boot} was lost: {why}",
            worker=boot,
            attempt=entry.attempts,
        )
        requeue(state, entry, "lost")
        _back_off(state, entry, now, entry.attempts)


def returned(state: State, event: Returned, now: Now) -> None:
    worker = state.workers.get(event.worker)
    if worker is None:
        return
    worker.last_seen_mono = now.mono
    for identifier, fence, reason in reversed(event.items):
        entry = state.entries.get(identifier)
        if entry is None or entry.fence != fence or entry.worker is not worker or entry.attempt is None:
            continue
        if reason == "unknown_version":
            worker.unknown.add(entry.lane.version.id)
            eligibility.reassign(state, worker, now)
        if entry.attempt is AttemptState.LEASED:
            give_back(state, entry, now, reason)
        else:
            lost(state, entry, now, _MEANING.get(reason, reason))


def give_back(state: State, entry: Entry, now: Now, reason: str, recorded: bool = True) -> None:
    """The attempt never started: it does not count. `recorded`: a lease of it may be in the store."""
    boot = holder(entry).boot
    ends.close_attempt(state, entry, AttemptState.RETURNED)
    entry.attempts -= 1
    if entry.cancel_committed:
        ends.end_cancelled(state, entry, now, entry.fence)
        return
    if state.is_revoked(entry.lane) and entry.cancel is None:
        ends.end_revoked(state, entry, now, entry.fence)
        return
    if reason != "recalled":
        state.note(entry, now, "returned", f"returned unstarted: {_MEANING.get(reason, reason)}", worker=boot)
    if recorded and (entry.lane.version.lease_first or entry.invocation.key):
        requeue(state, entry, reason)
    else:
        change(entry, InvocationState.QUEUED)
    if reason in AT_ONCE:
        waits.enqueue(state, entry, now, first=True)
    else:
        entry.setbacks += 1
        _back_off(state, entry, now, entry.setbacks)


def requeue(state: State, entry: Entry, reason: str) -> None:
    """Queued again, durably."""
    change(entry, InvocationState.QUEUED)
    row = (entry.invocation.id, entry.fence, entry.tries_left, entry.attempts, holder(entry).boot, reason)
    entry.requeue = row
    if state.store_down:
        state.pending_requeues[entry.invocation.id] = None
    else:
        state.out.seldom.requeues.append(row)


def _back_off(state: State, entry: Entry, now: Now, times: int) -> None:
    if entry.cancel is not None:
        return  # it ends when its cancel is committed
    base = entry.lane.version.options.backoff_seconds * 2.0 ** min(times - 1, 30)
    delay = min(base, state.limits.max_backoff_seconds) * state.random.uniform(0.5, 1.5)
    entry.due_at = now.wall + delay
    entry.lane.version.backing_off[entry.invocation.id] = entry
    state.note(entry, now, "backoff", f"is tried again after {delay:.2f} s", seconds=delay)
    state.timers.at_mono(now.mono + delay, _due, (entry, entry.fence))


def _due(state: State, subject: tuple[Entry, int], now: Now) -> None:
    entry, fence = subject
    backing_off = entry.lane.version.backing_off
    if entry.fence == fence and backing_off.get(entry.invocation.id) is entry:
        del backing_off[entry.invocation.id]
        waits.enqueue(state, entry, now, first=True)
