"""The window over the store: what is claimed comes into memory, what has to end is ended on the way.

A lane's `stored` count may be wrong (cancels and resumes take from the store behind its back), and wall clocks may make
what comes later sort earlier; so a pass that ended without finding what was expected is repeated once from the start.
The store's answers must be given to the core in the order of its commands.
"""

from __future__ import annotations

from farcall.hub.dispatch import ends, waits
from farcall.hub.dispatch.events import Claimed, Now, Reclaimed
from farcall.hub.dispatch.lanes import ask, put, wake
from farcall.hub.dispatch.records import Entry, Lane
from farcall.hub.dispatch.state import State


def claimed(state: State, event: Claimed, now: Now) -> None:
    lane = state.lanes.get(event.lane)
    if lane is None or not lane.claiming:
        return
    lane.claiming = False
    taken = 0
    for reclaimed in event.items:
        identifier = reclaimed.invocation.id
        if identifier not in state.entries and identifier not in state.orphans:
            taken += _take_in(state, lane, reclaimed, now)
        lane.after = identifier
    lane.stored = max(0, lane.stored - taken)
    if event.exhausted:
        _pass_ended(state, lane)
    elif taken == 0 or lane.sweep:
        ask(state, lane)  # also after a claim that failed: it took nothing
    if (lane.ready or lane.stored) and not (lane.claiming and not lane.ready):
        wake(state, lane)
        state.touch_version(lane.version)


def _take_in(state: State, lane: Lane, reclaimed: Reclaimed, now: Now) -> bool:
    """False: it is left to the store."""
    invocation = reclaimed.invocation
    identifier = invocation.id
    version = lane.version
    revoked = state.is_revoked(lane)
    expired = invocation.expires_at is not None and invocation.expires_at <= now.wall
    unserved = not waits.may_wait(version, invocation, now)
    flagged = reclaimed.cancelled or identifier in state.cancelling or identifier in state.unseen_cancels
    enough = not version.ready or len(lane.ready) >= state.limits.claim_batch or state.window_full()
    if lane.sweep and enough and not (revoked or expired or unserved or flagged):
        waits.expect_expiry(state, lane, invocation)
        return False
    entry: Entry = state.admit(invocation, lane, accepted=True)
    entry.attempts = reclaimed.attempts
    if flagged:
        entry.cancel = state.cancelling.get(identifier) or "cancelled by its caller"
        entry.cancel_committed = reclaimed.cancelled
        if entry.cancel_committed:
            ends.end_cancelled(state, entry, now)
    elif revoked:
        ends.end_revoked(state, entry, now)
    elif expired:
        ends.expire(state, entry, now)
    elif unserved:
        waits.fail_unserved(state, entry, now)
    else:
        if invocation.expires_at is not None:
            state.timers.at_wall(invocation.expires_at, ends.expire_if_waiting, entry)
        put(state, entry)
    return True


def _pass_ended(state: State, lane: Lane) -> None:
    lane.after = b""
    if lane.sweep:
        lane.sweep = lane.sweep_again
        lane.sweep_again = False
        lane.from_start = True
        ask(state, lane)
    elif lane.from_start:
        lane.stored = 0  # a whole pass found no more
    elif lane.stored:
        ask(state, lane)
