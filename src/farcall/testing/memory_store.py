"""The whole Store port in memory, for tests and simulations: the same outcomes, nothing durable.

A command takes effect when it is written; its outcome is posted, as from a real store. `refuse` makes commits fail.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from farcall.domain.errors import Failure, without_words
from farcall.domain.model import Completion, NewInvocation, Settlement
from farcall.domain.states import InvocationState
from farcall.hub.ports import (
    Accept,
    AcceptInvitation,
    AddAudit,
    AddConfirmation,
    AddNotes,
    Audited,
    BeginEpoch,
    Claim,
    CloseInvitation,
    CollectBlobs,
    Command,
    Complete,
    ConfirmEmail,
    CreateAccount,
    CreateGroup,
    CreateToken,
    DeleteGrant,
    DeleteGroup,
    EndPresence,
    Erase,
    ExpireGrants,
    Expunge,
    FlagCancel,
    FreeHandles,
    InvocationFilter,
    InvocationRow,
    Lane,
    Lease,
    LeaseItem,
    Note,
    NoteMail,
    Outcome,
    Page,
    PinBlob,
    PutGrant,
    PutInvitation,
    PutMember,
    PutPresence,
    Queued,
    RemoveMember,
    Requeue,
    RequeueItem,
    RevokeToken,
    SetDisabled,
    SetLimits,
    SetPassword,
    StoreFailed,
    TakeConfirmation,
    UseTokens,
)
from farcall.testing.memory_answers import MemoryAnswers
from farcall.testing.memory_audit import MemoryAudit
from farcall.testing.memory_catalog import MemoryCatalog, at_or_below
from farcall.testing.memory_functions import MemoryFunctions
from farcall.testing.memory_groups import MemoryGroups
from farcall.testing.memory_invitations import MemoryInvitations
from farcall.testing.memory_missed import MemoryMissed
from farcall.testing.memory_people import MemoryPeople
from farcall.testing.memory_usage import MemoryUsage

Post = Callable[[Callable[[], None]], object]


@dataclass(slots=True)
class _Record:
    seq: int
    invocation: NewInvocation
    tries_left: int
    state: InvocationState = InvocationState.QUEUED
    attempt: int = 0
    fence: int = 0  # not final: the smallest that may complete it; final: the one that did
    worker: str = ""
    started_at: float | None = None
    finished_at: float | None = None
    run_seconds: float = 0.0
    result: bytes = b""
    failure: Failure | None = None
    cancelled_at: float | None = None
    expunged: bool = False
    cpu_seconds: float = 0.0
    erased_at: float | None = None

    @property
    def lane(self) -> tuple[int, int, int]:
        return self.invocation.version, self.invocation.priority, self.invocation.caller


class MemoryStore(MemoryAnswers):
    """The Store port. `wall` tells the time for what expires."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self.catalog = MemoryCatalog()
        self.people = MemoryPeople(self.catalog)
        self.invitations = invitations = MemoryInvitations(self.catalog)
        self._usage = MemoryUsage(self.catalog)
        self._audit = MemoryAudit(self.catalog)
        self._missed = MemoryMissed(self.catalog)
        self._wall = wall
        self._records: dict[bytes, _Record] = {}
        self._last_seq = 0
        self._notes: dict[bytes, list[Note]] = {}
        self._refusal = ""
        self._post: Post = lambda call: call()
        catalog, people = self.catalog, self.people
        self._functions = functions = MemoryFunctions(catalog, invitations, self._unfinished_of)
        self._groups = groups = MemoryGroups(catalog, functions, invitations)
        self._handlers: dict[type, Callable[[Any], Any]] = {
            Accept: lambda command: [self._accept(item) for item in command.items],
            Lease: lambda command: [self._lease(item) for item in command.items],
            Complete: lambda command: [self._complete(item) for item in command.items],
            Requeue: lambda command: [self._requeue(item) for item in command.items],
            FlagCancel: lambda command: [self._flag(identifier, command.at) for identifier in command.ids],
            Claim: self._claim,
            AddNotes: lambda command: [self._add_note(note) for note in command.items],
            Expunge: self._expunge,
            CreateGroup: groups.create_group,
            PutMember: groups.put_member,
            RemoveMember: groups.remove_member,
            DeleteGroup: groups.delete_group,
            Audited: self._audited,
            AddAudit: self._audit.add_audit,
            BeginEpoch: catalog.begin_epoch,
            CreateAccount: catalog.create_account,
            SetDisabled: catalog.set_disabled,
            CreateToken: catalog.create_token,
            RevokeToken: catalog.revoke_token,
            SetPassword: people.set_password,
            ConfirmEmail: people.confirm_email,
            AddConfirmation: people.add_confirmation,
            TakeConfirmation: people.take_confirmation,
            FreeHandles: people.free_handles,
            UseTokens: people.use_tokens,
            PutGrant: catalog.put_grant,
            DeleteGrant: catalog.delete_grant,
            PutInvitation: invitations.put_invitation,
            AcceptInvitation: invitations.accept_invitation,
            CloseInvitation: invitations.close_invitation,
            NoteMail: invitations.note_mail,
            ExpireGrants: invitations.expire_grants,
            **functions.handlers,
            **self._missed.handlers,
            PutPresence: catalog.put_presence,
            EndPresence: catalog.end_presence,
            PinBlob: catalog.pin_blob,
            CollectBlobs: catalog.collect_blobs,
            SetLimits: catalog.set_limits,
            Erase: self._erase,
        }

    # -- life and commands ---------------------------------------------------------------------------------------------

    def open(self, post: Post) -> None:
        self._post = post

    async def close(self) -> None:
        self.refuse("the store is closed")

    def refuse(self, reason: str) -> None:
        """From now on every command fails with `reason`; an empty one ends that."""
        self._refusal = reason

    def write(self, command: Command, done: Callable[[Any], None] | None = None) -> None:
        outcome: Any = StoreFailed(self._refusal) if self._refusal else self._handlers[type(command)](command)
        if done is not None:
            self._post(lambda: done(outcome))

    def _audited(self, command: Audited) -> Any:
        outcome = self._handlers[type(command.command)](command.command)
        self._audit.add(command.entries(outcome))
        return outcome

    async def do(self, command: Command) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.write(command, lambda outcome: None if answer.done() else answer.set_result(outcome))
        outcome = await answer
        if isinstance(outcome, StoreFailed):
            raise outcome
        return outcome

    # -- commands about invocations ------------------------------------------------------------------------------------

    def _accept(self, item: NewInvocation) -> Outcome:
        before = self._records.get(item.id)
        if before is not None:
            held = before.invocation
            same = held.request_digest == item.request_digest and held.caller == item.caller
            return Outcome.DUPLICATE if same else Outcome.CONFLICT
        known = self.catalog.versions.get(item.version)
        if known is None or known.deleted:
            return Outcome.MISSING
        caller = self.catalog.accounts.get(item.caller)
        if caller is None or caller.disabled or caller.access_epoch != item.access_epoch:
            return Outcome.DENIED
        self._last_seq += 1
        self._records[item.id] = _Record(self._last_seq, msgspec.structs.replace(item), item.tries_left)
        self.catalog.refer(item.blobs, item.id)
        return Outcome.OK

    def _lease(self, item: LeaseItem) -> Outcome:
        record = self._records.get(item.id)
        if record is None:
            return Outcome.MISSING
        if record.state.final or item.fence < record.fence or record.cancelled_at is not None:
            return Outcome.STALE
        record.state = InvocationState.RUNNING
        record.fence, record.worker, record.attempt = item.fence, item.worker, item.attempt
        return Outcome.OK

    def _complete(self, item: Completion) -> Outcome:
        record = self._records.get(item.id)
        if record is None:
            return Outcome.MISSING
        if item.request_digest and item.request_digest != record.invocation.request_digest:
            return Outcome.STALE
        if record.state.final:
            return Outcome.DUPLICATE if item.fence and item.fence == record.fence else Outcome.STALE
        if item.fence and item.fence < record.fence:
            return Outcome.STALE
        record.state, record.fence, record.worker = item.state, item.fence, item.worker
        record.attempt, record.result, record.failure = item.attempt, item.result, item.failure
        record.started_at, record.finished_at = item.started_at, item.finished_at
        record.run_seconds, record.cpu_seconds = item.run_seconds, item.cpu_seconds
        self._usage.charge(record.invocation, item)
        self.catalog.refer(item.blobs, item.id)
        return Outcome.OK

    def _requeue(self, item: RequeueItem) -> Outcome:
        record = self._records.get(item.id)
        if record is None:
            return Outcome.MISSING
        if record.state.final or item.fence < record.fence:
            return Outcome.STALE
        record.state, record.fence, record.worker = InvocationState.QUEUED, item.fence + 1, item.worker
        record.attempt, record.tries_left = item.attempt, item.tries_left
        detail = {"worker": item.worker, "attempt": item.attempt, "tries_left": item.tries_left, "reason": item.reason}
        return self._add_note(Note(item.id, item.at, "requeued", detail))

    def _flag(self, identifier: bytes, at: float) -> Outcome:
        record = self._records.get(identifier)
        if record is None:
            return Outcome.MISSING
        if record.state.final:
            return Outcome.STALE
        if record.cancelled_at is not None:
            return Outcome.DUPLICATE
        record.cancelled_at = at
        return Outcome.OK

    def _claim(self, command: Claim) -> list[Queued]:
        after = self._records[command.after].seq if command.after in self._records else 0
        found = [
            record
            for record in self._records.values()
            if record.state is InvocationState.QUEUED and record.lane == tuple(command.lane) and record.seq > after
        ]
        return [_queued(record) for record in found[: command.limit]]

    def _add_note(self, note: Note) -> Outcome:
        self._notes.setdefault(note.id, []).append(note)
        return Outcome.OK

    def _expunge(self, command: Expunge) -> int:
        count = 0
        for record in self._records.values():
            if count == command.limit:
                break
            finished_at = record.finished_at
            if record.expunged or finished_at is None or finished_at >= command.before:
                continue
            count += bool(record.invocation.arguments or record.result)
            self._empty(record)
        return count

    def _empty(self, record: _Record) -> None:
        record.invocation.arguments, record.invocation.blobs = b"", ()
        record.result, record.expunged = b"", True
        self.catalog.references = {pair for pair in self.catalog.references if pair[1] != record.invocation.id}

    def _erase(self, command: Erase) -> Outcome:
        record = self._records.get(command.id)
        if record is None:
            return Outcome.MISSING
        if not record.state.final:
            return Outcome.STALE
        if record.erased_at is not None:
            return Outcome.DUPLICATE
        record.erased_at = command.at
        record.failure = record.failure and without_words(record.failure)
        self._empty(record)
        return Outcome.OK

    # -- questions about invocations -----------------------------------------------------------------------------------

    async def lanes(self) -> list[tuple[Lane, int]]:
        counts: dict[tuple[int, int, int], int] = {}
        for record in self._records.values():
            if record.state is InvocationState.QUEUED:
                counts[record.lane] = counts.get(record.lane, 0) + 1
        return [(Lane(lane), count) for lane, count in sorted(counts.items())]

    async def leased(self) -> list[Queued]:
        return [_queued(record) for record in self._records.values() if record.state is InvocationState.RUNNING]

    async def queued(self, ids: Sequence[bytes]) -> list[Queued]:
        found = [self._records[identifier] for identifier in set(ids) if identifier in self._records]
        return [_queued(record) for record in sorted(found, key=lambda record: record.seq) if not record.state.final]

    async def unfinished(self, caller: int) -> list[tuple[bytes, str]]:
        return [
            (record.invocation.id, self.catalog.versions[record.invocation.version].name)
            for record in self._records.values()
            if record.invocation.caller == caller and not record.state.final
        ]

    async def settlements(self, ids: Sequence[bytes], caller: int) -> tuple[list[Settlement], list[bytes], list[bytes]]:
        ended: list[Settlement] = []
        going_on: list[bytes] = []
        unknown: list[bytes] = []
        for identifier in ids:
            record = self._records.get(identifier)
            if record is None or record.invocation.caller != caller:
                unknown.append(identifier)
            elif not record.state.final:
                going_on.append(identifier)
            else:
                ended.append(Settlement(identifier, record.state, record.result, record.failure, record.attempt))
        return ended, going_on, unknown

    async def invocation(self, identifier: bytes) -> InvocationRow | None:
        record = self._records.get(identifier)
        return None if record is None else self._row(record)

    def _row(self, record: _Record) -> InvocationRow:
        invocation = record.invocation
        version = self.catalog.versions[invocation.version]
        return InvocationRow(
            id=invocation.id,
            function=version.name,
            version=version.version,
            number=version.number,
            caller=invocation.caller,
            caller_handle=self.catalog.accounts[invocation.caller].handle,
            owner=version.owner,
            state=record.state,
            created_at=invocation.created_at,
            started_at=record.started_at,
            finished_at=record.finished_at,
            run_seconds=record.run_seconds,
            attempt=record.attempt,
            tries_left=record.tries_left,
            worker=record.worker,
            priority=invocation.priority,
            cancel_requested_at=record.cancelled_at,
            arguments=invocation.arguments,
            result=record.result,
            failure=record.failure,
            options_timeout_seconds=invocation.timeout_seconds,
            expires_at=invocation.expires_at,
            cpu_seconds=record.cpu_seconds,
            erased_at=record.erased_at,
        )

    async def invocations(self, query: InvocationFilter) -> Page:
        before = int(query.cursor) if query.cursor else self._last_seq + 1
        newest_first = reversed(self._records.values())
        found = [record for record in newest_first if record.seq < before and self._matches(record, query)]
        chosen = found[: query.limit]
        after = str(chosen[-1].seq) if len(found) > query.limit else None
        return Page([self._row(record) for record in chosen], after)

    def _matches(self, record: _Record, query: InvocationFilter) -> bool:
        version = self.catalog.versions[record.invocation.version]
        return (
            query.caller in (None, record.invocation.caller)
            and (query.owners is None or version.owner in query.owners)
            and (query.function is None or at_or_below(version.name, query.function))
            and (query.state in (None, record.state) or query.or_state is record.state)
            and (query.since is None or record.invocation.created_at >= query.since)
        )

    async def notes(self, identifier: bytes) -> list[Note]:
        return sorted(self._notes.get(identifier, []), key=lambda note: note.at)

    async def unfinished_of(self, version: int) -> int:
        return self._unfinished_of(version)

    def _unfinished_of(self, version: int) -> int:
        return sum(r.invocation.version == version and not r.state.final for r in self._records.values())

    async def blob_readable(self, digest: str, account: int, token: int = 0, only: Sequence[str] = ()) -> bool:
        pins = self.catalog.token_pins if only else self.catalog.pins
        if pins.get((digest, token if only else account), 0.0) > self._wall():
            return True
        rows = [self._row(self._records[invocation]) for held, invocation in self.catalog.references if held == digest]
        return any(account in (row.caller, row.owner) and self._within(row, only) for row in rows)

    def _within(self, row: InvocationRow, only: Sequence[str]) -> bool:
        function = self.catalog.versions[row.version].function
        passing = [path for path, (target, passes) in self._functions.links.items() if target == function and passes]
        return not only or any(at_or_below(name, limit) for name in (row.function, *passing) for limit in only)


def _queued(record: _Record) -> Queued:
    leased = record.state is InvocationState.RUNNING
    invocation = msgspec.structs.replace(record.invocation, access_epoch=0, tries_left=record.tries_left)
    fence, worker = (record.fence, record.worker) if leased else (0, "")
    return Queued(invocation, record.attempt, fence, worker, record.cancelled_at is not None)
