"""Groups: people who call, serve and manage together below a handle of their own.

A group owns its handle as a person does, but nobody logs in as a group. Its members call and serve everything below the
handle, its managers manage there too; what is shared with the group is shared with each of them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from farcall.domain import access, people
from farcall.domain.errors import Refused
from farcall.hub import audit, ports
from farcall.hub.accounts import Accounts
from farcall.hub.bounds import DEFAULT_BOUNDS, Bounds, bound_for, full
from farcall.hub.wanted import changed_meanwhile

Role = Literal["member", "manager"]

_DIGEST_KEY_BYTES = 32


@dataclass(slots=True, frozen=True)
class Group:
    """`role` is what the subject is in it; empty for an administrator who is no member."""

    handle: str
    role: str
    created_at: float
    members: tuple[ports.MemberRow, ...]


class Groups:
    """Make, list, end; members come, change their role and go. Each change is seen at once, on open connections too."""

    def __init__(
        self,
        store: ports.Store,
        accounts: Accounts,
        wall: Callable[[], float] = time.time,
        *,
        bounds: Bounds = DEFAULT_BOUNDS,
    ) -> None:
        self._store = store
        self._bounds = bounds
        self._accounts = accounts
        self._wall = wall

    # -- reading -------------------------------------------------------------------------------------------------------

    async def mine(self, subject: access.Subject) -> list[Group]:
        """The groups that the subject belongs to; all of them for administrators; by handle."""
        if access.administers(subject):
            return [await self._described(subject, row) for row in await self._store.groups()]
        rows = [await self._store.account(key=group.key) for group in subject.groups]
        return [await self._described(subject, row) for row in rows if row and access.within(subject, row.handle)]

    async def get(self, subject: access.Subject, handle: str) -> Group:
        """One of them, with its members; raises Refused (not_found)."""
        return await self._described(subject, await _known(self._store, subject, handle))

    async def _described(self, subject: access.Subject, row: ports.AccountRow) -> Group:
        members = tuple(await self._store.members(row.key))
        role = next((member.role for member in members if member.account == subject.key), "")
        return Group(row.handle, role, row.created_at, members)

    # -- making and ending ---------------------------------------------------------------------------------------------

    async def create(self, subject: access.Subject, handle: str) -> Group:
        """A group whose first manager is the subject.

        Raises Refused (conflict, invalid_request, permission_denied, quota_exceeded).
        """
        _require_manage(subject)
        if subject.only:
            raise Refused("permission_denied", f"Your token is limited to {', '.join(subject.only)}.")
        try:
            chosen = people.handle(handle)
        except people.BadName as error:
            raise Refused("invalid_request", f"{error}.") from None
        now = self._wall()
        at_most = bound_for(subject, self._bounds.groups_per_account)
        command = ports.CreateGroup(chosen, subject.key, os.urandom(_DIGEST_KEY_BYTES), now, at_most)
        key = await self._store.do(audit.recorded(command, subject, "group.create", path=chosen))
        if key is ports.Outcome.FULL:
            raise full(
                "The groups that you made, also those of the last 24 hours that ended, are",
                self._bounds.groups_per_account,
                "Delete one that nobody needs, and try again tomorrow, or ask an administrator of the hub.",
            )
        if isinstance(key, ports.Outcome):
            raise Refused("conflict", f"The handle {chosen} is taken.", "Choose another one.")
        self._accounts.changed(subject.key)
        return Group(chosen, "manager", now, tuple(await self._store.members(key)))

    async def delete(self, subject: access.Subject, handle: str) -> None:
        """End a group that has no functions; raises Refused (not_found, permission_denied, conflict)."""
        group = await managed(self._store, subject, handle)
        command = ports.DeleteGroup(group.key, self._wall())
        concerned = await self._store.do(audit.recorded(command, subject, "group.delete", path=group.handle))
        if concerned is ports.Outcome.CONFLICT:
            raise Refused(
                "conflict",
                f"There are functions, or links to some, below {group.handle}.",
                f"farcall list --namespace {group.handle} shows them; farcall delete NAME deletes one.",
            )
        if isinstance(concerned, ports.Outcome):
            raise _unknown(handle)
        self._tell(concerned)

    # -- members -------------------------------------------------------------------------------------------------------

    async def put_member(self, subject: access.Subject, handle: str, member: str, role: Role) -> Group:
        """Let a person belong to the group, in this role from now on. Raises Refused (not_found, conflict, …)."""
        group = await managed(self._store, subject, handle)
        if not _membership(subject, group.key) and member == subject.handle:
            raise Refused(
                "permission_denied",
                f"You administer the hub, and are no member of {group.handle}.",
                "Ask one of its managers, or make one of its members a manager.",
            )
        person = await self._person(member)
        command = ports.PutMember(group.key, person.key, role, subject.key, self._wall(), subject.access_epoch)
        outcome = await self._store.do(
            audit.recorded(
                command, subject, "group.add", path=group.handle, about=person.key, target=person.handle, role=role
            )
        )
        self._check(outcome, group, person)
        return await self._described(subject, group)

    async def remove_member(self, subject: access.Subject, handle: str, member: str) -> None:
        """End a membership, at once; everybody may leave. Raises Refused (not_found, conflict, …)."""
        if member == subject.handle:
            _require_manage(subject)
            group = await _known(self._store, subject, handle)
        else:
            group = await managed(self._store, subject, handle)
        person = await self._person(member)
        command = ports.RemoveMember(group.key, person.key, self._wall())
        outcome = await self._store.do(
            audit.recorded(command, subject, "group.remove", path=group.handle, about=person.key, target=person.handle)
        )
        self._check(outcome, group, person)

    def _check(self, outcome: ports.Outcome, group: ports.AccountRow, person: ports.AccountRow) -> None:
        if outcome is ports.Outcome.CONFLICT:
            raise Refused(
                "conflict",
                f"{person.handle} is the only manager of {group.handle}.",
                "Make somebody else a manager first, or delete the group.",
            )
        if outcome is ports.Outcome.DENIED:
            raise changed_meanwhile()
        if outcome is not ports.Outcome.OK:
            raise Refused("not_found", f"{person.handle} is no member of {group.handle}.")
        self._tell([person.key])

    def _tell(self, accounts: Sequence[int]) -> None:
        for account in accounts:
            self._accounts.changed(account)

    async def _person(self, handle: str) -> ports.AccountRow:
        row = await self._store.account(handle=handle.replace("-", "_"))
        if row is None or row.kind != "person":
            raise Refused("not_found", f"There is no account {handle[:80]}.", "Members are people with an account.")
        return row


async def managed(store: ports.Store, subject: access.Subject, handle: str) -> ports.AccountRow:
    """The group, if the subject may say who belongs to it; raises Refused (not_found, permission_denied).

    Level manage at the handle is not enough, as a share may give it: members have what is shared with the group.
    """
    group = await _known(store, subject, handle)
    _require_manage(subject)
    if not manages(subject, group.key):
        raise Refused("permission_denied", f"This is for the managers of {group.handle}.", "Ask one of them.")
    return group


def manages(subject: access.Subject, group: int) -> bool:
    """Whether the subject says who belongs to the group with this key."""
    membership = _membership(subject, group)
    return access.administers(subject) or (membership is not None and membership.manager)


async def _known(store: ports.Store, subject: access.Subject, handle: str) -> ports.AccountRow:
    """The group, if the subject may know of it as one: its members and administrators do."""
    row = await store.account(handle=handle.replace("-", "_"))
    if row is None or row.kind != "group" or not access.within(subject, row.handle):
        raise _unknown(handle)
    if not access.administers(subject) and _membership(subject, row.key) is None:
        raise _unknown(handle)
    return row


def _membership(subject: access.Subject, group: int) -> access.Membership | None:
    return next((item for item in subject.groups if item.key == group), None)


def _unknown(handle: str) -> Refused:
    return Refused(
        "not_found", f"There is no group {handle[:80]}, or you do not belong to it.", "See farcall groups list."
    )


def _require_manage(subject: access.Subject) -> None:
    if not access.has_scope(subject, "manage"):
        raise Refused("permission_denied", "This token lacks the scope manage, which it takes to change groups.")
