"""The writer: one thread that drains commands into transactions, in order.

Many commands share a transaction, and so its one wait for the disk. Their outcomes are handed to the hub's thread
together, after the commit. If a transaction fails it is rolled back, all its commands are told so, and nothing behind
them is tried until a probe could be committed.

A completion that is alone, on a disk that has been quick lately, is recorded by the hub's thread itself: it takes less
time than waking the writer and being woken by it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import Any

import apsw

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
    DeleteFunction,
    DeleteGrant,
    DeleteGroup,
    DeleteLink,
    DeleteNamespace,
    DeleteVersion,
    EndPresence,
    Erase,
    ExpireGrants,
    Expunge,
    FlagCancel,
    FreeHandles,
    Lease,
    NoteMail,
    PinBlob,
    PublishVersions,
    PutGrant,
    PutInvitation,
    PutMember,
    PutPresence,
    RemoveMember,
    Rename,
    Requeue,
    RevokeToken,
    SetDisabled,
    SetLimits,
    SetPassword,
    StoreFailed,
    TakeConfirmation,
    UseTokens,
)
from farcall.stores.sqlite.audit import AuditCommands
from farcall.stores.sqlite.catalog import CatalogCommands
from farcall.stores.sqlite.functions import FunctionCommands
from farcall.stores.sqlite.groups import GroupCommands
from farcall.stores.sqlite.inflow import AcceptOrder, Admission, Inflow
from farcall.stores.sqlite.invitations import InvitationCommands
from farcall.stores.sqlite.invocations import InvocationCommands
from farcall.stores.sqlite.missed import MissedCommands
from farcall.stores.sqlite.pace import Pace, PaceLimits
from farcall.stores.sqlite.people import PeopleCommands
from farcall.stores.sqlite.presence import PresenceCommands
from farcall.stores.sqlite.queries import Statements
from farcall.stores.sqlite.usage import UsageCommands

Done = Callable[[Any], None] | None
Entry = tuple[Command, Done]

# What the disk or the database may do to a transaction. Anything else is a defect of one command.
_DISK_ERRORS = (
    apsw.FullError,
    apsw.IOError,
    apsw.ReadOnlyError,
    apsw.CantOpenError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.NoMemError,
    MemoryError,
    OSError,
)
# After these rows of `invocations` may be read, or what they are charged may change: gathered rows are written first.
_READS_ROWS = (Lease, Requeue, FlagCancel, Claim, PinBlob, CollectBlobs, Expunge, Erase, DeleteVersion)
_CHANGES_ACCESS = (
    CreateGroup,
    PutMember,
    RemoveMember,
    DeleteGroup,
    CreateAccount,
    SetDisabled,
    SetLimits,
    PutGrant,
    DeleteGrant,
    AcceptInvitation,
    ExpireGrants,
    PublishVersions,
    DeleteFunction,
    DeleteVersion,
    DeleteNamespace,
    DeleteLink,
    Rename,
)


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """How much one transaction and the log take, and how long lazy commands may wait for company."""

    batch_items: int = 4_096
    batch_bytes: int = 16 << 20
    linger_seconds: float = 0.002
    probe_seconds: float = 0.2  # after a failure, between two tries
    # 8 MiB of log before it is copied into the database: rarely enough to amortise, small enough not to be felt.
    log_pages: int = 2_000
    pace: PaceLimits = field(default_factory=PaceLimits)


class Writer:
    """Owns the writing connection from `start` until `stop` has returned."""

    def __init__(
        self,
        connection: apsw.Connection,
        statements: Statements,
        limits: WriterLimits,
        post: Callable[[Callable[[], None]], object],
    ) -> None:
        self._connection = connection
        self._statements = statements
        self._limits = limits
        self._post = post
        self._queue: deque[Entry] = deque()
        self._signals: SimpleQueue[None] = SimpleQueue()
        self._signalled = False
        self._turn = threading.Lock()  # whoever holds it carries out commands
        self._pace = Pace(limits.pace)
        self._by_hub = False  # the hub's thread does, and is told at once
        self._posted = self._heard = 0  # batches of outcomes: those on their way to the hub's thread come first
        self._lingering = False  # somebody will call `wake`
        self._left = False  # what lingered when that was arranged has left in company
        self._closing = False
        self._failure: StoreFailed | None = None
        self._probed_at = 0.0
        self._admission = Admission(connection, statements)
        self._order = AcceptOrder(connection.execute(statements["last_seq"]).get)
        self._thread = threading.Thread(target=self._run, name="farcall-store-writer", daemon=True)
        self._invocations = InvocationCommands(connection, statements)
        self._audit = AuditCommands(connection, statements)
        catalog = CatalogCommands(connection, statements)
        functions = FunctionCommands(connection, statements)
        invitations = InvitationCommands(connection, statements)
        groups = GroupCommands(connection, statements)
        missed = MissedCommands(connection, statements)
        people = PeopleCommands(connection, statements)
        presence = PresenceCommands(connection, statements)
        usage = UsageCommands(connection, statements)
        self._handlers: dict[type, Callable[[Any], Any]] = {
            Lease: self._invocations.lease,
            Requeue: self._invocations.requeue,
            FlagCancel: self._invocations.flag_cancel,
            Claim: self._invocations.claim,
            AddNotes: self._invocations.add_notes,
            Expunge: self._invocations.expunge,
            CreateGroup: groups.create_group,
            PutMember: groups.put_member,
            RemoveMember: groups.remove_member,
            DeleteGroup: groups.delete_group,
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
            **missed.handlers,
            PutPresence: presence.put_presence,
            EndPresence: presence.end_presence,
            PinBlob: presence.pin_blob,
            CollectBlobs: presence.collect_blobs,
            SetLimits: usage.set_limits,
            Erase: usage.erase,
        }

    # -- the hub's side ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def write(self, command: Command, done: Done) -> bool:
        """Queue; never blocks for longer than it takes the writer to take its queue.

        True: the command is lazy, and `wake` is to be called when it has lingered. Until then it does not cost the
        hub's thread the interpreter's lock: waking this one for it would.
        """
        lazy = type(command) is Accept and command.lazy
        self._queue.append((command, done))
        if lazy:
            if self._lingering:
                return False
            self._lingering, self._left = True, False
            return True
        self._left = True
        if not (type(command) is Complete and command.alone and self._carried_out_here()):
            self._signal()
        return False

    def _carried_out_here(self) -> bool:
        """Let the hub's thread carry out what is queued, if it is not kept waiting; False: nothing was done."""
        if self._signalled or not self._pace.is_quick(time.monotonic()) or not self._turn.acquire(blocking=False):
            return False
        try:
            if self._posted != self._heard:
                return False
            self._by_hub = True
            self._carry_out(self._take())
        finally:
            self._by_hub = False
            self._turn.release()
        return True

    def wake(self) -> bool:
        """What is lazy has lingered long enough; True: it came later than thought, so this is to be called again."""
        if self._queue and self._left:
            self._left = False
            return True
        self._lingering = False
        if self._queue:
            self._signal()
        return False

    def stop(self) -> None:
        """Drain the queue, then end the thread. Blocks."""
        self._closing = True
        self._signal()
        if self._thread.ident is not None:
            self._thread.join()

    def _signal(self) -> None:
        """One signal is enough until the writer looks; it says that it will look before it does."""
        if not self._signalled:
            self._signalled = True
            self._signals.put(None)

    # -- the thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            self._signals.get()
            self._signalled = False
            with self._turn:
                self._carry_out(self._take())
            if self._closing and not self._queue:
                return

    def _take(self) -> list[Entry]:
        """As many commands as one transaction may hold; empty if there are none."""
        batch: list[Entry] = []
        items = size = 0
        while self._queue:
            count, weight = _measure(self._queue[0][0])
            if batch and (items + count > self._limits.batch_items or size + weight > self._limits.batch_bytes):
                self._signal()  # what is left has waited enough
                break
            batch.append(self._queue.popleft())
            items, size = items + count, size + weight
        return batch

    def _carry_out(self, batch: list[Entry]) -> None:
        if not batch:
            return
        if self._failure is not None and not self._probe():
            self._tell(batch, [self._failure] * len(batch))
            return
        began = time.monotonic()
        try:
            outcomes = self._transaction(batch)
        except _DISK_ERRORS as error:
            self._fail(batch, error)
        except Exception as error:
            self._isolate(batch, error)
        else:
            self._pace.note(began, time.monotonic())
            self._tell(batch, outcomes)

    def _transaction(self, batch: Sequence[Entry]) -> list[Any]:
        connection = self._connection
        inflow = Inflow(self._admission, self._order)
        outcomes: list[Any] = []
        connection.execute("BEGIN IMMEDIATE")
        try:
            for command, _ in batch:
                if isinstance(command, Accept):
                    outcomes.append(inflow.accept(command.items))
                elif isinstance(command, Complete):
                    outcomes.append(inflow.complete(command.items))
                else:
                    outcomes.append(self._everyday(command, inflow))
            inflow.flush()
            connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        return outcomes

    def _everyday(self, command: Command, inflow: Inflow) -> Any:
        audited = command if isinstance(command, Audited) else None
        if audited is not None:
            command = audited.command
        if isinstance(command, _READS_ROWS):
            inflow.flush()
        if isinstance(command, _CHANGES_ACCESS):
            self._admission.forget()
        outcome = self._handlers[type(command)](command)
        if audited is not None:
            self._audit.add(audited.entries(outcome))
        return outcome

    def _roll_back(self) -> None:
        self._admission.forget()
        # SQLite rolls back by itself after some errors; a second error here would hide the first.
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except apsw.Error:
            pass

    def _isolate(self, batch: list[Entry], error: Exception) -> None:
        """A defect in one command: do each by itself, so that only that one fails."""
        if len(batch) == 1:
            self._tell(batch, [_failed(error)])
            return
        for index, entry in enumerate(batch):
            self._carry_out([entry])
            if self._failure is not None:
                rest = batch[index + 1 :]
                self._tell(rest, [self._failure] * len(rest))
                return

    def _fail(self, batch: list[Entry], error: Exception) -> None:
        """Nothing of the batch happened, and what was written behind it may presume that it did: all of it fails."""
        self._failure = failure = _failed(error)
        self._probed_at = time.monotonic()
        entries = batch
        while self._queue:
            entries.append(self._queue.popleft())
        self._tell(entries, [failure] * len(entries))

    def _probe(self) -> bool:
        """Whether the store writes again; tried now and then only."""
        now = time.monotonic()
        if now - self._probed_at < self._limits.probe_seconds:
            return False
        self._probed_at = now
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(self._statements["probe"])
            self._connection.execute("COMMIT")
        except _DISK_ERRORS as error:
            self._roll_back()
            self._failure = _failed(error)
            return False
        self._failure = None
        return True

    def _tell(self, batch: Sequence[Entry], outcomes: Sequence[Any]) -> None:
        calls = [(done, outcome) for (_, done), outcome in zip(batch, outcomes, strict=True) if done is not None]
        if not calls:
            return
        if not self._by_hub:
            self._posted += 1
            self._post(partial(self._hear, calls))
            return
        try:
            _call(calls)
        except Exception as error:
            self._post(partial(_raise, error))  # a defect of whoever was told, not of whoever wrote

    def _hear(self, calls: Sequence[tuple[Callable[[Any], None], Any]]) -> None:
        """In the hub's thread."""
        self._heard += 1
        _call(calls)


def _raise(error: Exception) -> None:
    raise error


def _call(calls: Sequence[tuple[Callable[[Any], None], Any]]) -> None:
    """All of them, even if one raises; then the first error."""
    raised: Exception | None = None
    for done, outcome in calls:
        try:
            done(outcome)
        except Exception as error:
            raised = raised or error
    if raised is not None:
        raise raised


def _measure(command: Command) -> tuple[int, int]:
    """(items, bytes of bodies)."""
    if isinstance(command, Accept):
        return len(command.items), sum([len(item.arguments) for item in command.items])
    if isinstance(command, Complete):
        return len(command.items), sum([len(item.result) for item in command.items])
    return 1, 0


def _failed(error: Exception) -> StoreFailed:
    if isinstance(error, apsw.FullError):
        return StoreFailed("the disk is full")
    return StoreFailed(f"{type(error).__name__}: {error}")
