"""How an attempt is closed and how an invocation ends. An end is proposed to the store; once committed it holds."""

from __future__ import annotations

from farcall.domain.errors import Failure
from farcall.domain.model import Completion
from farcall.domain.states import ATTEMPT_TRANSITIONS, AttemptState, ImpossibleTransition, InvocationState, require
from farcall.hub.dispatch.events import Now
from farcall.hub.dispatch.lanes import register
from farcall.hub.dispatch.records import Entry
from farcall.hub.dispatch.state import State, holder


def close_attempt(state: State, entry: Entry, how: AttemptState) -> None:
    """The attempt is over: its place at the worker is free. The invocation itself does not move yet."""
    if entry.attempt is None:
        raise ImpossibleTransition("no attempt is open")
    require(ATTEMPT_TRANSITIONS, entry.attempt, how)
    worker = holder(entry)
    version = entry.lane.version
    entry.attempt = None
    entry.leasing = False
    del worker.open[entry.invocation.id]
    version.running -= 1
    entry.lane.outstanding -= 1
    if entry.estimate < 0:
        worker.long -= 1
    else:
        worker.backlog -= entry.estimate
    if not worker.open:
        worker.backlog = 0.0
    state.touch_worker(worker)
    if version.throttled:
        version.throttled = False
        register(version)
        state.touch_version(version)


def end(
    state: State,
    entry: Entry,
    final: InvocationState,
    now: Now,
    failure: Failure | None,
    fence: int = 0,
    *,
    run_seconds: float = 0.0,
    cpu_seconds: float = 0.0,
) -> None:
    """Propose an end without a result. `fence`: of the attempt that led to it, or 0."""
    entry.in_lane = False
    entry.lane.version.backing_off.pop(entry.invocation.id, None)
    entry.outcome = Completion(
        entry.invocation.id,
        fence,
        final,
        failure=failure,
        worker=entry.worker.boot if fence and entry.worker is not None else "",
        attempt=entry.attempts,
        started_at=entry.started_at or None,
        finished_at=now.wall,
        run_seconds=run_seconds,
        request_digest=b"" if entry.accepted else entry.invocation.request_digest,
        cpu_seconds=cpu_seconds,
        invocation=entry.invocation,
    )
    write(state, entry.outcome)


def write(state: State, completion: Completion) -> None:
    """Hand it to the store, or keep it until the store works."""
    if state.store_down:
        state.pending_completes[completion.id] = None
    else:
        state.out.completes.append(completion)


def expire(state: State, entry: Entry, now: Now) -> None:
    end(
        state,
        entry,
        InvocationState.EXPIRED,
        now,
        Failure("expired", "It was not started before it expired.", hint="raise expires_seconds, or serve more slots"),
    )


def expire_if_waiting(state: State, entry: Entry, now: Now) -> None:
    """The timer's part: what has started, or is ending, does not expire."""
    if state.entries.get(entry.invocation.id) is not entry or entry.outcome is not None:
        return
    if entry.state is InvocationState.QUEUED and entry.cancel is None and entry.accepted and not entry.overflow:
        expire(state, entry, now)


def cancelled(entry: Entry) -> Failure:
    return Failure("cancelled", f"The invocation was {entry.cancel or 'cancelled'}.")


def end_cancelled(
    state: State, entry: Entry, now: Now, fence: int = 0, run_seconds: float = 0.0, cpu_seconds: float = 0.0
) -> None:
    failure = cancelled(entry)
    end(
        state,
        entry,
        InvocationState.CANCELLED,
        now,
        failure,
        fence,
        run_seconds=run_seconds,
        cpu_seconds=cpu_seconds,
    )


def end_revoked(state: State, entry: Entry, now: Now, fence: int = 0) -> None:
    """Its caller may not make this call any more, and it does not run."""
    name = entry.lane.version.facts.name
    message = f"It was cancelled while it waited: the permission to call {name} was taken back, or has ended."
    end(state, entry, InvocationState.CANCELLED, now, Failure("cancelled", message, "Ask whoever shared it."), fence)


def discard_rejected(state: State, entry: Entry) -> None:
    """It was never accepted: forget it, and let the worker drop what it may hold."""
    if entry.worker is not None and entry.fence:
        state.out.refuse_stale(entry.worker.boot, entry.invocation.id, entry.fence)
    state.forget(entry)
