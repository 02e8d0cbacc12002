"""Questions to the store in memory that its parts answer by themselves: people, grants, catalog, presence, usage."""

from __future__ import annotations

from collections.abc import Sequence

from farcall.hub.ports import (
    AccountRow,
    AliasMove,
    AuditFilter,
    ConfirmationRow,
    FunctionRow,
    GrantRow,
    InvitationRow,
    MemberRow,
    MembershipRow,
    MissedRow,
    NamespaceRow,
    Page,
    PresenceRow,
    TokenRow,
    UsageFilter,
    UsageRow,
    VersionRow,
)
from farcall.testing.memory_audit import MemoryAudit
from farcall.testing.memory_catalog import MemoryCatalog
from farcall.testing.memory_functions import MemoryFunctions
from farcall.testing.memory_groups import MemoryGroups
from farcall.testing.memory_invitations import MemoryInvitations
from farcall.testing.memory_missed import MemoryMissed
from farcall.testing.memory_people import MemoryPeople
from farcall.testing.memory_usage import MemoryUsage


class MemoryAnswers:
    """That half of the Store port which only hands on; `MemoryStore` makes the parts."""

    catalog: MemoryCatalog
    people: MemoryPeople
    invitations: MemoryInvitations
    _audit: MemoryAudit
    _functions: MemoryFunctions
    _groups: MemoryGroups
    _missed: MemoryMissed
    _usage: MemoryUsage

    async def account(
        self, *, key: int | None = None, handle: str | None = None, email: str | None = None
    ) -> AccountRow | None:
        if email is not None:
            return self.people.account_by_email(email)
        if key is not None:
            return self.catalog.accounts.get(key)
        return next((row for row in self.catalog.accounts.values() if row.handle == handle), None)

    async def password(self, account: int) -> str:
        return self.catalog.passwords.get(account, "")

    async def waiting_for_proof(self, email: str, limit: int) -> list[int]:
        rows = self.people.confirmations.values()
        found = {row.account for row in rows if row.purpose == "confirm" and row.email.lower() == email.lower()}
        return sorted(found, reverse=True)[:limit]

    async def confirmation(self, digest: bytes) -> ConfirmationRow | None:
        return self.people.confirmations.get(digest)

    async def accounts(self) -> list[AccountRow]:
        persons = [row for row in self.catalog.accounts.values() if row.kind == "person"]
        return sorted(persons, key=lambda row: row.handle)

    async def token(self, digest: bytes) -> tuple[TokenRow, AccountRow] | None:
        return self.catalog.token(digest)

    async def tokens(self, account: int) -> list[TokenRow]:
        return [row for _, row in self.catalog.tokens.values() if row.account == account]

    async def grants_to(self, account: int) -> list[GrantRow]:
        return self.catalog.grants_to(account)

    async def affected_by(self, grantee: int) -> list[int]:
        return self.catalog.affected_by(grantee)

    async def memberships(self, account: int) -> list[MembershipRow]:
        return self.catalog.memberships(account)

    async def groups(self) -> list[AccountRow]:
        return self._groups.groups()

    async def members(self, group: int) -> list[MemberRow]:
        return self._groups.members(group)

    async def digest_keys(self, account: int) -> dict[str, bytes]:
        return self._groups.digest_keys(account)

    async def grants_below(self, path: str) -> list[GrantRow]:
        return self.catalog.grants_below(path)

    async def grants_given(self, by: int, roots: Sequence[str]) -> list[GrantRow]:
        return self.invitations.grants_given(by, roots)

    async def next_end_of_a_grant(self, after: float) -> float | None:
        return self.invitations.next_end_of_a_grant(after)

    async def invitation(self, *, key: int | None = None, digest: bytes | None = None) -> InvitationRow | None:
        return self.invitations.of_digest(digest) if key is None else self.invitations.rows.get(key)

    async def invitations_to(self, email: str) -> list[InvitationRow]:
        return self.invitations.to(email)

    async def invitations_given(self, by: int, roots: Sequence[str]) -> list[InvitationRow]:
        return self.invitations.given(by, roots)

    async def invited_since(self, by: int, since: float) -> int:
        return self.invitations.invited_since(by, since)

    async def version(
        self, *, key: int | None = None, name: str | None = None, number: int | None = None
    ) -> VersionRow | None:
        if key is not None:
            return self.catalog.versions.get(key)
        found = self._functions.function(name, None)
        own = found is not None and found.name == name
        versions = found.versions if found is not None and own else ()
        return next((row for row in versions if number in (None, row.number)), None)

    async def function(self, *, path: str | None = None, key: int | None = None) -> FunctionRow | None:
        return self._functions.function(path, key)

    async def functions(
        self, roots: Sequence[str], text: str = "", below: str = "", limit: int = 50, cursor: str | None = None
    ) -> Page:
        return self._functions.functions(roots, text, below, limit, cursor)

    async def functions_in(self, path: str) -> list[FunctionRow]:
        return self._functions.functions_in(path)

    async def namespaces(
        self, roots: Sequence[str], below: str = "", limit: int = 50, cursor: str | None = None
    ) -> Page:
        return self._functions.namespaces(roots, below, limit, cursor)

    async def whither(self, path: str) -> tuple[str, str] | None:
        return self._functions.whither(path)

    async def namespace(self, path: str) -> NamespaceRow | None:
        return self._functions.namespace(path)

    async def alias_moves(self, function: int) -> list[AliasMove]:
        return self._functions.alias_moves(function)

    async def missed(self) -> list[MissedRow]:
        return self._missed.rows()

    async def presences(self, version: int | None = None, include_gone: bool = False) -> list[PresenceRow]:
        return self.catalog.present(version, include_gone)

    async def usage(self, query: UsageFilter) -> list[UsageRow]:
        return self._usage.rows(query)

    async def audit(self, query: AuditFilter) -> Page:
        return self._audit.page(query)
