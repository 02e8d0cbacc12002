"""The store: whole commands in, outcomes out, and questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from farcall.domain.model import Settlement
from farcall.hub.ports.audit import AuditFilter
from farcall.hub.ports.catalog import AliasMove, FunctionRow, NamespaceRow
from farcall.hub.ports.commands import Command
from farcall.hub.ports.groups import MemberRow
from farcall.hub.ports.invitations import InvitationRow
from farcall.hub.ports.invocations import Lane, Note, Queued
from farcall.hub.ports.missed import MissedRow
from farcall.hub.ports.people import ConfirmationRow
from farcall.hub.ports.rows import (
    AccountRow,
    GrantRow,
    InvocationFilter,
    InvocationRow,
    MembershipRow,
    Page,
    PresenceRow,
    TokenRow,
    VersionRow,
)
from farcall.hub.ports.usage import UsageFilter, UsageRow


class StoreFailed(Exception):
    """The transaction was rolled back (full disk, I/O error): nothing of it happened. Intake stops until a probe
    works."""


class Store(Protocol):
    """The hub's memory; the only truth.

    `write` returns at once. Commands are committed in the order in which they were written, many in one transaction,
    by a single writer; `done` is called in the thread of `post` with the outcomes (a list, one per item, or the single
    outcome that the command names), or with StoreFailed. It may be called before later commands are committed, never
    before its own is durable. A bad item never spoils its neighbours.

    Reads see everything that was answered. All methods may be called from the hub's thread only.
    """

    def open(self, post: Callable[[Callable[[], None]], object]) -> None:
        """Lock, migrate, start the writer. `post` runs a callable in the hub's thread. Raises StoreUnusable."""

    async def close(self) -> None:
        """Drain the queue, then close."""

    def write(self, command: Command, done: Callable[[Any], None] | None = None) -> None: ...

    async def do(self, command: Command) -> Any:
        """`write`, awaited: the outcome, or raises StoreFailed."""

    async def lanes(self) -> list[tuple[Lane, int]]:
        """Every lane with queued invocations, and how many."""

    async def leased(self) -> list[Queued]:
        """Queued invocations with a recorded lease that has no outcome yet."""

    async def queued(self, ids: Sequence[bytes]) -> list[Queued]:
        """Those of these ids that are known and not final."""

    async def unfinished(self, caller: int) -> list[tuple[bytes, str]]:
        """The caller's invocations that have not ended: id, and the function's name."""

    async def settlements(self, ids: Sequence[bytes], caller: int) -> tuple[list[Settlement], list[bytes], list[bytes]]:
        """(ended, going on, unknown) of these ids, as far as they are the caller's."""

    async def invocation(self, identifier: bytes) -> InvocationRow | None: ...

    async def invocations(self, query: InvocationFilter) -> Page: ...

    async def notes(self, identifier: bytes) -> list[Note]: ...

    async def usage(self, query: UsageFilter) -> list[UsageRow]:
        """Sums, in the order of day, function, version and caller. What was recorded is in it, exactly once."""

    async def audit(self, query: AuditFilter) -> Page:
        """A page of AuditRow, newest first."""

    async def account(
        self, *, key: int | None = None, handle: str | None = None, email: str | None = None
    ) -> AccountRow | None:
        """By key, by handle, or by address."""

    async def password(self, account: int) -> str:
        """The hash of the account's password; empty if it has none."""

    async def waiting_for_proof(self, email: str, limit: int) -> list[int]:
        """Keys of accounts for which there is a confirmation of the address, expired ones too; the latest first."""

    async def confirmation(self, digest: bytes) -> ConfirmationRow | None:
        """What the secret with this digest proves; expired ones too."""

    async def accounts(self) -> list[AccountRow]: ...

    async def token(self, digest: bytes) -> tuple[TokenRow, AccountRow] | None: ...

    async def tokens(self, account: int) -> list[TokenRow]: ...

    async def grants_to(self, account: int) -> list[GrantRow]:
        """What the account was given itself, through its groups, or as everybody; expired ones too."""

    async def affected_by(self, grantee: int) -> list[int]:
        """Whom a grant to this account concerns: itself, and a group's members or everybody."""

    async def memberships(self, account: int) -> list[MembershipRow]:
        """The groups of an account, by handle."""

    async def groups(self) -> list[AccountRow]:
        """All groups, by handle."""

    async def members(self, group: int) -> list[MemberRow]:
        """The members of a group, by handle."""

    async def digest_keys(self, account: int) -> dict[str, bytes]:
        """By the handle of each of the account's groups: what keys the digests of implementations there."""

    async def grants_below(self, path: str) -> list[GrantRow]:
        """Grants on this path and everything below it."""

    async def grants_given(self, by: int, roots: Sequence[str]) -> list[GrantRow]:
        """Those that the account made, and those at or below any of `roots`; expired ones too."""

    async def next_end_of_a_grant(self, after: float) -> float | None:
        """When the first grant expires after that time."""

    async def invitation(self, *, key: int | None = None, digest: bytes | None = None) -> InvitationRow | None:
        """By key, or by the digest of its secret; in any state."""

    async def invitations_to(self, email: str) -> list[InvitationRow]:
        """Those that are open for the address, expired ones too."""

    async def invitations_given(self, by: int, roots: Sequence[str]) -> list[InvitationRow]:
        """Those that the account made, and those at or below any of `roots`, unless accepted or revoked."""

    async def invited_since(self, by: int, since: float) -> int:
        """How many invitations the account has made since then, whatever became of them."""

    async def version(
        self, *, key: int | None = None, name: str | None = None, number: int | None = None
    ) -> VersionRow | None:
        """By key (deleted ones too), or by name and number (None: the newest)."""

    async def function(self, *, path: str | None = None, key: int | None = None) -> FunctionRow | None:
        """By key, or by its own name or that of a link to it. None also for deleted ones."""

    async def functions(
        self, roots: Sequence[str], text: str = "", below: str = "", limit: int = 50, cursor: str | None = None
    ) -> Page:
        """What lies at or below any of `roots` ("" is everything) and `below`, as Page of Hit.

        Without `text` every place, by name. With it the functions that `domain.search` finds by it, best first, under
        their own names, also those that are within only through a link that passes rights on. `cursor` is that of the
        page before, with the same text.
        """

    async def whither(self, path: str) -> tuple[str, str] | None:
        """If the path, or one above it, was renamed and is not in use again: that one's old name and its name now."""

    async def functions_in(self, path: str) -> list[FunctionRow]:
        """Functions at or below a path, by name."""

    async def namespaces(
        self, roots: Sequence[str], below: str = "", limit: int = 50, cursor: str | None = None
    ) -> Page:
        """Namespaces at or below any of `roots` and `below`, by path, as Page of NamespaceRow."""

    async def namespace(self, path: str) -> NamespaceRow | None: ...

    async def alias_moves(self, function: int) -> list[AliasMove]:
        """Newest first."""

    async def unfinished_of(self, version: int) -> int:
        """How many invocations of a version have not ended."""

    async def missed(self) -> list[MissedRow]:
        """Of all functions of which calls are missed now, by key."""

    async def presences(self, version: int | None = None, include_gone: bool = False) -> list[PresenceRow]: ...

    async def blob_readable(self, digest: str, account: int, token: int = 0, only: Sequence[str] = ()) -> bool:
        """By a live pin of the account, or a reference from an invocation whose caller or owner it is.

        With `only`, which limits `token`: by a live pin of that token, or a reference from an invocation of a function
        that lies at or below one of these paths, or is linked there by a link that passes rights on.
        """


class StoreUnusable(Exception):
    """The store cannot be opened (locked by another hub, not writable, too new); the message says what to do."""
