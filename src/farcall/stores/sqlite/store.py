"""The face of the SQLite store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw

from farcall.domain.model import Settlement
from farcall.hub.ports import (
    AccountRow,
    AliasMove,
    AuditFilter,
    Command,
    ConfirmationRow,
    FunctionRow,
    GrantRow,
    InvitationRow,
    InvocationFilter,
    InvocationRow,
    Lane,
    MemberRow,
    MembershipRow,
    MissedRow,
    NamespaceRow,
    Note,
    Page,
    PresenceRow,
    Queued,
    StoreFailed,
    StoreUnusable,
    TokenRow,
    UsageFilter,
    UsageRow,
    VersionRow,
)
from farcall.stores.sqlite import schema
from farcall.stores.sqlite.functions import FunctionCommands
from farcall.stores.sqlite.lock import DirectoryLock
from farcall.stores.sqlite.queries import Statements
from farcall.stores.sqlite.readers import Readers
from farcall.stores.sqlite.reads import Reads
from farcall.stores.sqlite.writer import Writer, WriterLimits

_READER_THREADS = 2


class SqliteStore:
    """The Store port on one SQLite database in `directory`, which this process locks.

    `wall` tells the time for what expires (pins of blobs).
    """

    def __init__(
        self, directory: Path, limits: WriterLimits | None = None, wall: Callable[[], float] = time.time
    ) -> None:
        self.directory = directory
        self.path = directory / schema.DATABASE_NAME
        self._limits = limits or WriterLimits()
        self._wall = wall
        self._lock = DirectoryLock(directory)
        self._connection: apsw.Connection | None = None
        self._writer: Writer | None = None
        self._readers: Readers | None = None
        self._post: Callable[[Callable[[], None]], object] = lambda call: call()

    # -- life ----------------------------------------------------------------------------------------------------------

    def open(self, post: Callable[[Callable[[], None]], object]) -> None:
        """Lock, migrate, start the writer. Raises StoreUnusable; then nothing is held."""
        self._lock.acquire()
        self._post = post
        statements = Statements()
        try:
            self._connection = schema.connect_writer(self.path, self._limits.log_pages)
            schema.migrate(self._connection, self.path)
            _index(self._connection, statements)
            schema.grow_log(self._connection, self.path, self._limits.log_pages)
            self._writer = Writer(self._connection, statements, self._limits, post)
        except BaseException as error:
            self._release()
            if isinstance(error, apsw.Error):
                raise StoreUnusable(f"The database {self.path} cannot be used: {error}.") from error
            raise
        self._readers = Readers(lambda: Reads(schema.connect_reader(self.path), statements), _READER_THREADS)
        self._writer.start()

    async def close(self) -> None:
        """Drain the queue, then close. Idempotent."""
        writer, readers = self._writer, self._readers
        if writer is None or readers is None:
            return
        self._writer = self._readers = None
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, writer.stop)
        await loop.run_in_executor(None, readers.close)
        self._release()

    def _release(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._lock.release()

    # -- commands ------------------------------------------------------------------------------------------------------

    def write(self, command: Command, done: Callable[[Any], None] | None = None) -> None:
        """Queue a command; a closed store answers StoreFailed."""
        if self._writer is None:
            if done is not None:
                self._post(lambda: done(StoreFailed("the store is closed")))
            return
        if self._writer.write(command, done):
            self._linger(self._writer)

    def _linger(self, writer: Writer) -> None:
        asyncio.get_running_loop().call_later(self._limits.linger_seconds, self._wake, writer)

    def _wake(self, writer: Writer) -> None:
        if writer.wake():
            self._linger(writer)

    async def do(self, command: Command) -> Any:
        """`write`, awaited: the outcome, or raises StoreFailed."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(outcome: Any) -> None:
            if answer.done():
                return
            if isinstance(outcome, StoreFailed):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)

        self.write(command, done)
        return await answer

    # -- questions -----------------------------------------------------------------------------------------------------

    def _ask(self) -> Readers:
        if self._readers is None:
            raise StoreFailed("the store is closed")
        return self._readers

    async def lanes(self) -> list[tuple[Lane, int]]:
        return await self._ask().ask(lambda reads: reads.lanes())

    async def leased(self) -> list[Queued]:
        return await self._ask().ask(lambda reads: reads.leased())

    async def queued(self, ids: Sequence[bytes]) -> list[Queued]:
        return await self._ask().ask(lambda reads: reads.queued(ids))

    async def settlements(self, ids: Sequence[bytes], caller: int) -> tuple[list[Settlement], list[bytes], list[bytes]]:
        return await self._ask().ask(lambda reads: reads.settlements(ids, caller))

    async def unfinished(self, caller: int) -> list[tuple[bytes, str]]:
        return await self._ask().ask(lambda reads: reads.unfinished(caller))

    async def usage(self, query: UsageFilter) -> list[UsageRow]:
        return await self._ask().ask(lambda reads: reads.usage(query))

    async def invocation(self, identifier: bytes) -> InvocationRow | None:
        return await self._ask().ask(lambda reads: reads.invocation(identifier))

    async def invocations(self, query: InvocationFilter) -> Page:
        return await self._ask().ask(lambda reads: reads.invocations(query))

    async def notes(self, identifier: bytes) -> list[Note]:
        return await self._ask().ask(lambda reads: reads.notes(identifier))

    async def audit(self, query: AuditFilter) -> Page:
        return await self._ask().ask(lambda reads: reads.audit.page(query))

    async def account(
        self, *, key: int | None = None, handle: str | None = None, email: str | None = None
    ) -> AccountRow | None:
        return await self._ask().ask(lambda reads: reads.account(key, handle, email))

    async def password(self, account: int) -> str:
        return await self._ask().ask(lambda reads: reads.password(account))

    async def whither(self, path: str) -> tuple[str, str] | None:
        return await self._ask().ask(lambda reads: reads.whither(path))

    async def waiting_for_proof(self, email: str, limit: int) -> list[int]:
        return await self._ask().ask(lambda reads: reads.waiting_for_proof(email, limit))

    async def confirmation(self, digest: bytes) -> ConfirmationRow | None:
        return await self._ask().ask(lambda reads: reads.confirmation(digest))

    async def accounts(self) -> list[AccountRow]:
        return await self._ask().ask(lambda reads: reads.accounts())

    async def token(self, digest: bytes) -> tuple[TokenRow, AccountRow] | None:
        return await self._ask().ask(lambda reads: reads.token(digest))

    async def tokens(self, account: int) -> list[TokenRow]:
        return await self._ask().ask(lambda reads: reads.tokens(account))

    async def grants_to(self, account: int) -> list[GrantRow]:
        return await self._ask().ask(lambda reads: reads.grants_to(account))

    async def affected_by(self, grantee: int) -> list[int]:
        return await self._ask().ask(lambda reads: reads.affected_by(grantee))

    async def memberships(self, account: int) -> list[MembershipRow]:
        return await self._ask().ask(lambda reads: reads.memberships(account))

    async def groups(self) -> list[AccountRow]:
        return await self._ask().ask(lambda reads: reads.groups())

    async def members(self, group: int) -> list[MemberRow]:
        return await self._ask().ask(lambda reads: reads.members(group))

    async def digest_keys(self, account: int) -> dict[str, bytes]:
        return await self._ask().ask(lambda reads: reads.digest_keys(account))

    async def grants_below(self, path: str) -> list[GrantRow]:
        return await self._ask().ask(lambda reads: reads.grants_below(path))

    async def grants_given(self, by: int, roots: Sequence[str]) -> list[GrantRow]:
        return await self._ask().ask(lambda reads: reads.grants_given(by, roots))

    async def next_end_of_a_grant(self, after: float) -> float | None:
        return await self._ask().ask(lambda reads: reads.next_end_of_a_grant(after))

    async def invitation(self, *, key: int | None = None, digest: bytes | None = None) -> InvitationRow | None:
        return await self._ask().ask(lambda reads: reads.invitation(key, digest))

    async def invitations_to(self, email: str) -> list[InvitationRow]:
        return await self._ask().ask(lambda reads: reads.invitations_to(email))

    async def invitations_given(self, by: int, roots: Sequence[str]) -> list[InvitationRow]:
        return await self._ask().ask(lambda reads: reads.invitations_given(by, roots))

    async def invited_since(self, by: int, since: float) -> int:
        return await self._ask().ask(lambda reads: reads.invited_since(by, since))

    async def version(
        self, *, key: int | None = None, name: str | None = None, number: int | None = None
    ) -> VersionRow | None:
        return await self._ask().ask(lambda reads: reads.version(key, name, number))

    async def function(self, *, path: str | None = None, key: int | None = None) -> FunctionRow | None:
        return await self._ask().ask(lambda reads: reads.function(path, key))

    async def functions(
        self, roots: Sequence[str], text: str = "", below: str = "", limit: int = 50, cursor: str | None = None
    ) -> Page:
        return await self._ask().ask(lambda reads: reads.functions(roots, text, below, limit, cursor))

    async def functions_in(self, path: str) -> list[FunctionRow]:
        return await self._ask().ask(lambda reads: reads.functions_in(path))

    async def namespaces(
        self, roots: Sequence[str], below: str = "", limit: int = 50, cursor: str | None = None
    ) -> Page:
        return await self._ask().ask(lambda reads: reads.namespaces(roots, below, limit, cursor))

    async def namespace(self, path: str) -> NamespaceRow | None:
        return await self._ask().ask(lambda reads: reads.namespace(path))

    async def alias_moves(self, function: int) -> list[AliasMove]:
        return await self._ask().ask(lambda reads: reads.alias_moves(function))

    async def unfinished_of(self, version: int) -> int:
        return await self._ask().ask(lambda reads: reads.unfinished_of(version))

    async def missed(self) -> list[MissedRow]:
        return await self._ask().ask(lambda reads: reads.missed())

    async def presences(self, version: int | None = None, include_gone: bool = False) -> list[PresenceRow]:
        return await self._ask().ask(lambda reads: reads.presences(version, include_gone))

    async def blob_readable(self, digest: str, account: int, token: int = 0, only: Sequence[str] = ()) -> bool:
        return await self._ask().ask(lambda reads: reads.blob_readable(digest, account, token, only, self._wall()))


def _index(connection: apsw.Connection, statements: Statements) -> None:
    """What was published before there was a full-text index gets into it."""
    with connection:
        FunctionCommands(connection, statements).index_all()
