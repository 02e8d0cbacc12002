"""One life of the hub: carries the core's effects out, as the shell does, until it is killed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from farcall.domain.model import NewInvocation
from farcall.domain.states import WorkerState
from farcall.hub import ports
from farcall.hub.dispatch import effects, events
from farcall.hub.dispatch.core import Core
from farcall.testing.simulation.disk import immediately
from farcall.testing.simulation.links import Link

if TYPE_CHECKING:
    from farcall.testing.simulation.world import World

CoreFactory = Callable[[int, events.Limits, Random], Core]
HUB = "hub"
PROBE_SECONDS = 0.5


def reclaimed(row: ports.Queued) -> events.Reclaimed:
    return events.Reclaimed(row.invocation, row.attempts, row.fence, row.worker, row.cancelled)


class Hub:
    """Knows callers and links; holds nothing that must survive."""

    def __init__(self, world: World, core: Core) -> None:
        self.world = world
        self.core = core
        self.alive = True
        self.links: dict[str, Link] = {}
        self.started = False
        self.failed = False
        self.heard_of: set[bytes] = set()  # from callers, and from workers that came back: no need to wait for others
        self._wake: float | None = None
        self._handlers: dict[type, Callable[[Any], None]] = {
            effects.CommitAccept: self._accept,
            effects.CommitLease: self._lease,
            effects.CommitComplete: self._complete,
            effects.CommitRequeue: self._requeue,
            effects.CommitCancel: self._cancel,
            effects.Claim: self._claim,
            effects.Offer: lambda effect: self._send(effect.worker, "offer", effect.items),
            effects.Recall: lambda effect: self._send(effect.worker, "recall", effect.items),
            effects.CancelAttempts: lambda effect: self._send(effect.worker, "stop", effect.items),
            effects.Acknowledge: lambda effect: self._send(effect.worker, "acknowledge", effect.items, effect.stale),
            effects.Accepted: lambda effect: self._tell("accepted", effect.ids),
            effects.Answer: lambda effect: self._tell("settled", effect.items),
            effects.Refuse: lambda effect: self._tell("refused", effect.ids),
            effects.Remember: lambda effect: None,
            effects.Missed: lambda effect: None,
            effects.WorkerGone: self._worker_gone,
            effects.WakeAt: self._wake_at,
        }

    # -- a life --------------------------------------------------------------------------------------------------------

    def start(self, grace_seconds: float) -> None:
        """What a hub does first."""
        records = self.world.disk.records
        for facts in self.world.versions:
            self.feed(events.VersionPublished(facts))
        presences = [row for row in immediately(records.presences()) if row.hub == HUB]
        lanes = [(tuple(lane), count) for lane, count in immediately(records.lanes())]
        leased = [reclaimed(row) for row in immediately(records.leased())]
        self.heard_of.update(row.invocation.id for row in leased)
        served = sorted({version for row in presences for version in row.versions})
        boots = [row.boot for row in presences]
        until = self.world.clock.mono + grace_seconds
        self.started = True
        self.feed(events.Recovered(lanes, leased, boots, served, until))
        for caller, version in sorted(self.world.revoked):
            self.feed(events.AccessChanged(caller, [version]))

    def kill(self) -> None:
        self.alive = False
        for link in list(self.links.values()):
            link.cut()

    def feed(self, event: events.Event) -> None:
        if not self.alive:
            return
        now = self.world.clock.now()
        caused = self.core.handle(event, now)
        self.world.checks.handled(self, event, caused)
        for effect in caused:
            self._handlers[type(effect)](effect)
        self.world.checks.settled(self)

    # -- callers -------------------------------------------------------------------------------------------------------

    def submit(self, items: Sequence[NewInvocation], eager: bool, acknowledge: bool) -> None:
        """Invocations of one caller and version; whoever may not is refused here."""
        first = items[0]
        if (first.caller, first.version) in self.world.revoked:
            self._tell("refused", [item.id for item in items])
            return
        epoch = self.world.access_epoch(first.caller)
        for item in items:
            item.access_epoch = epoch
            item.created_at = self.world.clock.now().wall
        self.heard_of.update(item.id for item in items)
        self.feed(events.Submitted(first.version, items, eager, acknowledge))

    def attach(self, ids: Sequence[bytes], caller: int) -> list[bytes]:
        """Tells of those that have ended; returns the unknown ones."""
        ended, _, unknown = immediately(self.world.disk.records.settlements(ids, caller))
        if ended:
            self.world.checks.answered(ended)
            self._tell("settled", ended)
        return [identifier for identifier in unknown if self.core.status(identifier) is None]

    def _tell(self, what: str, items: Sequence[Any]) -> None:
        self.world.tell_callers(self, what, items)

    # -- workers -------------------------------------------------------------------------------------------------------

    def hear(self, link: Link, what: str, payload: tuple[Any, ...]) -> None:
        if not self.alive:
            return
        if what == "register":
            self._register(link, *payload)
            return
        if self.links.get(link.boot) is not link:
            return
        boot = link.boot
        if what == "heartbeat":
            self.feed(events.HeartbeatSeen(boot))
            if link.open:
                link.to_worker("heartbeat_seen", *payload)
        elif what == "finished":
            self.feed(events.Finished(boot, payload[0]))
        elif what == "started":
            self.feed(events.Started(boot, payload[0]))
        elif what == "returned":
            self.feed(events.Returned(boot, payload[0]))
        elif what == "credit":
            self.feed(events.Credits(boot, payload[0]))
        elif what == "leaving":
            self.feed(events.Draining(boot))

    def _register(self, link: Link, sent: float, worker: Any, resume: Sequence[tuple[bytes, int]]) -> None:
        at = self.world.clock.now().wall
        row = ports.PutPresence(
            link.boot, 1, link.boot, HUB, worker.slots, worker.resources, worker.versions, WorkerState.READY.label, at
        )

        def done(outcome: Any) -> None:
            if not link.open:
                return
            if isinstance(outcome, ports.StoreFailed):
                link.cut()
                return
            queued = self.world.disk.queued([identifier for identifier, _ in resume])
            resumes = [
                events.Resumed(key, fence, reclaimed(queued[key]) if key in queued else None) for key, fence in resume
            ]
            self.heard_of.update(identifier for identifier, _ in resume)
            self.links[link.boot] = link
            link.to_worker("welcome", sent)
            self.feed(events.WorkerJoined(link.boot, 1, worker.slots, worker.credit, worker.resources, resumes))
            self.feed(events.Served(link.boot, worker.versions))

        self.world.disk.write(row, done)

    def link_ended(self, link: Link) -> None:
        if self.alive and self.links.get(link.boot) is link:
            del self.links[link.boot]
            self.feed(events.WorkerDisconnected(link.boot))

    def _worker_gone(self, effect: effects.WorkerGone) -> None:
        link = self.links.pop(effect.worker, None)
        if link is not None:
            link.cut()
        self.world.disk.write(ports.EndPresence(effect.worker, effect.state, self.world.clock.now().wall))

    def _send(self, boot: str, what: str, *payload: Any) -> None:
        link = self.links.get(boot)
        if link is not None:
            link.to_worker(what, *payload)

    # -- commits -------------------------------------------------------------------------------------------------------

    def _accept(self, effect: effects.CommitAccept) -> None:
        ids = [item.id for item in effect.items]

        def done(outcomes: Any) -> None:
            if isinstance(outcomes, ports.StoreFailed):
                self._commit_failed(events.CommitFailed(accepts=ids))
                return
            good = [key for key, outcome in zip(ids, outcomes, strict=True) if outcome is ports.Outcome.OK]
            bad = [key for key, outcome in zip(ids, outcomes, strict=True) if outcome is not ports.Outcome.OK]
            if good:
                self.feed(events.AcceptCommitted(good))
            if bad:
                self.feed(events.AcceptRejected(bad))
                known = {key for key, outcome in zip(ids, outcomes, strict=True) if outcome is ports.Outcome.DUPLICATE}
                self._tell("refused", [key for key in bad if key not in known])

        self.world.disk.write(ports.Accept(effect.items), done)

    def _lease(self, effect: effects.CommitLease) -> None:
        at = self.world.clock.now().wall
        items = [ports.LeaseItem(key, fence, worker, attempt, at) for key, fence, worker, attempt in effect.items]

        def done(outcomes: Any) -> None:
            if isinstance(outcomes, ports.StoreFailed):
                self._commit_failed(events.CommitFailed(leases=[item.id for item in items]))
                return
            told = list(zip(items, outcomes, strict=True))
            good = [item.id for item, outcome in told if outcome is ports.Outcome.OK]
            bad = [item.id for item, outcome in told if outcome is not ports.Outcome.OK]
            if good:
                self.feed(events.LeaseCommitted(good))
            if bad:
                self.feed(events.LeaseStale(bad))

        self.world.disk.write(ports.Lease(items), done)

    def _complete(self, effect: effects.CommitComplete) -> None:
        items = effect.items

        def done(outcomes: Any) -> None:
            if isinstance(outcomes, ports.StoreFailed):
                self._commit_failed(events.CommitFailed(completes=[item.id for item in items]))
                return
            fine = (ports.Outcome.OK, ports.Outcome.DUPLICATE)
            good = [item.id for item, outcome in zip(items, outcomes, strict=True) if outcome in fine]
            stale = [
                (item.id, item.fence) for item, outcome in zip(items, outcomes, strict=True) if outcome not in fine
            ]
            if good:
                self.feed(events.CompleteCommitted(good))
            if stale:
                self.feed(events.CompleteStale(stale))

        self.world.disk.write(ports.Complete(items), done)

    def _requeue(self, effect: effects.CommitRequeue) -> None:
        at = self.world.clock.now().wall
        items = [ports.RequeueItem(*row, at) for row in effect.items]

        def done(outcomes: Any) -> None:
            if isinstance(outcomes, ports.StoreFailed):
                self._commit_failed(events.CommitFailed(requeues=[item.id for item in items]))

        self.world.disk.write(ports.Requeue(items), done)

    def _cancel(self, effect: effects.CommitCancel) -> None:
        ids = list(effect.ids)

        def done(outcomes: Any) -> None:
            if isinstance(outcomes, ports.StoreFailed):
                self._commit_failed(events.CommitFailed(cancels=ids))
            else:
                self.feed(events.CancelCommitted(ids))

        self.world.disk.write(ports.FlagCancel(ids, self.world.clock.now().wall), done)

    def _claim(self, effect: effects.Claim) -> None:
        def done(rows: Any) -> None:
            if isinstance(rows, ports.StoreFailed):
                self._commit_failed(events.CommitFailed(claims=[effect.lane]))
            else:
                items = [reclaimed(row) for row in rows]
                self.feed(events.Claimed(effect.lane, items, len(rows) < effect.limit))

        self.world.disk.write(ports.Claim(ports.Lane(effect.lane), effect.limit, effect.after), done)

    def _commit_failed(self, event: events.CommitFailed) -> None:
        self.feed(event)
        if not self.failed:
            self.failed = True
            self.world.clock.after(PROBE_SECONDS, self._probe)

    def _probe(self) -> None:
        def done(outcome: Any) -> None:
            if isinstance(outcome, ports.StoreFailed):
                self.world.clock.after(PROBE_SECONDS, self._probe)
            else:
                self.failed = False
                self.feed(events.StoreWorks())

        if self.alive:
            self.world.disk.write(ports.AddNotes([]), done)

    # -- time ----------------------------------------------------------------------------------------------------------

    def _wake_at(self, effect: effects.WakeAt) -> None:
        if self._wake is None or self._wake <= self.world.clock.mono or effect.mono < self._wake:
            self._wake = effect.mono
            self.world.clock.at(effect.mono, self._tick, effect.mono)

    def _tick(self, planned: float) -> None:
        if self.alive and self._wake == planned:
            self._wake = None
            self.feed(events.Tick())
