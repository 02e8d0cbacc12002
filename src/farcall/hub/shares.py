"""Sharing with accounts: grants on functions and namespaces, to a handle, a group's handle, or `public`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from farcall.domain import access, names
from farcall.domain.errors import Refused
from farcall.hub import audit, ports
from farcall.hub.accounts import Accounts
from farcall.hub.bounds import DEFAULT_BOUNDS, Bounds, bound_for, full
from farcall.hub.passed_on import Giver, offered_on, passed_on
from farcall.hub.wanted import Wanted, changed_meanwhile, shareable, within_own


@dataclass(frozen=True, slots=True)
class Ended:
    """What ended: the share itself first. `staying` is what hangs on it and was left, in the order of passing on."""

    grants: tuple[ports.GrantRow, ...]
    invitations: tuple[ports.InvitationRow, ...] = ()
    staying: tuple[ports.GrantRow, ...] = ()
    seen: tuple[tuple[int, float], ...] | None = None  # what was there when this was found out


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
            by_epoch=subject.access_epoch,
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
        if outcome is ports.Outcome.DENIED:
            raise changed_meanwhile()
        await self._changed(grantee.key)
        for row in await self._store.grants_to(grantee.key):
            if (row.path, row.grantee) == (where, grantee.key):
                return row
        raise Refused("conflict", f"Somebody has just taken {where} back from {grantee.handle}.")

    async def unshare(self, subject: access.Subject, path: str, handle: str, *, with_passed_on: bool = False) -> Ended:
        """Take a grant back. Raises Refused (not_found)."""
        where = _manageable(subject, path)
        grantee = await self._account(handle)
        for row in await self._store.grants_to(grantee.key):
            if (row.path, row.grantee) == (where, grantee.key):
                return await self._end(subject, row, with_passed_on)
        raise _nothing(f"{where} is not shared with {grantee.handle}.")

    async def remove(self, subject: access.Subject, key: int, *, with_passed_on: bool = False) -> Ended:
        """Take back the grant with this key; whoever made it may, who manages the path, and who received it.

        With `with_passed_on` what the grantee passed on through it ends too, and what those passed on in turn; all of
        it in one transaction. Otherwise that stays. Raises Refused (not_found, permission_denied).
        """
        unknown = f"There is no share g{key}, or you may not know of it."
        for row in await self.visible(subject):
            if row.key == key:
                own = subject.key in (row.grantee, row.by)
                if not own or not access.has_scope(subject, "manage"):
                    _manageable(subject, row.path)
                return await self._end(subject, row, with_passed_on)
        raise _nothing(unknown)

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

    async def _end(self, subject: access.Subject, row: ports.GrantRow, with_passed_on: bool) -> Ended:
        """What ends is found first, and ends only if nobody has shared anything there meanwhile."""
        while True:
            ended = await self._what_ends(row, with_passed_on)
            concerned = {key for each in ended.grants for key in await self._store.affected_by(each.grantee)}
            outcome = await self._store.do(_recorded(subject, ended, self._wall()))
            if outcome is ports.Outcome.OK:
                self._accounts.changed(*sorted(concerned))
                return ended
            if outcome is not ports.Outcome.STALE:
                raise _nothing(f"{row.path} is not shared with {row.grantee_handle} any more.")

    async def _what_ends(self, row: ports.GrantRow, with_passed_on: bool) -> Ended:
        if row.level != "manage":
            return Ended((row,))
        now = self._wall()
        below = await self._store.grants_below(row.path)
        waiting = await self._store.invitations_given(-1, [row.path])  # whoever made them
        waiting = [each for each in waiting if each.state == "open" and each.group is None]
        keys = {each.by for each in below} | {each.by for each in waiting}
        givers = {key: await self._giver(key) for key in keys}
        hanging = passed_on(row, below, givers, now)
        seen = tuple(sorted((each.key, each.created_at) for each in below))
        if not with_passed_on:
            return Ended((row,), staying=tuple(hanging), seen=seen)
        grants = (row, *hanging)
        return Ended(grants, tuple(offered_on(grants, waiting, givers, now)), seen=seen)

    async def _giver(self, key: int) -> Giver:
        account = await self._store.account(key=key)
        if account is None:
            raise LookupError(f"account {key} has given something, and is not there")
        grants, groups = await self._store.grants_to(key), await self._store.memberships(key)
        return Giver(account, tuple(grants), tuple(groups))

    async def _changed(self, grantee: int) -> None:
        self._accounts.changed(*await self._store.affected_by(grantee))


def too_many(bounds: Bounds) -> Refused:
    """Refused (quota_exceeded): somebody has shared as much as an account may."""
    return full(
        "Your shares and the invitations that wait are",
        bounds.shares_per_account,
        "Share a whole namespace, or with a group, and take single shares back with farcall unshare.",
    )


def _recorded(subject: access.Subject, ended: Ended, now: float) -> ports.Audited:
    """The command, with an entry for each of all that ends."""
    row, *others = ended.grants
    command = ports.DeleteGrant(
        row.path,
        row.grantee,
        now,
        [each.key for each in others],
        [each.key for each in ended.invitations],
        ended.seen,
    )
    entries = [
        audit.entry(
            subject,
            "share.delete",
            path=each.path,
            about=each.grantee,
            target=each.grantee_handle,
            passed_on_by=None if each is row else each.by_handle,
        )
        for each in ended.grants
    ] + [
        audit.entry(
            subject, "invitation.revoke", path=each.path, about=each.by, target=each.email, passed_on_by=each.by_handle
        )
        for each in ended.invitations
    ]
    return ports.Audited(command, lambda outcome: entries if outcome is ports.Outcome.OK else [])


def _nothing(sentence: str) -> Refused:
    return Refused("not_found", sentence, "See farcall shares.")


def managed_roots(subject: access.Subject) -> list[str]:
    """The paths at and below which the subject manages: its own, and those it was given like that."""
    return [subject.handle, *(grant.path for grant in subject.grants if grant.level >= access.Level.MANAGE)]


def _manageable(subject: access.Subject, path: str) -> str:
    return shareable(subject, Wanted(path), 0.0)
