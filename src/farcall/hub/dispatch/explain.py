"""Why an invocation is where it is, as a timeline in sentences. Made when asked for; the ordinary leaves no notes."""

from __future__ import annotations

from farcall.domain.states import AttemptState, InvocationState, WorkerState
from farcall.hub.dispatch import waits
from farcall.hub.dispatch.events import Now
from farcall.hub.dispatch.lanes import waiting
from farcall.hub.dispatch.records import Entry, Reason, Version
from farcall.hub.dispatch.state import State, holder


def explain(state: State, identifier: bytes, now: Now) -> list[Reason]:
    """The timeline of what is in the window; empty for everything else (ended, or in the store only)."""
    entry = state.entries.get(identifier)
    if entry is None:
        return []
    accepted = "accepted" if entry.accepted else "is being recorded"
    reasons = [Reason(entry.invocation.created_at, "accepted" if entry.accepted else "accepting", accepted)]
    reasons.extend(entry.notes or ())
    reasons.extend(_now(state, entry, now))
    return reasons


def _now(state: State, entry: Entry, now: Now) -> list[Reason]:
    if entry.outcome is not None:
        return [Reason(now.wall, "ending", f"ended as {entry.outcome.state.label}; that is being recorded")]
    if entry.attempt is not None:
        return _with_worker(state, entry, now)
    if entry.cancel is not None:
        return [Reason(now.wall, "cancelling", f"{entry.cancel}; the wish is being recorded")]
    return [Reason(now.wall, "waiting", sentence) for sentence in _waiting(state, entry, now)]


def _with_worker(state: State, entry: Entry, now: Now) -> list[Reason]:
    worker, version = holder(entry), entry.lane.version
    reasons = [
        Reason(
            entry.offered_at,
            "placed",
            f"attempt {entry.attempts} placed on worker {worker.boot} by {version.options.policy}, "
            f"of {len(version.eligible)} eligible",
        )
    ]
    if entry.attempt is AttemptState.RUNNING:
        reasons.append(Reason(entry.started_at or entry.offered_at, "started", "it runs"))
    if worker.state is WorkerState.AWAY:
        left = max(0.0, worker.away_until_mono - now.mono)
        reasons.append(Reason(now.wall, "away", f"its worker is disconnected; it has {left:.0f} s to come back"))
    elif entry.leasing:
        reasons.append(Reason(now.wall, "leasing", "its attempt is recorded before it is offered"))
    elif entry.attempt is AttemptState.LEASED:
        ahead = sum(1 for other in worker.open.values() if other.fence < entry.fence)
        reasons.append(
            Reason(
                now.wall,
                "prefetched",
                f"at its worker, not known to have started; {ahead} ahead on {worker.slots} slots",
            )
        )
    if entry.cancel_committed:
        reasons.append(Reason(now.wall, "cancelling", f"{entry.cancel}; its worker is asked to stop it"))
    return reasons


def _waiting(state: State, entry: Entry, now: Now) -> list[str]:
    version = entry.lane.version
    if state.store_down:
        return ["the store does not work now; nothing new is begun until it does"]
    if not entry.accepted and not entry.in_lane:
        return ["it is offered once it is recorded"]
    if entry.due_at > now.wall and entry.invocation.id in version.backing_off:
        return [f"tried again in {entry.due_at - now.wall:.1f} s"]
    ahead = queue_position(state, entry.invocation.id) or 0
    callers = sum(1 for level in version.levels.values() for lane in level.ring if lane is not entry.lane)
    busy = sum(1 for worker in version.eligible.values() if len(worker.open) >= worker.base)
    sentences = [_queued_behind(ahead, callers) + f"; {busy} of {len(version.eligible)} workers busy"]
    if not version.ready:
        sentences.append(_unserved(state, version, now))
    elif version.limit is not None and version.running >= version.limit:
        sentences.append(f"the function runs at most {version.limit} at once")
    return sentences


def _queued_behind(ahead: int, callers: int) -> str:
    if not ahead:
        return "it is next"
    if not callers:
        return f"{ahead} of the same caller's ahead of it"
    others = "1 other caller takes" if callers == 1 else f"{callers} other callers take"
    return f"{ahead} ahead of it; {others} turns with this one"


def _unserved(state: State, version: Version, now: Now) -> str:
    message = waits.no_worker(version).message
    if state.recovering:
        return f"{message} The hub has just started and waits for its workers to come back."
    grace = version.grace_until_mono
    if grace is not None and grace > now.mono:
        return f"{message} One may come back within {grace - now.mono:.0f} s."
    return message


def queue_position(state: State, identifier: bytes) -> int | None:
    """How many will be taken before it, about: of its own lane, and a turn of each other caller for each of these."""
    entry = state.entries.get(identifier)
    if entry is None or not entry.in_lane:
        return None
    own = 0
    for other in entry.lane.ready:
        if other is entry:
            break
        own += other.in_lane
    ahead = own
    for level in entry.lane.version.levels.values():
        if level.priority < entry.lane.level.priority:
            continue
        for lane in level.ring:
            if lane is not entry.lane:
                higher = level.priority > entry.lane.level.priority
                ahead += waiting(lane) if higher else min(waiting(lane), own + 1)
    return ahead


def status(state: State, identifier: bytes) -> InvocationState | None:
    """QUEUED until it is known to have started (short ones may never be); None for what is not in the window."""
    entry = state.entries.get(identifier)
    if entry is None:
        return None
    if entry.state is InvocationState.RUNNING and entry.attempt is AttemptState.LEASED:
        return InvocationState.QUEUED
    return entry.state
