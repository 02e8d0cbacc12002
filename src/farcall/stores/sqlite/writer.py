"""The writer: one thread that drains commands into transactions, in order.

Many commands share a transaction, and so its one wait for the disk. Their outcomes are handed to the hub's thread
together, after the commit. If a transaction fails it is rolled back, all its commands are told so, and nothing behind
them is tried until a probe could be committed.

A completion that is alone, on a disk that has been quick lately, is recorded by the hub's thread itself: it takes less
time than waking the writer and being woken by it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import Any

import apsw

from farcall.hub.ports import Accept, Command, Complete, StoreFailed
from farcall.stores.sqlite.everyday import Everyday
from farcall.stores.sqlite.filing import AcceptOrder, Filing
from farcall.stores.sqlite.inflow import Admission, Inflow
from farcall.stores.sqlite.pace import Pace, PaceLimits
from farcall.stores.sqlite.queries import Statements

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


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """How much one transaction and the log take, and how long lazy commands may wait for company."""

    batch_items: int = 4_096
    batch_bytes: int = 16 << 20
    linger_seconds: float = 0.002
    probe_seconds: float = 0.2  # after a failure, between two tries
    # 8 MiB of log before it is copied into the database: rarely enough to amortise, small enough not to be felt.
    log_pages: int = 2_000
    # Few enough to be looked through in no time, and many enough to share the pages of filing.
    file_after: int = 256
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
        self._filing = Filing(connection, statements, self._order, limits.file_after)
        self._log_pages = 0  # as of the last commit
        connection.set_wal_hook(self._logged)  # instead of SQLite's own: the hub's thread is not to copy the log
        self._thread = threading.Thread(target=self._run, name="farcall-store-writer", daemon=True)
        self._everyday = Everyday(connection, statements, self._admission)

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
        if self._log_pages >= self._limits.log_pages:
            self._signal()
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
                if self._log_pages >= self._limits.log_pages:
                    self._copy_log()
            if self._closing and not self._queue:
                return

    def _logged(self, connection: apsw.Connection, database: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _copy_log(self) -> None:
        """Into the database, as far as no reader needs it; if that fails, it is tried again after the next commit."""
        with contextlib.suppress(apsw.Error):
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        self._log_pages = 0

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
        outcomes = self._one_statement(batch)
        if outcomes is not None:
            return outcomes
        outcomes = []
        inflow = Inflow(self._admission, self._order, self._filing)
        connection.execute("BEGIN IMMEDIATE")
        try:
            for command, _ in batch:
                if isinstance(command, Accept):
                    outcomes.append(inflow.accept(command.items))
                elif isinstance(command, Complete):
                    outcomes.append(inflow.complete(command.items))
                else:
                    outcomes.append(self._everyday.carry_out(command, inflow))
            inflow.flush()
            inflow.file()
            connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        return outcomes

    def _one_statement(self, batch: Sequence[Entry]) -> list[Any] | None:
        """The outcomes of a call that was accepted and has ended, if that is all; None: nothing was done."""
        if len(batch) != 2:
            return None
        first, second = batch[0][0], batch[1][0]
        if type(first) is not Accept or type(second) is not Complete:
            return None
        return Inflow(self._admission, self._order, self._filing).insert_ended(first.items, second.items)

    def _roll_back(self) -> None:
        self._admission.forget()
        self._filing.forget()
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
