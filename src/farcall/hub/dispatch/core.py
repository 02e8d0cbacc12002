"""`Core`: the one door. Its table says which part handles which event."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from farcall.domain.model import NewInvocation
from farcall.domain.states import AttemptState, InvocationState
from farcall.hub.dispatch import (
    cancels,
    commits,
    effects,
    events,
    explain,
    intake,
    lanes,
    leases,
    outcomes,
    presence,
    pump,
    recovery,
    retries,
    versions,
    window,
)
from farcall.hub.dispatch.effects import Effect
from farcall.hub.dispatch.events import Event, Limits, Now
from farcall.hub.dispatch.records import Entry, Reason, Underway
from farcall.hub.dispatch.state import State


def _tick(state: State, event: events.Tick, now: Now) -> None:
    """Nothing of its own: what is due is looked at before every event."""


Handler = Callable[[State, Any, Now], None]

HANDLERS: dict[type, Handler] = {
    events.Submitted: intake.submitted,
    events.AcceptCommitted: intake.accept_committed,
    events.AcceptRejected: intake.accept_rejected,
    events.Claimed: window.claimed,
    events.Recovered: recovery.recovered,
    events.WorkerJoined: presence.joined,
    events.Served: presence.served,
    events.Credits: presence.credit_given,
    events.WorkerDisconnected: presence.disconnected,
    events.HeartbeatSeen: presence.heartbeat_seen,
    events.Draining: presence.draining,
    events.Started: leases.started,
    events.Returned: retries.returned,
    events.Finished: outcomes.finished,
    events.StreamDelivered: leases.stream_delivered,
    events.CompleteCommitted: outcomes.complete_committed,
    events.CompleteStale: outcomes.complete_stale,
    events.CommitFailed: commits.commit_failed,
    events.StoreWorks: commits.store_works,
    events.LeaseCommitted: leases.lease_committed,
    events.LeaseStale: leases.lease_stale,
    events.CancelRequested: cancels.cancel_requested,
    events.CancelCommitted: cancels.cancel_committed,
    events.CancelStale: cancels.cancel_stale,
    events.CallerGone: cancels.caller_gone,
    events.AccessChanged: cancels.access_changed,
    events.VersionPublished: versions.published,
    events.VersionWithdrawn: versions.withdrawn,
    events.LimitChanged: versions.limit_changed,
    events.Tick: _tick,
}


@dataclass(slots=True, frozen=True)
class WorkerLoad:
    """What a worker has on its hands. `busy` counts open attempts, also those that wait there."""

    worker: str
    state: str
    slots: int
    credit: int
    busy: int
    backlog_seconds: float
    versions: tuple[int, ...]


@dataclass(slots=True, frozen=True)
class VersionLoad:
    """`waiting` is exact for what is in memory, about right for what is in the store."""

    version: int
    waiting: int
    running: int
    ready_workers: int


class Core:
    """`epoch` was committed before; `random` is used for back-off only, so equal seeds give equal effects."""

    handlers: ClassVar[dict[type, Handler]] = HANDLERS

    def __init__(self, epoch: int, limits: Limits, random: Random) -> None:
        self.state = State(epoch, limits, random)

    def handle(self, event: Event, now: Now) -> list[Effect]:
        """What this event causes, in the order in which it must be carried out.

        Raises ImpossibleTransition for a defect of ours, KeyError for a version that was never published to the core.
        """
        state = self.state
        state.timers.fire(state, now)
        self.handlers[type(event)](state, event, now)
        pump.pump(state, now)
        result = state.out.flush()
        wake = state.timers.next_wake(now)
        if wake is not None:
            state.timers.prune(self._is_alive)
            result.append(effects.WakeAt(wake))
        return result

    def _is_alive(self, subject: Any) -> bool:
        entry = subject[0] if isinstance(subject, tuple) else subject
        return not isinstance(entry, Entry) or self.state.entries.get(entry.invocation.id) is entry

    # -- what may be asked ---------------------------------------------------------------------------------------------

    def explain(self, identifier: bytes, now: Now) -> list[Reason]:
        """Why it is where it is, as a timeline; empty if it is not in the window (ended, or in the store only)."""
        return explain.explain(self.state, identifier, now)

    def status(self, identifier: bytes) -> InvocationState | None:
        """None: not in the window."""
        return explain.status(self.state, identifier)

    def queue_position(self, identifier: bytes) -> int | None:
        """About how many are taken before it; None: it does not wait in the window."""
        return explain.queue_position(self.state, identifier)

    def invocation(self, identifier: bytes) -> NewInvocation | None:
        """What was submitted under this id; None: not in the window."""
        entry = self.state.entries.get(identifier)
        return entry.invocation if entry is not None else None

    def attempt(self, identifier: bytes) -> tuple[str, int] | None:
        """Boot and fence of its current attempt; None if none is open."""
        entry = self.state.entries.get(identifier)
        if entry is None or entry.attempt is None or entry.worker is None:
            return None
        return entry.worker.boot, entry.fence

    def stream_delivered(self, identifier: bytes, fence: int) -> bool:
        """Whether items of this attempt's stream are known to have reached a caller."""
        entry = self.state.entries.get(identifier)
        return entry is not None and entry.fence == fence and entry.streamed

    def underway(self, identifier: bytes) -> Underway | None:
        """Its attempt, if one is known to have started."""
        entry = self.state.entries.get(identifier)
        if entry is None or entry.worker is None or entry.attempt is not AttemptState.RUNNING:
            return None
        return Underway(entry.worker.boot, entry.attempts, entry.started_at or entry.offered_at)

    def needing_blob(self, account: int, digest: str) -> set[int]:
        """The versions of which a worker of this account holds an attempt whose arguments refer to the blob."""
        return {
            entry.invocation.version
            for worker in self.state.workers.values()
            if worker.account == account
            for entry in worker.open.values()
            if digest in entry.invocation.blobs
        }

    def versions_of(self, caller: int) -> list[int]:
        """Versions of which this caller has something waiting or running."""
        return [
            version.id
            for version in self.state.versions.values()
            if any(caller in level.lanes for level in version.levels.values())
        ]

    def worker_load(self) -> list[WorkerLoad]:
        return [
            WorkerLoad(
                worker.boot,
                worker.state.label,
                worker.slots,
                worker.credit,
                len(worker.open),
                max(0.0, worker.backlog),
                tuple(worker.versions),
            )
            for worker in self.state.workers.values()
        ]

    def version_load(self, version: int) -> VersionLoad | None:
        """None: the core has never heard of it."""
        record = self.state.versions.get(version)
        if record is None:
            return None
        waiting = sum(lanes.waiting(lane) for level in record.levels.values() for lane in level.lanes.values())
        return VersionLoad(version, waiting + len(record.backing_off), record.running, record.ready)

    def durations(self, versions: Iterable[int]) -> dict[int, float]:
        """Seconds that these versions typically run, by the moving averages of the workers that are here."""
        measured: dict[int, float] = {}
        for version in versions:
            known = self.state.versions.get(version)
            workers = known.serving.values() if known is not None else ()
            samples = [worker.averages[version] for worker in workers if version in worker.averages]
            if samples:
                measured[version] = sum(samples) / len(samples)
        return measured

    def knows_version(self, version: int) -> bool:
        return version in self.state.versions

    @property
    def recovering(self) -> bool:
        """Whether workers from before the restart are still waited for."""
        return self.state.recovering

    @property
    def store_down(self) -> bool:
        return self.state.store_down

    def __len__(self) -> int:
        """Invocations in the window."""
        return len(self.state.entries)
