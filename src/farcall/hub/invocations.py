"""Taking invocations in: access, limits, arguments; then the dispatcher has them. Also attach, cancel, explain."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from blake3 import blake3

from farcall import payload
from farcall.domain import access
from farcall.domain import ids as identifiers
from farcall.domain.errors import Failure, Refused
from farcall.domain.interface import Interface
from farcall.domain.model import ID_BYTES, CallOptions, NewInvocation, Settlement
from farcall.domain.states import InvocationState
from farcall.hub import ports
from farcall.hub.catalog import Catalog
from farcall.hub.dispatch import events
from farcall.hub.dispatcher import Dispatcher
from farcall.wire import frames

_FUTURE_TOLERANCE_SECONDS = 86_400.0


@dataclass(slots=True)
class Target:
    """A version as one subject may call it, resolved once and good for as long as both epochs hold."""

    row: ports.VersionRow
    interface: Interface
    access_epoch: int
    catalog_epoch: int


@dataclass(slots=True)
class Call:
    """One item of a submission: an id made by the caller, and the canonical payload of the bound arguments."""

    id: bytes
    arguments: bytes


class Ticket:
    """A caller that waits for one invocation without a channel (REST). A `CallerLink`."""

    def __init__(self, account: int, identifier: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.account = account
        self.id = identifier
        self._accepted: asyncio.Future[None] = loop.create_future()
        self._settled: asyncio.Future[Settlement] = loop.create_future()

    def send(self, frame: Any) -> None:
        if isinstance(frame, frames.Accepted | frames.Cancelling):
            self._committed()
        elif isinstance(frame, frames.Settled):
            self._committed()
            if not self._settled.done():
                self._settled.set_result(next(item for item in frame.items if item.id == self.id))
        elif isinstance(frame, frames.RefusedItems):
            refusal = Refused.of(frame.items[0].failure)
            for future in (self._accepted, self._settled):
                if not future.done():
                    future.set_exception(refusal)
                    future.exception()  # it may have no reader

    def _committed(self) -> None:
        if not self._accepted.done():
            self._accepted.set_result(None)

    async def accepted(self) -> None:
        """Returns once the invocation is committed; raises Refused."""
        await asyncio.shield(self._accepted)

    async def settled(self, timeout_seconds: float | None = None) -> Settlement | None:
        """The outcome, or None if there is none in time; raises Refused."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._settled), timeout_seconds)
        except TimeoutError:
            return None


class Invocations:
    """The use case behind `Submit` and its REST twin."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        store: ports.Store,
        catalog: Catalog,
        *,
        ready_for: Callable[[int], int],
        inline_limit_bytes: int = frames.INLINE_LIMIT_BYTES,
        resume_window_seconds: float = 86_400.0,
    ) -> None:
        self._dispatcher = dispatcher
        self._store = store
        self._catalog = catalog
        self._ready_for = ready_for
        self._inline_limit = inline_limit_bytes
        self._resume_window = resume_window_seconds
        self._targets: dict[tuple[int, str, bytes], Target] = {}
        dispatcher.epoch_if_allowed = self._epoch_if_allowed

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
        target = Target(row, compiled, subject.access_epoch, epoch)
        self._targets[(subject.token, function, interface)] = target
        self._dispatcher.feed(events.VersionPublished(events.VersionFacts(row.version, row.name, row.options)))
        self._dispatcher.name_caller(subject.key, subject.handle)
        return target

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
        row = target.row
        interface = target.interface
        declared = row.options
        now = time.time()
        timeout = shorter(declared.timeout_seconds, options.timeout_seconds)
        expires_at = None if options.expires_seconds is None else now + options.expires_seconds
        queue = declared.queue if options.queue is None else options.queue
        priority = max(-100, min(100, options.priority))
        salt = _digest_salt(row, options)
        accepted: list[NewInvocation] = []
        refused: list[tuple[bytes, Failure]] = []
        unvetted: list[tuple[Call | frames.SubmitItem, list[str]]] = []
        status = dispatcher.core.status
        for call in calls:
            identifier, arguments = call.id, call.arguments
            if len(arguments) > self._inline_limit or len(identifier) != ID_BYTES:
                refused.append((identifier, self._malformed(identifier, arguments)))
                continue
            try:
                view = payload.plain(arguments)
                if type(view) is not dict:
                    raise payload.MalformedPayload("arguments are an object of values by name")
                problems = interface.validate(view)
            except payload.MalformedPayload as error:
                refused.append((identifier, Failure("invalid_arguments", f"The arguments are malformed: {error}")))
                continue
            if problems:
                refused.append((identifier, invalid_arguments(row.name, problems)))
                continue
            age = now - identifiers.created_seconds(identifier)
            if not -_FUTURE_TOLERANCE_SECONDS < age < self._resume_window:
                failure_of_age = self._wrong_age(subject, identifier, options)
                if failure_of_age is not None:
                    refused.append((identifier, failure_of_age))
                    continue
            elif options.key:
                refused.append((identifier, Failure("invalid_request", "The id was not made from the key.")))
                continue
            references = payload.blob_digests(arguments)
            if references and not vetted:
                unvetted.append((call, [digest for digest, _ in references]))
                continue
            invocation = NewInvocation(
                identifier,
                row.version,
                subject.key,
                arguments,
                blake3(salt + arguments).digest(16),
                now,
                priority,
                timeout,
                expires_at,
                queue,
                declared.tries,
                subject.access_epoch,
                tuple(digest for digest, _ in references) if references else (),
                options.key,
            )
            if status(identifier) is not None:
                self._repeated(invocation, link, refused)
                continue
            dispatcher.wait(identifier, link)
            accepted.append(invocation)
        if accepted:
            eager = not (acknowledge or options.key or declared.never_twice)
            dispatcher.feed(events.Submitted(row.version, accepted, eager, acknowledge))
        if unvetted:
            dispatcher.later(self._vet(subject, target, options, unvetted, link, acknowledge))
        return refused

    async def _vet(
        self,
        subject: access.Subject,
        target: Target,
        options: CallOptions,
        calls: Sequence[tuple[Call | frames.SubmitItem, list[str]]],
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
                    readable[digest] = await self._store.blob_readable(digest, subject.key)
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
            refused.append((invocation.id, Failure("conflict", "Another request has this id.", "Use a new one.")))
            return
        self._dispatcher.wait(invocation.id, link)
        self._dispatcher.later(self._dispatcher.answer_known(invocation.id, invocation.caller))

    def _malformed(self, identifier: bytes, arguments: bytes) -> Failure:
        if len(identifier) != ID_BYTES:
            return Failure("invalid_request", f"An invocation id has {ID_BYTES} bytes, not {len(identifier)}.")
        return Failure(
            "too_large",
            f"The arguments take {len(arguments)} bytes; at most {self._inline_limit} travel in a frame.",
            "Send large values as blobs.",
        )

    def _wrong_age(self, subject: access.Subject, identifier: bytes, options: CallOptions) -> Failure | None:
        if identifiers.is_keyed(identifier):
            if options.key and identifier == identifiers.keyed_id(subject.handle, options.key):
                return None
            return Failure("invalid_request", "The id was not made from the key.")
        if identifiers.created_seconds(identifier) > time.time():
            return Failure("invalid_request", "The id claims a time that lies in the future.", "Set the clock.")
        return Failure(
            "outcome_unknown",
            "The invocation is older than the resume window; whether it ran is no longer known.",
            "It was not run again. Look at its effects, then call anew.",
        )

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
        )

    # -- later ---------------------------------------------------------------------------------------------------------

    async def attach(
        self, subject: access.Subject, ids: Sequence[bytes], link: ports.CallerLink
    ) -> tuple[list[Settlement], list[bytes], list[bytes]]:
        """(ended, going on, unknown); `link` will hear of those that go on."""
        dispatcher = self._dispatcher
        live: list[bytes] = []
        others: list[bytes] = []
        for identifier in ids:
            held = dispatcher.core.invocation(identifier)
            if held is not None and held.caller == subject.key:
                dispatcher.wait(identifier, link)
                live.append(identifier)
            else:
                others.append(identifier)
        if not others:
            return [], live, []
        ended, going_on, unknown = await self._store.settlements(others, subject.key)
        for identifier in going_on:
            dispatcher.wait(identifier, link)
        unsure = [identifier for identifier in going_on if dispatcher.core.status(identifier) is None]
        if unsure:  # it may have ended between the read and the wait
            late, _, _ = await self._store.settlements(unsure, subject.key)
            ended = [*ended, *late]
            gone = {item.id for item in late}
            going_on = [identifier for identifier in going_on if identifier not in gone]
        return list(ended), live + list(going_on), list(unknown)

    async def cancel(self, subject: access.Subject, identifier: bytes) -> bool:
        """Begin to cancel; False if it had finished. Raises Refused (not found)."""
        held = self._dispatcher.core.invocation(identifier)
        if held is None or held.caller != subject.key:
            row = await self._store.invocation(identifier)
            if row is None or not (subject.admin or subject.key in (row.caller, row.owner)):
                raise Refused("not_found", f"There is no invocation {identifiers.to_text(identifier)}.")
            if row.state.final:
                return False
        self._dispatcher.feed(events.CancelRequested([identifier]))
        return True

    async def access_changed(self, account: int) -> None:
        """What waits in the name of an account that may no longer call it is cancelled."""
        owner = await self._store.account(key=account)
        lost = []
        for version in self._dispatcher.core.versions_of(account):
            row = await self._store.version(key=version)
            if owner is None or row is None or not await self._may_still(owner, row):
                lost.append(version)
        if lost:
            self._dispatcher.feed(events.AccessChanged(account, lost))

    async def _epoch_if_allowed(self, item: NewInvocation) -> int | None:
        """The caller's access epoch, if the account may still make this call."""
        account = await self._store.account(key=item.caller)
        row = await self._store.version(key=item.version)
        if account is None or row is None or not await self._may_still(account, row):
            return None
        return account.access_epoch

    async def _may_still(self, account: ports.AccountRow, row: ports.VersionRow) -> bool:
        if account.disabled:
            return False
        grants = tuple(
            access.Grant(grant.path, access.GRANTABLE[grant.level])
            for grant in await self._store.grants_to(account.key)
            if grant.level in access.GRANTABLE
        )
        scopes = frozenset({"invoke"})
        subject = access.Subject(
            account.key, account.handle, account.admin, account.access_epoch, 0, scopes, grants=grants
        )
        return access.decide(subject, "invoke", row.name).allowed

    def live_state(self, identifier: bytes) -> InvocationState | None:
        """The state of what the core holds; None: the store knows."""
        state: InvocationState | None = self._dispatcher.core.status(identifier)
        return state

    def progress(self, identifier: bytes) -> tuple[float, str] | None:
        return self._dispatcher.progress(identifier)


def shorter(one: float | None, other: float | None) -> float | None:
    """The shorter of two limits, None being no limit."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def invalid_arguments(name: str, problems: Sequence[Any]) -> Failure:
    """One failure that lists every bad argument with its path."""
    pairs = [(problem.path, problem.message) for problem in problems]
    first = f"{pairs[0][0]}: {pairs[0][1]}" if pairs[0][0] else pairs[0][1]
    more = f" (and {len(pairs) - 1} more)" if len(pairs) > 1 else ""
    return Failure("invalid_arguments", f"{name}: {first}{more}", f"See farcall show {name}.", problems=pairs)


_encode_options = msgspec.msgpack.Encoder().encode


def _digest_salt(row: ports.VersionRow, options: CallOptions) -> bytes:
    """What the request digest covers beside the arguments."""
    return row.digest + _encode_options(options)
