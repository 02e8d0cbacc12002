"""After a start, and after a worker's absence: what is still with whom.

A worker that returns names what it holds. What it holds and is current goes on. What the core believed there and
it does not hold never reached it, and is given back; but what must not run twice, or was seen to run, counts as lost,
because a worker whose lease lapsed kills what it runs. Of two workers that resume the same invocation the larger fence
is current.
"""

from __future__ import annotations

from collections.abc import Sequence

from farcall.domain.errors import Failure
from farcall.domain.model import FENCE_COUNTER_BITS, Completion
from farcall.domain.states import AttemptState, InvocationState, WorkerState
from farcall.hub.dispatch import ends, retries, waits
from farcall.hub.dispatch.events import Now, Reclaimed, Recovered, Resumed
from farcall.hub.dispatch.lanes import wake
from farcall.hub.dispatch.liveness import await_silence, check_away
from farcall.hub.dispatch.records import Entry, Worker
from farcall.hub.dispatch.state import State, change, holder


def recovered(state: State, event: Recovered, now: Now) -> None:
    state.expected = set(event.expected)
    state.recovering = True
    for (identifier, priority, caller), count in event.lanes:
        state.lane(state.versions[identifier], priority, caller).stored = count
    for reclaimed in event.leased:
        worker = state.workers.get(reclaimed.worker)
        if worker is None:
            worker = state.workers[reclaimed.worker] = Worker(reclaimed.worker, 0)
            worker.state = WorkerState.AWAY
            worker.last_seen_mono = now.mono
            worker.away_until_mono = event.grace_until
            state.timers.at_mono(event.grace_until, check_away, worker)
            state.expected.add(reclaimed.worker)
        entry = _readmit(state, reclaimed)
        _reopen_attempt(state, worker, entry, reclaimed.fence, now)
        if entry.cancel_committed:
            await_silence(state, worker)
    for identifier in event.served:
        if not state.versions[identifier].ready:
            # It is the hub that was gone: its workers, which dial ever more rarely, have as long as their attempts.
            waits.begin_grace(state, state.versions[identifier], now, event.grace_until)
    if not state.expected or event.grace_until <= now.mono:
        over(state, None, now)
    else:
        state.timers.at_mono(event.grace_until, over, None)


def over(state: State, subject: None, now: Now) -> None:
    """Whoever could still hold something has said so, or had its time: the store's lanes open."""
    if not state.recovering:
        return
    state.recovering = False
    for boot in sorted(state.expected - state.workers.keys()):  # else the next start would wait for them again
        state.out.seldom.gone.append((boot, WorkerState.LOST.label))
    state.expected.clear()
    held_back, state.held_back = state.held_back, []
    for entry in held_back:
        if entry.lane.version.backing_off.pop(entry.invocation.id, None) is entry:
            waits.enqueue(state, entry, now)
    for identifier, reason in state.unseen_cancels.items():
        if identifier not in state.entries:
            cancel_stored(state, identifier, reason, now)
    state.unseen_cancels.clear()
    open_lanes(state)
    for version in state.versions.values():
        if not version.ready and waits.in_grace(version, now):
            waits.begin_grace(state, version, now)  # all are back that were waited for, and none of them serves it
        waits.check_unserved(state, version, now)


def open_lanes(state: State) -> None:
    """Give every lane that has something in the store its place in the round."""
    for lane in state.lanes.values():
        if lane.stored and not lane.claiming:
            wake(state, lane)
            state.touch_version(lane.version)
            if lane.sweep:
                waits.begin_sweep(state, lane.key)


def cancel_stored(state: State, identifier: bytes, reason: str, now: Now) -> None:
    """End what is queued in the store and in nobody's hands."""
    failure = Failure("cancelled", f"The invocation was {reason}.")
    completion = Completion(identifier, 0, InvocationState.CANCELLED, failure=failure, finished_at=now.wall)
    state.orphans[identifier] = completion
    ends.write(state, completion)


def _readmit(state: State, reclaimed: Reclaimed) -> Entry:
    invocation = reclaimed.invocation
    version = state.versions[invocation.version]
    entry = state.admit(invocation, state.lane(version, invocation.priority, invocation.caller), accepted=True)
    entry.attempts = reclaimed.attempts
    entry.fence = reclaimed.fence
    entry.recovered = True
    unseen = state.unseen_cancels.pop(invocation.id, None)
    if unseen is not None or reclaimed.cancelled:
        entry.cancel = unseen or "cancelled before the hub's restart"
        entry.cancel_committed = True
    elif invocation.id in state.cancelling:
        entry.cancel = state.cancelling.pop(invocation.id)
    return entry


def _reopen_attempt(state: State, worker: Worker, entry: Entry, fence: int, now: Now) -> None:
    """The attempt is current again, under the fence it has."""
    if entry.attempts == 0 or fence != entry.fence:
        entry.attempts += 1
    entry.in_lane = False
    entry.lane.version.backing_off.pop(entry.invocation.id, None)
    change(entry, InvocationState.RUNNING)
    entry.attempt = AttemptState.LEASED
    entry.fence = fence
    entry.worker = worker
    entry.estimate = -1.0
    entry.offered_at = now.wall
    worker.long += 1
    worker.open[entry.invocation.id] = entry
    entry.lane.version.running += 1
    entry.lane.outstanding += 1
    state.note(entry, now, "resumed", "its worker still holds it", worker=worker.boot)


def reconcile(state: State, worker: Worker, resumes: Sequence[Resumed], now: Now) -> None:
    """Bring what the worker says it holds and what the core believes together."""
    held = {}
    for resumed in resumes:
        if _resume(state, worker, resumed, now):
            held[resumed.id] = resumed.fence
        else:
            state.out.stop(worker.boot, resumed.id, resumed.fence)
            state.out.refuse_stale(worker.boot, resumed.id, resumed.fence)
    for identifier, entry in list(worker.open.items()):
        if entry.leasing:
            continue
        if held.get(identifier) == entry.fence:
            if entry.cancel_committed:
                state.out.stop(worker.boot, identifier, entry.fence)
            elif entry.attempt is AttemptState.LEASED and state.is_revoked(entry.lane):
                state.out.seldom.recalls.setdefault(worker.boot, []).append((identifier, entry.fence))
        elif entry.lane.version.options.never_twice or entry.attempt is not AttemptState.LEASED:
            retries.lost(state, entry, now, "its worker came back without it")
        else:
            retries.give_back(state, entry, now, "not_received")


def _resume(state: State, worker: Worker, resumed: Resumed, now: Now) -> bool:
    """Whether this attempt is current; adopts it if it is one from before the restart."""
    entry = state.entries.get(resumed.id)
    if entry is not None and entry.fence == resumed.fence and entry.worker is worker:
        return entry.attempt is not None or (entry.outcome is not None and entry.outcome.fence == resumed.fence)
    if resumed.fence >> FENCE_COUNTER_BITS >= state.epoch:
        return False  # of this epoch, and given up
    if entry is None:
        reclaimed = resumed.queued
        if reclaimed is None or resumed.id in state.orphans or reclaimed.fence > resumed.fence:
            return False
        entry = _readmit(state, reclaimed)
        if entry.lane.stored:
            entry.lane.stored -= 1
    elif entry.outcome is not None or entry.fence >= resumed.fence:
        return False
    elif entry.attempt is not None:
        if entry.leasing:
            return False
        state.out.stop(holder(entry).boot, resumed.id, entry.fence)
        ends.close_attempt(state, entry, AttemptState.LOST)
        change(entry, InvocationState.QUEUED)
    _reopen_attempt(state, worker, entry, resumed.fence, now)
    return True
