"""Sharing with accounts: grants on functions and namespaces, to a handle, a group's handle, or `public`."""

from __future__ import annotations

import time
from collections.abc import Callable

from farcall.domain import access, names
from farcall.domain.errors import Refused
from farcall.hub import audit, ports
from farcall.hub.accounts import Accounts
from farcall.hub.bounds import DEFAULT_BOUNDS, Bounds, bound_for, full
from farcall.hub.wanted import Wanted, shareable, within_own


class Shares:
    """Grant, take back, list. Each change is seen at once, on open connections too. `wall` tells the time."""

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

    async def share(self, subject: access.Subject, handle: str, wanted: Wanted) -> ports.GrantRow:
        """Let `handle` do what is `wanted`; replaces an earlier grant on the same path. Raises Refused."""
        now = self._wall()
        where = shareable(subject, wanted, now)
        wanted = within_own(subject, where, wanted)
        grantee = await self._account(handle)
        if grantee.handle == names.handle_of(where):
            raise Refused("invalid_request", f"{grantee.handle} owns {where} already.")
        if grantee.key == subject.key:  # who manages by a share would take away its end and its limits
            raise Refused("permission_denied", "Nobody shares with themselves.", "Ask the owner for more.")
        command = ports.PutGrant(
            where,
            grantee.key,
            wanted.level,
            subject.key,
            now,
            wanted.expires_at,
            wanted.limits.json(),
            at_most=bound_for(subject, self._bounds.shares_per_account),
        )
        outcome = await self._store.do(
            audit.recorded(
                command,
                subject,
                "share.create",
                path=where,
                about=grantee.key,
                target=grantee.handle,
                can=wanted.level,
            )
        )
        if outcome is ports.Outcome.FULL:
            raise too_many(self._bounds)
        await self._changed(grantee.key)
        for row in await self._store.grants_to(grantee.key):
            if (row.path, row.grantee) == (where, grantee.key):
                return row
        raise Refused("conflict", f"Somebody has just taken {where} back from {grantee.handle}.")

    async def unshare(self, subject: access.Subject, path: str, handle: str) -> None:
        """Take a grant back. Raises Refused (not_found)."""
        where = _manageable(subject, path)
        grantee = await self._account(handle)
        await self._delete(subject, where, grantee, f"{where} is not shared with {grantee.handle}.")

    async def remove(self, subject: access.Subject, key: int) -> None:
        """Take back the grant with this key; whoever made it may, who manages the path, and who received it.

        Raises Refused (not_found, permission_denied).
        """
        unknown = f"There is no share g{key}, or you may not know of it."
        for row in await self.visible(subject):
            if row.key == key:
                own = subject.key in (row.grantee, row.by)
                if not own or not access.has_scope(subject, "manage"):
                    _manageable(subject, row.path)
                grantee = await self._store.account(key=row.grantee)
                if grantee is not None:
                    await self._delete(subject, row.path, grantee, unknown)
                    return
        raise Refused("not_found", unknown, "See farcall shares.")

    async def visible(self, subject: access.Subject) -> list[ports.GrantRow]:
        """What the subject has shared or manages, and what was shared with it, by path."""
        found = {row.key: row for row in await self._store.grants_to(subject.key)}
        found.update({row.key: row for row in await self._store.grants_given(subject.key, managed_roots(subject))})
        seen = [row for row in found.values() if access.within(subject, row.path)]
        return sorted(seen, key=lambda row: (row.path, row.grantee_handle))

    async def _account(self, handle: str) -> ports.AccountRow:
        account = await self._store.account(handle=handle.replace("-", "_"))
        if account is None or account.kind == "gone":
            raise Refused(
                "not_found",
                f"There is no account {handle[:80]}.",
                "To share with somebody else, use an e-mail address.",
            )
        return account

    async def _delete(self, subject: access.Subject, path: str, grantee: ports.AccountRow, missing: str) -> None:
        command = ports.DeleteGrant(path, grantee.key, self._wall())
        concerned = await self._store.affected_by(grantee.key)
        outcome = await self._store.do(
            audit.recorded(command, subject, "share.delete", path=path, about=grantee.key, target=grantee.handle)
        )
        if outcome is not ports.Outcome.OK:
            raise Refused("not_found", missing, "See farcall shares.")
        self._accounts.changed(*concerned)

    async def _changed(self, grantee: int) -> None:
        self._accounts.changed(*await self._store.affected_by(grantee))


def too_many(bounds: Bounds) -> Refused:
    """Refused (quota_exceeded): somebody has shared as much as an account may."""
    return full(
        "Your shares and the invitations that wait are",
        bounds.shares_per_account,
        "Share a whole namespace, or with a group, and take single shares back with farcall unshare.",
    )


def managed_roots(subject: access.Subject) -> list[str]:
    """The paths at and below which the subject manages: its own, and those it was given like that."""
    return [subject.handle, *(grant.path for grant in subject.grants if grant.level >= access.Level.MANAGE)]


def _manageable(subject: access.Subject, path: str) -> str:
    return shareable(subject, Wanted(path), 0.0)
