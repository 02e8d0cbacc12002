"""What whoever made an invitation may give now: they may have lost since what they offered, or some of it."""

from __future__ import annotations

from dataclasses import dataclass

from farcall.domain import access, limits
from farcall.hub import groups, ports, subjects
from farcall.hub.wanted import Wanted, within_own


@dataclass(frozen=True, slots=True)
class Offered:
    """What an inviter may give of what the invitation says, at this access epoch of theirs."""

    epoch: int
    terms: ports.GrantTerms


async def offered(store: ports.Store, row: ports.InvitationRow, now: float) -> Offered | None:
    """What they could give today, at `now` (wall-clock seconds); None if they could not."""
    inviter = await store.account(key=row.by)  # before what counts for it: its epoch must not be newer than that
    if inviter is None or inviter.disabled:
        return None
    said = Offered(inviter.access_epoch, ports.GrantTerms(row.grant_expires_at, row.limits))
    if inviter.admin:
        return said
    subject = await subjects.load(store, inviter, now)
    if row.group is not None:
        return said if groups.manages(subject, row.group) else None
    if access.level_at(subject, row.path) < access.Level.MANAGE:
        return None
    wanted = Wanted(row.path, row.level, row.grant_expires_at, limits.from_json(row.limits))
    given = within_own(subject, row.path, wanted)
    return Offered(inviter.access_epoch, ports.GrantTerms(given.expires_at, given.limits.json()))
