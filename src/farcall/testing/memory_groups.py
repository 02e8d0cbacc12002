"""Groups and their members in the in-memory store, beside its catalog."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from farcall.hub.ports import (
    BOUND_MEMORY_SECONDS,
    AccountRow,
    CreateAccount,
    CreateGroup,
    DeleteGroup,
    MemberRow,
    Outcome,
    PutMember,
    RemoveMember,
)
from farcall.testing.memory_catalog import MemoryCatalog, at_or_below
from farcall.testing.memory_functions import MemoryFunctions
from farcall.testing.memory_invitations import MemoryInvitations


@dataclass
class MemoryGroups:
    """Each method carries out one command, or answers one question. Members and roles are the catalog's."""

    catalog: MemoryCatalog
    functions: MemoryFunctions
    invitations: MemoryInvitations
    keys: dict[int, bytes] = field(default_factory=dict)
    makers: dict[int, int] = field(default_factory=dict)

    def create_group(self, command: CreateGroup) -> int | Outcome:
        if self._kind(command.by) != "person":
            return Outcome.MISSING
        if any(row.handle == command.handle for row in self.catalog.accounts.values()):
            return Outcome.CONFLICT
        if command.at_most is not None and self._made_by(command) >= command.at_most:
            return Outcome.FULL
        key = self.catalog.create_account(CreateAccount(command.handle, "", False, command.at, "group"))
        assert isinstance(key, int)
        self.keys[key], self.makers[key] = command.digest_key, command.by
        self._put(key, command.by, "manager")
        return key

    def _made_by(self, command: CreateGroup) -> int:
        rows = [self.catalog.accounts[group] for group, maker in self.makers.items() if maker == command.by]
        return sum(row.kind == "group" or row.created_at > command.at - BOUND_MEMORY_SECONDS for row in rows)

    def _kind(self, account: int) -> str:
        row = self.catalog.accounts.get(account)
        return "" if row is None else row.kind

    def _put(self, group: int, account: int, role: str) -> None:
        self.catalog.members[group, account] = role
        self.catalog.bump(account)

    def put_member(self, command: PutMember) -> Outcome:
        if (self._kind(command.group), self._kind(command.account)) != ("group", "person"):
            return Outcome.MISSING
        if self.catalog.access_changed(command.by, command.by_epoch):
            return Outcome.DENIED
        if command.role != "manager" and self._is_last_manager(command.group, command.account):
            return Outcome.CONFLICT
        self._put(command.group, command.account, command.role)
        return Outcome.OK

    def remove_member(self, command: RemoveMember) -> Outcome:
        if (command.group, command.account) not in self.catalog.members:
            return Outcome.MISSING
        if self._is_last_manager(command.group, command.account):
            return Outcome.CONFLICT
        del self.catalog.members[command.group, command.account]
        self.catalog.bump(command.account)
        return Outcome.OK

    def _is_last_manager(self, group: int, account: int) -> bool:
        managers = {
            member for (key, member), role in self.catalog.members.items() if key == group and role == "manager"
        }
        return managers == {account}

    def delete_group(self, command: DeleteGroup) -> list[int] | Outcome:
        catalog = self.catalog
        row = catalog.accounts.get(command.group)
        if row is None or row.kind != "group":
            return Outcome.MISSING
        if any(at_or_below(name, row.handle) for name in (*self.functions.names, *self.functions.links)):
            return Outcome.CONFLICT
        members = [member for group, member in catalog.members if group == row.key]
        below = [grant.grantee for grant in catalog.grants.values() if at_or_below(grant.path, row.handle)]
        concerned = {key for holder in (*members, *below) for key in catalog.affected_by(holder)}
        for key in concerned:
            catalog.bump(key)
        for member in members:
            del catalog.members[row.key, member]
        catalog.grants = {
            place: grant
            for place, grant in catalog.grants.items()
            if grant.grantee != row.key and not at_or_below(grant.path, row.handle)
        }
        spaces = self.functions.spaces
        self.functions.spaces = {path: at for path, at in spaces.items() if not at_or_below(path, row.handle)}
        moved = self.functions.moved
        self.functions.moved = {old: new for old, new in moved.items() if not at_or_below(old, row.handle)}
        self._revoke_invitations(row, command.at)
        used = row.key in self.functions.owners.values()
        catalog.bump(row.key)
        catalog.accounts[row.key] = replace(
            catalog.accounts[row.key], kind="gone", disabled=True, handle=row.handle if used else f"~{row.key}"
        )
        return sorted(concerned)

    def _revoke_invitations(self, group: AccountRow, at: float) -> None:
        rows = self.invitations.rows
        for key, row in rows.items():
            ends = row.group == group.key or (row.path and at_or_below(row.path, group.handle))
            if ends and row.state == "open":
                rows[key] = replace(row, state="revoked", settled_at=at)

    # -- questions -----------------------------------------------------------------------------------------------------

    def groups(self) -> list[AccountRow]:
        found = [row for row in self.catalog.accounts.values() if row.kind == "group"]
        return sorted(found, key=lambda row: row.handle)

    def members(self, group: int) -> list[MemberRow]:
        found = [
            MemberRow(member, self.catalog.accounts[member].handle, role)
            for (key, member), role in self.catalog.members.items()
            if key == group
        ]
        return sorted(found, key=lambda row: row.handle)

    def digest_keys(self, account: int) -> dict[str, bytes]:
        return {row.group_handle: self.keys[row.group] for row in self.catalog.memberships(account)}
