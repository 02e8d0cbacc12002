"""Taking invocations in: who may call what; then the dispatcher has them. Also attaching to them, and cancelling."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence

from farcall.domain import access
from farcall.domain import ids as identifiers
from farcall.domain.errors import Failure, Refused
from farcall.domain.model import CallOptions, NewInvocation, Settlement
from farcall.domain.states import InvocationState
from farcall.hub import ports
from farcall.hub.admission import Bounds, Call, Target, Terms
from farcall.hub.catalog import Catalog
from farcall.hub.dispatch import events
from farcall.hub.dispatcher import Dispatcher, now
from farcall.hub.quotas import Quota, Quotas
from farcall.hub.records import as_told, may_see, require_scope
from farcall.hub.tickets import Ticket
from farcall.wire import frames


class Invocations:
    """The use case behind `Submit` and its REST twin."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        store: ports.Store,
        catalog: Catalog,
        *,
        ready_for: Callable[[int], int],
        quotas: Quotas | None = None,
        inline_limit_bytes: int = frames.INLINE_LIMIT_BYTES,
        resume_window_seconds: float = 86_400.0,
    ) -> None:
        self._dispatcher = dispatcher
        self._store = store
        self._catalog = catalog
        self._ready_for = ready_for
        self._quotas = quotas
        if quotas is not None:
            dispatcher.quotas = quotas
            dispatcher.callers.on_refused = quotas.refused
        self._bounds = Bounds(inline_limit_bytes, resume_window_seconds)
        self._targets: dict[tuple[int, str, bytes], Target] = {}
        self._vetting: dict[bytes, asyncio.Task[None]] = {}  # calls whose blobs are looked at

    # -- taking in -----------------------------------------------------------------------------------------------------

    def known_target(self, subject: access.Subject, function: str, interface: bytes) -> Target | None:
        """What `target` found before, if neither access nor catalog changed since."""
        target = self._targets.get((subject.token, function, interface))
        if (
            target is not None
            and target.access_epoch == subject.access_epoch
            and target.catalog_epoch == self._catalog.epoch
        ):
            return target
        return None

    async def target(self, subject: access.Subject, function: str, interface: bytes = b"") -> Target:
        """Resolve and check that the subject may invoke it; raises Refused."""
        known = self.known_target(subject, function, interface)
        if known is not None:
            return known
        epoch = self._catalog.epoch
        row = await self._catalog.version_for(subject, function, "invoke")
        compiled = self._catalog.interface(row)
        if interface and interface != row.interface:
            raise Refused(
                "signature_changed",
                f"{row.name} has changed since you imported it: {await self._catalog.changes(row, interface)}",
                "Import it again (a new process, or farcall.get), and adapt the call.",
            )
        if len(self._targets) > 100_000:
            self._targets.clear()
        quota = None if self._quotas is None else await self._quota(self._quotas, subject, row.name)
        target = Target(row, compiled, subject.access_epoch, epoch, quota)
        self._targets[(subject.token, function, interface)] = target
        self._dispatcher.feed(events.VersionPublished(events.VersionFacts(row.version, row.name, row.options)))
        self._dispatcher.name_caller(subject.key, subject.handle)
        return target

    async def _quota(self, quotas: Quotas, subject: access.Subject, name: str) -> Quota | None:
        found = await self._catalog.function(name)
        return await quotas.of(subject, name, found.passing if found is not None else ())

    def submit(
        self,
        subject: access.Subject,
        target: Target,
        options: CallOptions,
        calls: Sequence[Call | frames.SubmitItem],
        link: ports.CallerLink,
        *,
        acknowledge: bool,
        vetted: bool = False,
    ) -> list[tuple[bytes, Failure]]:
        """Hand calls to the dispatcher, each accepted or refused by itself; returns the refused.

        `link` hears of the others: `Accepted` if it asked for it, and `Settled`. Calls that name blobs are looked at
        first, unless they are `vetted`; if one may not be named, `link` hears `RefusedItems`.
        """
        dispatcher = self._dispatcher
        if not dispatcher.accepting:
            failure = Failure("hub_unavailable", "The hub cannot store anything now.", "Try again in a while.")
            return [(call.id, failure) for call in calls]
        terms = target.terms
        if terms is None or terms.options != options:
            terms = target.terms = Terms(subject, target, options, self._bounds)
        if terms.wrong is not None:
            return [(call.id, terms.wrong) for call in calls]
        at = time.time()
        accepted: dict[bytes, NewInvocation] = {}
        refused: list[tuple[bytes, Failure]] = []
        unvetted: list[tuple[Call | frames.SubmitItem, tuple[str, ...]]] = []
        status, waited_for = dispatcher.core.status, dispatcher.callers.links
        for call in calls:
            admitted = terms.admit(call, at)
            if isinstance(admitted, Failure):
                refused.append((call.id, admitted))
            elif admitted.blobs and not vetted:
                unvetted.append((call, admitted.blobs))
            elif status(admitted.id) is not None:
                self._repeated(admitted, link, refused)
            elif admitted.id not in accepted and waited_for(admitted.id):
                dispatcher.later(self._beside(admitted, link, acknowledge))
            elif admitted.id not in accepted:
                over = None if target.quota is None else target.quota.take(admitted.id, now())
                if over is not None:
                    self._too_much(admitted, over, link, refused)
                    continue
                dispatcher.callers.add(admitted.id, link)
                accepted[admitted.id] = admitted
            elif accepted[admitted.id].request_digest != admitted.request_digest:
                refused.append((admitted.id, Failure("conflict", "Two requests have this id.", "Use another one.")))
        if accepted:
            eager = not (acknowledge or options.key or target.row.options.never_twice)
            dispatcher.feed(events.Submitted(target.row.version, list(accepted.values()), eager, acknowledge))
        if unvetted:
            task = dispatcher.later(self._vet(subject, target, options, unvetted, link, acknowledge))
            self._vetting.update((call.id, task) for call, _ in unvetted)
            task.add_done_callback(lambda _: self._vetted([call.id for call, _ in unvetted], task))
        return refused

    def _vetted(self, ids: Sequence[bytes], task: asyncio.Task[None]) -> None:
        for identifier in ids:
            if self._vetting.get(identifier) is task:
                del self._vetting[identifier]

    async def _vet(
        self,
        subject: access.Subject,
        target: Target,
        options: CallOptions,
        calls: Sequence[tuple[Call | frames.SubmitItem, tuple[str, ...]]],
        link: ports.CallerLink,
        acknowledge: bool,
    ) -> None:
        """A digest is no capability: a call may name only what its caller may read."""
        readable: dict[str, bool] = {}
        good: list[Call | frames.SubmitItem] = []
        refused: list[tuple[bytes, Failure]] = []
        for call, digests in calls:
            for digest in digests:
                if digest not in readable:
                    readable[digest] = await self._store.blob_readable(digest, subject.key, subject.token, subject.only)
            hidden = next((digest for digest in digests if not readable[digest]), None)
            if hidden is None:
                good.append(call)
            else:
                message = f"There is no blob {hidden}, or you may not know of it."
                refused.append((call.id, Failure("not_found", message, "Upload it first.")))
        if good:
            refused += self.submit(subject, target, options, good, link, acknowledge=acknowledge, vetted=True)
        if refused:
            link.send(frames.RefusedItems([frames.RefusedItem(*pair) for pair in refused]))

    def _repeated(
        self, invocation: NewInvocation, link: ports.CallerLink, refused: list[tuple[bytes, Failure]]
    ) -> None:
        """The core holds this id: the same request waits with it, another is a conflict."""
        held = self._dispatcher.core.invocation(invocation.id)
        if held is None or held.caller != invocation.caller or held.request_digest != invocation.request_digest:
            refused.append((invocation.id, _taken()))
            return
        self._dispatcher.callers.add(invocation.id, link)
        self._dispatcher.later(self._dispatcher.answer_repeated(invocation, link))

    def _too_much(
        self,
        invocation: NewInvocation,
        failure: Failure,
        link: ports.CallerLink,
        refused: list[tuple[bytes, Failure]],
    ) -> None:
        """Over a limit. What has a key may have been accepted before, and then that is the answer."""
        if not invocation.key:
            refused.append((invocation.id, failure))
            return

        async def look() -> None:
            _, _, unknown = await self._store.settlements([invocation.id], invocation.caller)
            if unknown:
                link.send(frames.RefusedItems([frames.RefusedItem(invocation.id, failure)]))
                return
            self._dispatcher.callers.add(invocation.id, link)
            await self._dispatcher.answer_known(invocation.id, invocation.caller)

        self._dispatcher.later(look())

    async def _beside(self, invocation: NewInvocation, link: ports.CallerLink, acknowledge: bool) -> None:
        """Somebody waits for this id, but the core does not hold it: the store knows whether this is the same request.

        Told of a conflict is only who sent this one.
        """
        dispatcher = self._dispatcher
        for row in await self._store.queued([invocation.id]):
            held = row.invocation
            if held.caller != invocation.caller or held.request_digest != invocation.request_digest:
                link.send(frames.RefusedItems([frames.RefusedItem(invocation.id, _taken())]))
                return
            dispatcher.callers.add(invocation.id, link)
            await dispatcher.answer_known(invocation.id, invocation.caller)
            return
        dispatcher.callers.add(invocation.id, link)
        dispatcher.feed(events.Submitted(invocation.version, [invocation], False, acknowledge))

    # -- for REST ------------------------------------------------------------------------------------------------------

    async def submit_one(
        self,
        subject: access.Subject,
        name: str,
        arguments: bytes,
        options: CallOptions,
        *,
        identifier: bytes | None = None,
        acknowledge: bool = False,
    ) -> Ticket:
        """One call; raises Refused. With an idempotency key in the options the id follows from it."""
        ticket = (await self.submit_many(subject, name, [arguments], options, identifier, acknowledge=acknowledge))[0]
        if isinstance(ticket, Failure):
            raise Refused.of(ticket)
        return ticket

    async def submit_many(
        self,
        subject: access.Subject,
        name: str,
        arguments: Sequence[bytes],
        options: CallOptions,
        identifier: bytes | None = None,
        *,
        acknowledge: bool = True,
    ) -> list[Ticket | Failure]:
        """Many calls of one function, each accepted or refused by itself. A key goes with a single call only."""
        target = await self.target(subject, name)
        answers: list[Ticket | Failure] = []
        for body in arguments:
            if options.key:
                own = identifiers.keyed_id(subject.handle, options.key)
            else:
                own = identifier or identifiers.invocation_id(time.time(), os.urandom(16))
            ticket = Ticket(subject.key, own)
            refused = self.submit(subject, target, options, [Call(own, body)], ticket, acknowledge=acknowledge)
            answers.append(refused[0][1] if refused else ticket)
        return answers

    async def resolve(self, subject: access.Subject, name: str) -> frames.Resolved:
        """What a caller must know to call `name`; raises Refused."""
        row = await self._catalog.version_for(subject, name, "view")
        return frames.Resolved(
            0,
            row.name,
            row.number,
            row.interface,
            row.document,
            row.owner_handle,
            workers=self._ready_for(row.version),
            options=row.options,
            deprecated=row.deprecated,
            seen_at=self._catalog.seen_at(row),
            typical_seconds=self._catalog.typical_seconds(row),
        )

    # -- later ---------------------------------------------------------------------------------------------------------

    async def attach(
        self, subject: access.Subject, ids: Sequence[bytes], link: ports.CallerLink
    ) -> tuple[list[Settlement], list[bytes], list[bytes]]:
        """(ended, going on, unknown); `link` will hear of those that go on."""
        dispatcher = self._dispatcher
        beyond: set[bytes] = set()
        if not _calls_everywhere(subject):
            beyond = set(ids) - await self._reached(subject, ids)
            ids = [identifier for identifier in ids if identifier not in beyond]
        for identifier in ids:
            held = dispatcher.core.invocation(identifier)
            if held is not None and held.caller == subject.key:
                dispatcher.callers.add(identifier, link)
        await self._recorded()  # "going on" is a promise: what is being recorded now has to be recorded first
        ended, going_on, unknown = await self._store.settlements(ids, subject.key)
        for identifier in going_on:
            dispatcher.callers.add(identifier, link)
        unsure = [identifier for identifier in going_on if dispatcher.core.status(identifier) is None]
        if unsure:  # it may have ended between the read and the wait
            late, _, _ = await self._store.settlements(unsure, subject.key)
            ended = [*ended, *late]
            gone = {item.id for item in late}
            going_on = [identifier for identifier in going_on if identifier not in gone]
        return [as_told(item) for item in ended], list(going_on), [*unknown, *beyond]

    async def _reached(self, subject: access.Subject, ids: Sequence[bytes]) -> set[bytes]:
        """Those of the subject's own calls that its token, which has limits or does not call, may be told of."""
        if not access.has_scope(subject, "invoke"):
            return set()
        await self._recorded()
        rows = [await self._store.invocation(identifier) for identifier in ids]
        return {row.id for row in rows if row is not None and row.caller == subject.key and may_see(subject, row)}

    async def _recorded(self) -> None:
        """What was on its way to the store has arrived; raises Refused (hub_unavailable)."""
        try:
            await self._store.do(ports.AddNotes([]))
        except ports.StoreFailed as error:
            raise Refused("hub_unavailable", f"The hub cannot store anything now: {error}", "Try again.") from None

    async def cancel(self, subject: access.Subject, identifier: bytes) -> bool:
        """Begin to cancel; False if it had finished. Raises Refused (not_found, permission_denied)."""
        vetting = self._vetting.get(identifier)
        if vetting is not None:  # it is about to be submitted
            await asyncio.wait([vetting])
        held = self._dispatcher.core.invocation(identifier)
        if held is None or held.caller != subject.key or not _calls_everywhere(subject):
            if held is not None:
                await self._recorded()
            row = await self._store.invocation(identifier)
            if row is None or not may_see(subject, row):
                raise Refused("not_found", f"There is no invocation {identifiers.to_text(identifier)}.")
            require_scope(subject, row, "stop it")
            if row.state.final:
                return False
        self._dispatcher.feed(events.CancelRequested([identifier]))
        return True

    def live_state(self, identifier: bytes) -> InvocationState | None:
        """The state of what the core holds; None: the store knows."""
        state: InvocationState | None = self._dispatcher.core.status(identifier)
        return state

    def progress(self, identifier: bytes) -> tuple[float, str] | None:
        return self._dispatcher.callers.progress(identifier)


def _calls_everywhere(subject: access.Subject) -> bool:
    """Whether all that its account called is within reach of the token: then nothing has to be looked up."""
    return access.has_scope(subject, "invoke") and not subject.only


def _taken() -> Failure:
    return Failure("conflict", "Another request has this id.", "Use a new one.")
