"""Sharing: a grant on a function or a namespace, to a handle."""

from __future__ import annotations

import time

from farcall.domain import access, names
from farcall.domain.errors import Refused
from farcall.hub import ports
from farcall.hub.accounts import Accounts


class Shares:
    """Grant, take back, list. Each change is seen at once, on open connections too."""

    def __init__(self, store: ports.Store, accounts: Accounts) -> None:
        self._store = store
        self._accounts = accounts

    async def share(self, subject: access.Subject, path: str, handle: str, level: str = "invoke") -> ports.GrantRow:
        """Let `handle` view, invoke or manage `path` and all below it; replaces an earlier grant. Raises Refused."""
        wanted = access.GRANTABLE.get(level)
        if wanted is None:
            known = ", ".join(access.GRANTABLE)
            raise Refused("invalid_request", f"{level[:40]!r} is no level of sharing.", f"There are: {known}.")
        where = self._manageable(subject, path)
        grantee = await self._account(handle)
        if grantee.handle == names.handle_of(where):
            raise Refused("invalid_request", f"{grantee.handle} owns {where} already.")
        key = await self._store.do(ports.PutGrant(where, grantee.key, level, subject.key, time.time()))
        self._accounts.changed(grantee.key)
        for row in await self._store.grants_to(grantee.key):
            if row.path == where:
                return row
        return ports.GrantRow(key, where, grantee.key, grantee.handle, level, subject.key, time.time())

    async def unshare(self, subject: access.Subject, path: str, handle: str) -> None:
        """Take a grant back. Raises Refused (not_found)."""
        where = self._manageable(subject, path)
        grantee = await self._account(handle)
        await self._delete(where, grantee.key, f"{where} is not shared with {grantee.handle}.")

    async def remove(self, subject: access.Subject, key: int) -> None:
        """Take back the grant with this key; whoever received one may drop it too. Raises Refused (not_found)."""
        for row in await self.visible(subject):
            if row.key == key:
                if row.grantee != subject.key or not access.has_scope(subject, "manage"):
                    self._manageable(subject, row.path)
                await self._delete(row.path, row.grantee, f"There is no share {key}.")
                return
        raise Refused("not_found", f"There is no share {key}, or you may not know of it.")

    async def visible(self, subject: access.Subject) -> list[ports.GrantRow]:
        """What the subject has shared or may manage, and what was shared with it, by path."""
        found: dict[int, ports.GrantRow] = {row.key: row for row in await self._store.grants_to(subject.key)}
        managed = [subject.handle, *(grant.path for grant in subject.grants if grant.level >= access.Level.MANAGE)]
        for root in managed:
            found.update({row.key: row for row in await self._store.grants_below(root)})
        seen = [row for row in found.values() if access.within(subject, row.path)]
        return sorted(seen, key=lambda row: (row.path, row.grantee_handle))

    def _manageable(self, subject: access.Subject, path: str) -> str:
        try:
            where = names.path(path)
        except names.BadName as error:
            raise Refused("invalid_request", f"{error}.") from None
        decision = access.decide(subject, "manage", where)
        if not decision.allowed:
            raise Refused(decision.code, decision.reason)
        return where

    async def _account(self, handle: str) -> ports.AccountRow:
        if "@" in handle:
            raise Refused(
                "invalid_request",
                "This hub shares with handles only, not yet with e-mail addresses.",
                "Ask for the handle.",
            )
        account = await self._store.account(handle=handle.replace("-", "_"))
        if account is None:
            raise Refused("not_found", f"There is no account {handle[:80]}.")
        return account

    async def _delete(self, path: str, grantee: int, missing: str) -> None:
        outcome = await self._store.do(ports.DeleteGrant(path, grantee, time.time()))
        if outcome is not ports.Outcome.OK:
            raise Refused("not_found", missing, "See farcall shares.")
        self._accounts.changed(grantee)
