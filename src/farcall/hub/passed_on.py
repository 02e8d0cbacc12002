"""What somebody with level manage has passed on, and so hangs on the share that made them a manager. Pure.

A share hangs on another if whoever gave it could give it only through that one: they own nothing there, administer
nothing, and have no second share or group by which they manage the same. What those whom they gave it to passed on in
turn hangs on it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from farcall.domain.names import covers, handle_of
from farcall.hub import ports


@dataclass(frozen=True, slots=True)
class Giver:
    """Somebody who shares, and all that lets them: what was granted to them, to their groups and to everybody."""

    account: ports.AccountRow
    grants: tuple[ports.GrantRow, ...]
    groups: tuple[ports.MembershipRow, ...]

    def manages(self, path: str, without: set[int], now: float) -> bool:
        """Whether they may share the path without the grants of these keys."""
        handle = handle_of(path)
        if self.account.admin or self.account.handle == handle:
            return True
        if any(group.group_handle == handle and group.role == "manager" for group in self.groups):
            return True
        return any(
            _makes_manager(grant, path) and _lasts(grant, now) for grant in self.grants if grant.key not in without
        )

    def managed_by(self, keys: set[int], path: str) -> bool:
        """Whether any of these grants let them share the path."""
        return any(_makes_manager(grant, path) for grant in self.grants if grant.key in keys)


def passed_on(
    ended: ports.GrantRow, below: Iterable[ports.GrantRow], givers: Mapping[int, Giver], now: float
) -> list[ports.GrantRow]:
    """Those of the grants at and `below` the path of `ended` that hang on it, each after one that it hangs on.

    All that may have come through it is taken to hang on it until something else is found that lets its giver share:
    two who passed it on to each other let neither.
    """
    led = _led_to(ended, below, givers)
    gone = {ended.key, *(row.key for row in led)}
    while True:
        kept = {row.key for row in led if row.key in gone and givers[row.by].manages(row.path, gone, now)}
        if not kept:
            return [row for row in led if row.key in gone]
        gone -= kept


def _led_to(
    ended: ports.GrantRow, below: Iterable[ports.GrantRow], givers: Mapping[int, Giver]
) -> list[ports.GrantRow]:
    """What its grantee, and those whom they gave it to, have shared there, each after what may have let them."""
    reached = {ended.key}
    found: list[ports.GrantRow] = []
    left = [row for row in below if row.key != ended.key and row.by in givers]
    while True:
        more = [row for row in left if givers[row.by].managed_by(reached, row.path)]
        if not more:
            return found
        reached.update(row.key for row in more)
        found += more
        left = [row for row in left if row.key not in reached]


def offered_on(
    ended: Iterable[ports.GrantRow], waiting: Iterable[ports.InvitationRow], givers: Mapping[int, Giver], now: float
) -> list[ports.InvitationRow]:
    """Those of the invitations that wait which nobody could make any more without these grants."""
    gone = {row.key for row in ended}
    return [
        row
        for row in waiting
        if row.by in givers
        and givers[row.by].managed_by(gone, row.path)
        and not givers[row.by].manages(row.path, gone, now)
    ]


def _makes_manager(grant: ports.GrantRow, path: str) -> bool:
    return grant.level == "manage" and covers(grant.path, path)


def _lasts(grant: ports.GrantRow, now: float) -> bool:
    return grant.expires_at is None or grant.expires_at > now
