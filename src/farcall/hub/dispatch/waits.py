"""Who may wait: an invocation without a worker fails at once, unless it was asked to queue or a grace is running."""

from __future__ import annotations

from math import inf

from farcall.domain.errors import Failure
from farcall.domain.model import NewInvocation
from farcall.domain.states import InvocationState
from farcall.hub.dispatch import ends
from farcall.hub.dispatch.events import Now
from farcall.hub.dispatch.lanes import ask, put, put_back
from farcall.hub.dispatch.placement import missing
from farcall.hub.dispatch.records import Entry, Lane, Version
from farcall.hub.dispatch.state import State

SWEEP_SECONDS_PER_ITEM = 0.0002  # between two looks through a lane


def may_wait(version: Version, invocation: NewInvocation, now: Now) -> bool:
    """Whether it makes sense to keep this one queued."""
    if version.deleted:
        return False
    if invocation.queue:
        return True
    if version.withdrawn:
        return False
    return bool(version.ready) or in_grace(version, now)


def in_grace(version: Version, now: Now) -> bool:
    """Whether its last worker left so shortly ago that it may come back."""
    return version.grace_until_mono is not None and now.mono < version.grace_until_mono


def miss(state: State, version: Version, callers: list[int]) -> None:
    """Its owner should hear that these found no worker. What was withdrawn on purpose is missed by nobody."""
    if callers and not version.withdrawn:
        state.out.seldom.missed.setdefault(version.id, []).extend(callers)


def enqueue(state: State, entry: Entry, now: Now, first: bool = False) -> None:
    """Put it in its lane, or fail it if nobody will come for it."""
    if entry.cancel is not None:
        if entry.cancel_committed:
            ends.end_cancelled(state, entry, now)
        return  # its cancel is being committed; it ends then
    if state.recovering and entry.recovered:
        entry.lane.version.backing_off[entry.invocation.id] = entry
        state.held_back.append(entry)
    elif not may_wait(entry.lane.version, entry.invocation, now):
        fail_unserved(state, entry, now)
    elif first:
        put_back(state, entry)
    else:
        put(state, entry)


def fail_unserved(state: State, entry: Entry, now: Now) -> None:
    version = entry.lane.version
    failure = no_worker(version)
    miss(state, version, [entry.invocation.caller])
    if entry.attempts and not version.withdrawn:
        failure = Failure("worker_lost", f"Its worker was lost, and {failure.message[0].lower()}{failure.message[1:]}")
    ends.end(state, entry, InvocationState.FAILED, now, failure)


def no_worker(version: Version) -> Failure:
    """Why nobody can take it now, in one sentence."""
    name = version.facts.name
    if version.deleted:
        return Failure("version_withdrawn", f"This version of {name} was deleted.", "farcall list shows what there is.")
    if version.withdrawn:
        return Failure("version_withdrawn", f"This version of {name} is no longer served.")
    if version.serving:
        lacks = {lack for worker in version.serving.values() for lack in missing_of(version, worker.resources)}
        if lacks:
            return Failure(
                "no_worker",
                f"No worker of {name} has what it requires: {', '.join(sorted(lacks))}.",
                hint="Serve it from a machine that has this, or call with queue=True to wait for one.",
            )
    return Failure(
        "no_worker",
        f"No worker serves {name} now.",
        hint="Call with queue=True (--queue on the command line) to wait for one.",
    )


def missing_of(version: Version, resources: dict[str, int | float | str | bool]) -> list[str]:
    return missing(version.options.requires, resources)


def begin_grace(state: State, version: Version, now: Now, at_least_until: float = 0.0) -> None:
    """Its last worker has gone: for a while it may come back."""
    version.grace_until_mono = max(now.mono + state.limits.no_worker_grace_seconds, at_least_until)
    state.timers.at_mono(version.grace_until_mono, _grace_over, version)


def _grace_over(state: State, version: Version, now: Now) -> None:
    """It did not come back: what may wait no longer fails, and the rest is missed too."""
    check_unserved(state, version, now)
    if not (state.recovering or version.ready or in_grace(version, now)):
        lanes = [lane for level in version.levels.values() for lane in level.lanes.values()]
        miss(state, version, [lane.key[2] for lane in lanes for entry in lane.ready if entry.in_lane])


def check_unserved(state: State, version: Version, now: Now) -> None:
    """Fail what may not wait any longer, in memory and in the store."""
    if state.recovering or (version.ready and not version.withdrawn):
        return
    for level in list(version.levels.values()):
        for lane in list(level.lanes.values()):
            for entry in list(lane.ready):
                if entry.in_lane and not may_wait(version, entry.invocation, now):
                    fail_unserved(state, entry, now)
            if lane.stored:
                begin_sweep(state, lane.key)
    for entry in list(version.backing_off.values()):
        if not may_wait(version, entry.invocation, now):
            fail_unserved(state, entry, now)


def begin_sweep(state: State, key: tuple[int, int, int]) -> None:
    """Look through everything of the lane that is in the store, from its start, to end what has to end."""
    lane = state.lanes[key]
    lane.sweep = True
    if not lane.claiming:
        lane.after = b""
        ask(state, lane)
    else:
        lane.sweep_again = True


def expect_expiry(state: State, lane: Lane, invocation: NewInvocation) -> None:
    """This one is in the store: when the earliest of them expires, the lane is looked through.

    Looking through costs as much as there is, so it happens the less often the more there is.
    """
    expires_at = invocation.expires_at
    if expires_at is not None:
        expires_at = max(expires_at, lane.swept_at + max(1.0, SWEEP_SECONDS_PER_ITEM * lane.stored))
        if expires_at < lane.expiry_at:
            lane.expiry_at = expires_at
            state.timers.at_wall(expires_at, _stored_expiry, lane)


def _stored_expiry(state: State, lane: Lane, now: Now) -> None:
    if lane.expiry_at > now.wall:
        return
    lane.expiry_at = inf
    if lane.stored:
        lane.swept_at = now.wall
        begin_sweep(state, lane.key)
