"""Commands about groups. They run in the writer's thread, within its transaction."""

from __future__ import annotations

import msgspec

from farcall.hub.ports import CreateGroup, DeleteGroup, Outcome, PutMember, RemoveMember
from farcall.stores.sqlite.guards import Guards

_TRACES = ("drop_members", "drop_grants_of_group", "drop_namespaces_of_group", "drop_moved_of_group")


class GroupCommands(Guards):
    """Each method carries out one command and returns its outcome."""

    def create_group(self, command: CreateGroup) -> int | Outcome:
        if self.one("kind_of", command.by) != "person":
            return Outcome.MISSING
        if self.one("account_by_handle", command.handle) is not None:
            return Outcome.CONFLICT
        if not self.group_fits(command):
            return Outcome.FULL
        key = self.one("create_account", command.handle, "", False, command.at, "group", None)
        self.one("add_group_key", key, command.digest_key, command.by)
        self.one("put_member", key, command.by, "manager", command.by, command.at)
        self.one("bump_epoch", command.by)
        return int(key)

    def put_member(self, command: PutMember) -> Outcome:
        kinds = self.one("kind_of", command.group), self.one("kind_of", command.account)
        if kinds != ("group", "person"):
            return Outcome.MISSING
        if self.access_changed(command.by, command.by_epoch):
            return Outcome.DENIED
        if command.role != "manager" and self._is_last_manager(command.group, command.account):
            return Outcome.CONFLICT
        self.one("put_member", command.group, command.account, command.role, command.by, command.at)
        self.one("bump_epoch", command.account)
        return Outcome.OK

    def remove_member(self, command: RemoveMember) -> Outcome:
        if self.one("role_in_group", command.group, command.account) is None:
            return Outcome.MISSING
        if self._is_last_manager(command.group, command.account):
            return Outcome.CONFLICT
        self.one("remove_member", command.group, command.account)
        self.one("bump_epoch", command.account)
        return Outcome.OK

    def _is_last_manager(self, group: int, account: int) -> bool:
        if self.one("role_in_group", group, account) != "manager":
            return False
        return self.one("other_manager", group, account) is None

    def delete_group(self, command: DeleteGroup) -> list[int] | Outcome:
        if self.one("kind_of", command.group) != "group":
            return Outcome.MISSING
        if self.one("handle_in_use", command.group):
            return Outcome.CONFLICT
        concerned: set[int] = set()
        for (holder,) in self.all("concerned_by_group", command.group):
            concerned.update(key for (key,) in self.all("affected_by", holder))
        self.one("bump_epochs", msgspec.json.encode(sorted(concerned)).decode())
        for trace in _TRACES:
            self.one(trace, command.group)
        self.one("revoke_invitations_of_group", command.group, command.at)
        self.one("end_group", command.group)
        return sorted(concerned)
