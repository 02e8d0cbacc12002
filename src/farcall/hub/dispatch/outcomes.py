"""What attempts gave, and the store's word on whether it is recorded. Only then is anybody told."""

from __future__ import annotations

from farcall.domain.errors import Failure
from farcall.domain.model import Completion, Settlement
from farcall.domain.states import (
    ATTEMPT_TRANSITIONS,
    INVOCATION_TRANSITIONS,
    AttemptState,
    ImpossibleTransition,
    InvocationState,
)
from farcall.hub.dispatch import ends, retries
from farcall.hub.dispatch.events import CompleteCommitted, CompleteStale, Finished, FinishLike, Now
from farcall.hub.dispatch.lanes import leave_to_store, register
from farcall.hub.dispatch.records import Entry
from farcall.hub.dispatch.state import State, holder

_SUCCEEDED = AttemptState.SUCCEEDED
_FAILED = AttemptState.FAILED
_FINAL = {_SUCCEEDED: InvocationState.SUCCEEDED, _FAILED: InvocationState.FAILED}

LONGEST_SECONDS = 1e9


def finished(state: State, event: Finished, now: Now) -> None:
    worker = state.workers.get(event.worker)
    if worker is None:
        for item in event.items:
            state.out.refuse_stale(event.worker, item.id, item.fence)
        return
    worker.last_seen_mono = now.mono
    entries = state.entries
    weight = state.limits.average_weight
    averages = worker.averages
    boot = worker.boot
    completes = state.out.completes
    for item in event.items:
        identifier = item.id
        entry = entries.get(identifier)
        if entry is None or entry.fence != item.fence or entry.worker is not worker or entry.leasing:
            state.out.refuse_stale(boot, identifier, item.fence)
            continue
        attempt = entry.attempt
        if attempt is None:
            if entry.outcome is None or entry.outcome.fence != item.fence:
                state.out.refuse_stale(boot, identifier, item.fence)
            continue  # said twice: it is acknowledged once it is recorded
        how = item.state
        if how != _SUCCEEDED and how != _FAILED:
            _unfinished(state, entry, item, now)
            continue
        if how not in ATTEMPT_TRANSITIONS[attempt]:
            raise ImpossibleTransition(f"an attempt that is {attempt.label} cannot become {how}")
        version = entry.lane.version
        seconds, cpu_seconds = item.run_seconds, item.cpu_seconds
        if not 0.0 <= seconds < LONGEST_SECONDS:
            seconds = 0.0  # nonsense, or NaN: a worker's word must not upset the books
        if not 0.0 <= cpu_seconds < LONGEST_SECONDS:
            cpu_seconds = 0.0
        average = averages.get(version.id)
        averages[version.id] = seconds if average is None else average + weight * (seconds - average)
        # As `close_attempt`, without a call.
        entry.attempt = None
        del worker.open[identifier]
        version.running -= 1
        entry.lane.outstanding -= 1
        if entry.estimate < 0:
            worker.long -= 1
        else:
            worker.backlog -= entry.estimate
        if version.throttled:
            version.throttled = False
            register(version)
            state.touch_version(version)
        entry.outcome = completion = Completion(
            identifier,
            item.fence,
            InvocationState.SUCCEEDED if how == _SUCCEEDED else InvocationState.FAILED,
            item.result,
            item.failure,
            boot,
            entry.attempts,
            entry.started_at or now.wall - seconds,
            now.wall,
            seconds,
            tuple(item.blobs),
            b"" if entry.accepted else entry.invocation.request_digest,
            cpu_seconds,
            entry.invocation,
        )
        if state.store_down:
            state.pending_completes[identifier] = None
        else:
            completes.append(completion)
    if not worker.open:
        worker.backlog = 0.0
    state.touch_worker(worker)


def _unfinished(state: State, entry: Entry, item: FinishLike, now: Now) -> None:
    if item.state == AttemptState.CANCELLED and entry.cancel is not None:
        ends.close_attempt(state, entry, AttemptState.CANCELLED)
        ends.end_cancelled(state, entry, now, entry.fence, _sane(item.run_seconds), _sane(item.cpu_seconds))
    elif item.state == AttemptState.CANCELLED:
        failure = item.failure or Failure("worker_lost", "Its worker stopped it, unasked.")
        retries.lost(state, entry, now, "stopped by its worker", failure)
    elif item.state == AttemptState.LOST:
        failure = item.failure or Failure("process_died", "The function's process ended.")
        retries.lost(state, entry, now, failure.message[:1].lower() + failure.message[1:].rstrip("."), failure)
    else:
        raise ImpossibleTransition(f"no outcome of an attempt: {item.state}")
    if entry.outcome is None:
        # Tried again: this one will never be recorded. Kept in the outbox, it would look current after a restart.
        state.out.refuse_stale(holder(entry).boot, item.id, item.fence)


def _sane(seconds: float) -> float:
    return seconds if 0.0 <= seconds < LONGEST_SECONDS else 0.0


def complete_committed(state: State, event: CompleteCommitted, now: Now) -> None:
    entries = state.entries
    answers = state.out.answers
    acknowledged = state.out.acknowledged
    for identifier in event.ids:
        entry = entries.get(identifier)
        completion = state.orphans.pop(identifier, None) if entry is None else entry.outcome
        if completion is None:
            continue
        final = completion.state
        answers.append(Settlement(identifier, int(final), completion.result, completion.failure, completion.attempt))
        if entry is None:
            continue
        if final not in INVOCATION_TRANSITIONS[entry.state]:
            raise ImpossibleTransition(f"an invocation that is {entry.state.label} cannot become {final.label}")
        entry.state = final
        if completion.fence:
            keys = acknowledged.get(completion.worker)
            if keys is None:
                acknowledged[completion.worker] = [(identifier, completion.fence)]
            else:
                keys.append((identifier, completion.fence))
        del entries[identifier]
        entry.lane.held -= 1
        state.held_bytes -= len(entry.invocation.arguments)


def complete_stale(state: State, event: CompleteStale, now: Now) -> None:
    for identifier, fence in event.items:
        state.orphans.pop(identifier, None)
        entry = state.entries.get(identifier)
        if entry is None or entry.outcome is None or entry.outcome.fence != fence:
            continue
        if fence:
            state.out.refuse_stale(entry.outcome.worker, identifier, fence)
        state.forget(entry)
        leave_to_store(state, entry.lane)  # it may be queued there still, if it was adopted too late
