"""Invitations, and grants that end by themselves, in the in-memory store, beside its catalog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from farcall.hub.ports import (
    AcceptInvitation,
    CloseInvitation,
    ExpireGrants,
    GrantRow,
    GrantTerms,
    InvitationRow,
    NoteMail,
    Outcome,
    PutGrant,
    PutInvitation,
)
from farcall.testing.memory_catalog import MemoryCatalog, after


@dataclass
class MemoryInvitations:
    """Each method carries out one command, or answers one question. Accounts and grants are the catalog's."""

    catalog: MemoryCatalog
    rows: dict[int, InvitationRow] = field(default_factory=dict)
    digests: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.catalog.waiting, self.catalog.revoke_invitations = self._waiting, self._revoke

    def _waiting(self, by: int, at: float) -> int:
        return sum(row.by == by and row.state == "open" and after(row.expires_at, at) for row in self.rows.values())

    def _revoke(self, keys: Sequence[int], at: float) -> None:
        for key in keys:
            self.close_invitation(CloseInvitation(key, "revoked", at))

    def put_invitation(self, command: PutInvitation) -> int | Outcome:
        accounts = self.catalog.accounts
        if command.by not in accounts or (command.group is not None and command.group not in accounts):
            return Outcome.MISSING
        if command.digest in self.digests:
            return Outcome.CONFLICT
        thing = command.email.lower(), command.path, command.group
        same = [row for row in self.rows.values() if row.state == "open" and (row.email, row.path, row.group) == thing]
        if command.at_most is not None and all(row.by != command.by for row in same):
            if self.catalog.shares_given(command.by, command.at) >= command.at_most:
                return Outcome.FULL
        for row in same:
            self.rows[row.key] = replace(row, state="revoked", settled_at=command.at)
        key = self.digests[command.digest] = len(self.rows) + 1
        self.rows[key] = InvitationRow(
            key,
            command.email,
            command.path,
            command.level,
            command.group,
            command.limits,
            command.by,
            accounts[command.by].handle,
            command.at,
            command.expires_at,
            command.grant_expires_at,
            "open",
            None,
            None,
            "",
            "" if command.group is None else accounts[command.group].handle,
        )
        return key

    def accept_invitation(self, command: AcceptInvitation) -> Outcome:
        row = self.rows.get(command.key)
        if row is None or command.account not in self.catalog.accounts:
            return Outcome.MISSING
        if self.catalog.access_changed(row.by, command.by_epoch):
            return Outcome.DENIED
        if row.state != "open" or (row.expires_at is not None and row.expires_at <= command.at):
            return Outcome.STALE
        self.rows[row.key] = replace(row, state="accepted", settled_at=command.at, accepted_by=command.account)
        terms = command.terms or GrantTerms(row.grant_expires_at, row.limits)
        if row.path:
            grant = PutGrant(
                row.path, command.account, row.level, row.by, command.at, terms.expires_at, terms.limits, row.key
            )
            self.catalog.put_grant(grant)
        if row.group is not None:
            members = self.catalog.members
            if members.get((row.group, command.account)) != "manager":
                members[row.group, command.account] = row.level
            self.catalog.bump(command.account)
        return Outcome.OK

    def close_invitation(self, command: CloseInvitation) -> Outcome:
        row = self.rows.get(command.key)
        if row is None:
            return Outcome.MISSING
        if row.state != "open" and (row.state, command.state) != ("declined", "revoked"):
            return Outcome.STALE
        self.rows[row.key] = replace(row, state=command.state, settled_at=command.at)
        return Outcome.OK

    def note_mail(self, command: NoteMail) -> Outcome:
        row = self.rows.get(command.key)
        if row is None:
            return Outcome.MISSING
        self.rows[row.key] = replace(row, mail=command.mail)
        return Outcome.OK

    def expire_grants(self, command: ExpireGrants) -> list[int]:
        ended = [row.grantee for row in self.catalog.grants.values() if command.since < _end(row) <= command.until]
        concerned = sorted({key for grantee in ended for key in self.catalog.affected_by(grantee)})
        for key in concerned:
            self.catalog.bump(key)
        return concerned

    def of_digest(self, digest: bytes | None) -> InvitationRow | None:
        return self.rows.get(self.digests.get(digest or b"", 0))

    def to(self, email: str) -> list[InvitationRow]:
        return [row for row in self.rows.values() if row.email == email.lower() and row.state == "open"]

    def given(self, by: int, roots: Sequence[str]) -> list[InvitationRow]:
        return [
            row
            for row in self.rows.values()
            if (row.by == by or _under(row.path, roots) or row.group_handle in roots)
            and row.state in ("open", "declined")
        ]

    def invited_since(self, by: int, since: float) -> int:
        return sum(row.by == by and row.created_at >= since for row in self.rows.values())

    def grants_given(self, by: int, roots: Sequence[str]) -> list[GrantRow]:
        found = [row for row in self.catalog.grants.values() if row.by == by or _under(row.path, roots)]
        return sorted(found, key=lambda row: row.key)

    def next_end_of_a_grant(self, after: float) -> float | None:
        ends = [_end(row) for row in self.catalog.grants.values() if row.expires_at is not None]
        return min((end for end in ends if end > after), default=None)


def _end(row: GrantRow) -> float:
    return float("inf") if row.expires_at is None else row.expires_at


def _under(path: str, roots: Sequence[str]) -> bool:
    return any(path == root or path.startswith(root + "/") for root in roots)
