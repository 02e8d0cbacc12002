"""The shell around the dispatch core: feeds it events, carries its effects out.

One dispatcher per hub, in the hub's thread. Everything it holds may be lost with the process, and nothing accepted is:
the store has it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import structlog

from farcall.domain import ids as identifiers
from farcall.domain.errors import Failure
from farcall.domain.model import NewInvocation
from farcall.domain.states import InvocationState
from farcall.hub import ports
from farcall.hub.alarm import Alarm
from farcall.hub.dispatch import effects, events
from farcall.hub.dispatch.core import Core
from farcall.hub.dispatch.records import Reason
from farcall.hub.quotas import Quotas
from farcall.hub.records import as_told
from farcall.hub.waiting import Waiting
from farcall.wire import frames

log = structlog.get_logger("farcall.hub.dispatcher")

_PROBE_SECONDS = 1.0
_OK = ports.Outcome.OK


def now() -> events.Now:
    """Monotonic and wall time together."""
    return events.Now(time.monotonic(), time.time())


class Dispatcher:
    """Feeds the core and carries out what it wants."""

    def __init__(self, core: Core, store: ports.Store) -> None:
        self.core = core
        self._store = store
        self._workers: dict[str, ports.WorkerLink] = {}
        self._names: dict[int, str] = {}  # caller's key to handle, for offers
        self.callers = Waiting()
        self._inbox: deque[events.Event] = deque()
        self._busy = False
        self._alarm = Alarm(lambda: self.feed(events.Tick()))
        self._failed = False  # the store refuses commits; intake is closed
        self._probe: asyncio.TimerHandle | None = None
        self.on_worker_gone: Callable[[str, str], None] = lambda _boot, _state: None
        self.on_missed: Callable[[int, Sequence[int]], None] = lambda _version, _callers: None
        self.epoch_if_allowed: Callable[[NewInvocation], Awaitable[int | None]] = _nobody
        self.quotas: Quotas | None = None
        self._handlers: dict[type, Callable[[Any], None]] = {
            effects.CommitAccept: self._commit_accept,
            effects.CommitLease: self._commit_lease,
            effects.CommitComplete: self._commit_complete,
            effects.CommitRequeue: self._commit_requeue,
            effects.CommitCancel: self._commit_cancel,
            effects.Claim: self._claim,
            effects.Offer: self._offer,
            effects.Recall: self._recall,
            effects.CancelAttempts: self._cancel_attempts,
            effects.Acknowledge: self._acknowledge,
            effects.Accepted: lambda effect: self.callers.accepted(effect.ids),
            effects.Answer: lambda effect: self.callers.settled(effect.items),
            effects.Refuse: lambda effect: self.callers.refused(effect.ids, effect.failure),
            effects.Remember: self._remember,
            effects.Missed: lambda effect: self.on_missed(effect.version, effect.callers),
            effects.WorkerGone: lambda effect: self.on_worker_gone(effect.worker, effect.state),
            effects.WakeAt: lambda effect: self._alarm.set(effect.mono),
        }
        self.settled_count = 0
        self._tasks: set[asyncio.Task[None]] = set()

    # -- events in -----------------------------------------------------------------------------------------------------

    @property
    def accepting(self) -> bool:
        """False while the store refuses commits."""
        return not self._failed

    def feed(self, event: events.Event) -> None:
        """Hand the core an event. Safe to call from within an effect: it then waits its turn."""
        self._inbox.append(event)
        if self._busy:
            return
        self._busy = True
        at, handle, handlers = now(), self.core.handle, self._handlers
        try:
            while self._inbox:
                for effect in handle(self._inbox.popleft(), at):
                    handlers[type(effect)](effect)
        finally:
            self._busy = False

    # -- who is there --------------------------------------------------------------------------------------------------

    def attach_worker(self, link: ports.WorkerLink) -> ports.WorkerLink | None:
        """Route offers for this boot to `link`; returns the link it replaces."""
        old = self._workers.get(link.boot)
        self._workers[link.boot] = link
        return old

    def detach_worker(self, link: ports.WorkerLink) -> None:
        """The link is down; ignored if another has taken its place."""
        if self._workers.get(link.boot) is link:
            del self._workers[link.boot]
            self.feed(events.WorkerDisconnected(link.boot))

    def worker_link(self, boot: str) -> ports.WorkerLink | None:
        return self._workers.get(boot)

    def name_caller(self, caller: int, handle: str) -> None:
        """Offers tell the function who calls."""
        self._names[caller] = handle

    def forget_caller(self, link: ports.CallerLink) -> None:
        """The caller's channel is gone: nobody is told any more. Its invocations go on."""
        self.callers.forget(link)
        self.feed(events.CallerGone(link.account))

    # -- commits -------------------------------------------------------------------------------------------------------

    def _commit_accept(self, effect: effects.CommitAccept) -> None:
        items = effect.items

        def done(outcomes: list[ports.Outcome] | ports.StoreFailed) -> None:
            if isinstance(outcomes, ports.StoreFailed):
                self._commit_failed(outcomes, accepts=[item.id for item in items])
                return
            if outcomes.count(_OK) == len(items):
                self.feed(events.AcceptCommitted([item.id for item in items], effect.acknowledge))
            else:
                self._accept_mixed(items, outcomes, effect.acknowledge)

        self._store.write(ports.Accept(items, lazy=not effect.acknowledge), done)

    def _accept_mixed(
        self, items: Sequence[NewInvocation], outcomes: Sequence[ports.Outcome], acknowledge: bool
    ) -> None:
        good = [item.id for item, outcome in zip(items, outcomes, strict=True) if outcome is ports.Outcome.OK]
        if good:
            self.feed(events.AcceptCommitted(good, acknowledge))
        bad = [
            (item, outcome) for item, outcome in zip(items, outcomes, strict=True) if outcome is not ports.Outcome.OK
        ]
        self.feed(events.AcceptRejected([item.id for item, _ in bad]))
        for item, outcome in bad:
            if outcome is ports.Outcome.DUPLICATE:
                self.later(self.answer_known(item.id, item.caller))
            elif outcome is ports.Outcome.DENIED:
                self.later(self._look_again(item, acknowledge))
            elif outcome is ports.Outcome.MISSING:
                self.callers.refused([item.id], Failure("version_withdrawn", "This version was deleted meanwhile."))
            else:
                what = f"the key {item.key!r}" if item.key else f"the id {identifiers.to_text(item.id)}"
                self.callers.refused(
                    [item.id],
                    Failure("conflict", f"Another request has {what}.", "Use a new one, or repeat the same request."),
                )

    async def _look_again(self, item: NewInvocation, acknowledge: bool) -> None:
        """The caller's access has changed since it was checked, perhaps in something else, perhaps for the better."""
        epoch = await self.epoch_if_allowed(item)
        if epoch is None:
            self.callers.refused([item.id], Failure("permission_denied", "Your permission was withdrawn meanwhile."))
            return
        item.access_epoch = epoch
        self.feed(events.Submitted(item.version, [item], False, acknowledge))

    async def answer_known(self, identifier: bytes, caller: int) -> None:
        """A request that was accepted before: answer with what became of it."""
        ended, going_on, unknown = await self._store.settlements([identifier], caller)
        if going_on:
            self.callers.accepted(going_on)
        if ended:
            if self.quotas is not None:
                self.quotas.ended([identifier], caller)
            self.callers.settled([as_told(item) for item in ended])
        if unknown:
            self.callers.refused(
                unknown, Failure("conflict", "Another account's request has this id.", "Use a new id.")
            )

    async def answer_repeated(self, item: NewInvocation, link: ports.CallerLink) -> None:
        """A request that came before, and may be on its way into the store: `link` waits with whoever sent it first.

        What was then not accepted, or not known to the core, is submitted as if it were new.
        """
        while link in self.callers.links(item.id):
            try:
                await self._store.do(ports.AddNotes([]))  # behind it, what was on its way has arrived
            except ports.StoreFailed as error:
                self.callers.drop(item.id, link)
                failure = Failure("hub_unavailable", f"The hub cannot store anything now: {error}", "Try again.")
                link.send(frames.RefusedItems([frames.RefusedItem(item.id, failure)]))
                return
            _, _, unknown = await self._store.settlements([item.id], item.caller)
            if not unknown:
                await self.answer_known(item.id, item.caller)
                return
            if self.core.status(item.id) is None:
                self.feed(events.Submitted(item.version, [item], False, True))
                return

    def later(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run this beside the loop's other work, and keep hold of it."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _commit_lease(self, effect: effects.CommitLease) -> None:
        at = time.time()
        items = [
            ports.LeaseItem(identifier, fence, worker, attempt, at)
            for identifier, fence, worker, attempt in effect.items
        ]

        def done(outcomes: list[ports.Outcome] | ports.StoreFailed) -> None:
            if isinstance(outcomes, ports.StoreFailed):
                self._commit_failed(outcomes, leases=[item.id for item in items])
                return
            good = [item.id for item, outcome in zip(items, outcomes, strict=True) if outcome is ports.Outcome.OK]
            bad = [item.id for item, outcome in zip(items, outcomes, strict=True) if outcome is not ports.Outcome.OK]
            if good:
                self.feed(events.LeaseCommitted(good))
            if bad:
                self.feed(events.LeaseStale(bad))

        self._store.write(ports.Lease(items), done)

    def _commit_complete(self, effect: effects.CommitComplete) -> None:
        items = effect.items

        def done(outcomes: list[ports.Outcome] | ports.StoreFailed) -> None:
            if isinstance(outcomes, ports.StoreFailed):
                self._commit_failed(outcomes, completes=[item.id for item in items])
                return
            if self.quotas is not None:
                self.quotas.recorded(items, outcomes)
            good, stale = [], []
            if outcomes.count(_OK) == len(items):
                good = [item.id for item in items]
            else:
                for item, outcome in zip(items, outcomes, strict=True):
                    if outcome is _OK or outcome is ports.Outcome.DUPLICATE:
                        good.append(item.id)
                    else:
                        stale.append((item.id, item.fence))
            self.settled_count += len(good)
            if good:
                self.feed(events.CompleteCommitted(good))
            if stale:
                self.feed(events.CompleteStale(stale))

        self._store.write(ports.Complete(items, alone=len(self.core) <= len(items)), done)

    def _commit_requeue(self, effect: effects.CommitRequeue) -> None:
        at = time.time()
        items = [
            ports.RequeueItem(identifier, fence, tries, attempt, worker, reason, at)
            for identifier, fence, tries, attempt, worker, reason in effect.items
        ]

        def done(outcomes: object) -> None:
            if isinstance(outcomes, ports.StoreFailed):
                self._commit_failed(outcomes, requeues=[item.id for item in items])

        self._store.write(ports.Requeue(items), done)

    def _commit_cancel(self, effect: effects.CommitCancel) -> None:
        ids = list(effect.ids)

        def done(outcomes: list[ports.Outcome] | ports.StoreFailed) -> None:
            if isinstance(outcomes, ports.StoreFailed):
                self._commit_failed(outcomes, cancels=ids)
                return
            flagged: list[bytes] = []
            stale: list[bytes] = []
            for identifier, outcome in zip(ids, outcomes, strict=True):
                good = outcome is ports.Outcome.OK or outcome is ports.Outcome.DUPLICATE
                (flagged if good else stale).append(identifier)
            for identifier in flagged:
                self.callers.tell(identifier, frames.Cancelling([identifier]))
            if flagged:
                self.feed(events.CancelCommitted(flagged))
            if stale:
                self.feed(events.CancelStale(stale))

        self._store.write(ports.FlagCancel(ids, time.time()), done)

    def _commit_failed(
        self,
        failure: ports.StoreFailed,
        *,
        accepts: Sequence[bytes] = (),
        leases: Sequence[bytes] = (),
        completes: Sequence[bytes] = (),
        requeues: Sequence[bytes] = (),
        cancels: Sequence[bytes] = (),
        claims: Sequence[events.LaneKey] = (),
    ) -> None:
        if not self._failed:
            log.error("the store refuses commits; intake is closed", reason=str(failure))
        self._failed = True
        self.feed(events.CommitFailed(accepts, leases, completes, requeues, cancels, claims))
        if accepts:
            self.callers.refused(
                accepts,
                Failure("hub_unavailable", f"The hub cannot store anything now: {failure}", "Try again in a while."),
            )
        if self._probe is None:
            self._probe = asyncio.get_running_loop().call_later(_PROBE_SECONDS, self._probe_store)

    def _probe_store(self) -> None:
        def done(outcome: object) -> None:
            self._probe = None
            if isinstance(outcome, ports.StoreFailed):
                self._probe = asyncio.get_running_loop().call_later(_PROBE_SECONDS, self._probe_store)
                return
            log.warning("the store works again; intake is open")
            self._failed = False
            self.feed(events.StoreWorks())

        self._store.write(ports.AddNotes([]), done)

    # -- claims --------------------------------------------------------------------------------------------------------

    def _claim(self, effect: effects.Claim) -> None:
        def done(queued: list[ports.Queued] | ports.StoreFailed) -> None:
            if isinstance(queued, ports.StoreFailed):
                self._commit_failed(queued, claims=[effect.lane])
                return
            self.feed(events.Claimed(effect.lane, [reclaimed(row) for row in queued], len(queued) < effect.limit))

        self._store.write(ports.Claim(ports.Lane(effect.lane), effect.limit, effect.after), done)

    # -- to workers ----------------------------------------------------------------------------------------------------

    def _offer(self, effect: effects.Offer) -> None:
        link = self._workers.get(effect.worker)
        if link is None:
            return  # it disconnected in this very turn; the core hears of it next
        names = self._names
        link.send(
            frames.Offer(
                [
                    frames.OfferItem(
                        item.invocation.id,
                        item.fence,
                        item.invocation.version,
                        item.invocation.arguments,
                        item.attempt,
                        names.get(item.invocation.caller, ""),
                        item.invocation.timeout_seconds,
                    )
                    for item in effect.items
                ]
            )
        )

    def _recall(self, effect: effects.Recall) -> None:
        self._send_keys(effect.worker, frames.Recall, effect.items)

    def _cancel_attempts(self, effect: effects.CancelAttempts) -> None:
        self._send_keys(effect.worker, frames.CancelAttempts, effect.items)

    def _send_keys(
        self, worker: str, frame: type[frames.Recall | frames.CancelAttempts], keys: Sequence[tuple[bytes, int]]
    ) -> None:
        link = self._workers.get(worker)
        if link is not None:
            link.send(frame([frames.AttemptKey(*key) for key in keys]))

    def _acknowledge(self, effect: effects.Acknowledge) -> None:
        link = self._workers.get(effect.worker)
        if link is not None:
            link.send(
                frames.Acknowledge(
                    [frames.AttemptKey(*key) for key in effect.items], [frames.AttemptKey(*key) for key in effect.stale]
                )
            )

    # -- what is remembered, and what is passed on ---------------------------------------------------------------------

    def _remember(self, effect: effects.Remember) -> None:
        notes = []
        for identifier, what, detail in effect.items:
            facts = dict(detail)
            at = facts.pop("at", None)  # of what happened earlier
            notes.append(ports.Note(identifier, at if isinstance(at, float) else time.time(), what, facts))
        self._store.write(ports.AddNotes(notes))

    def report_progress(self, items: Sequence[frames.ProgressItem]) -> None:
        """Pass progress of current attempts on to whoever waits: it may overtake the word that they started."""
        for item in items:
            if self.core.status(item.id) in (InvocationState.QUEUED, InvocationState.RUNNING):
                self.callers.progressed(item)

    def explain(self, identifier: bytes) -> list[Reason]:
        """Why it is where it is, as far as the core holds it."""
        return self.core.explain(identifier, now())

    def stop(self) -> None:
        """No more timers, and nothing beside the loop's other work."""
        self._alarm.stop()
        if self._probe is not None:
            self._probe.cancel()
            self._probe = None
        for task in self._tasks:
            task.cancel()


async def _nobody(item: NewInvocation) -> int | None:
    """Stands until somebody knows of permissions."""
    return None


def reclaimed(row: ports.Queued) -> events.Reclaimed:
    """The store's row as the core takes it."""
    return events.Reclaimed(row.invocation, row.attempts, row.fence, row.worker, row.cancelled)
