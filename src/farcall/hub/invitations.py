"""Invitations: something is shared with an e-mail address, or a group waits for whoever has it, until an account with
that address accepts.

The secret in an invitation's link was sent to the address, or handed over by whoever invites: holding it proves the
address. Whether the address has an account changes nothing, and is told to nobody. The secret is stored as a digest
only; a new invitation to the same address and path has a new one, and the old link ends.
"""

from __future__ import annotations

import base64
import math
import os
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from blake3 import blake3

from farcall.domain import access, names, people
from farcall.domain.errors import Refused
from farcall.hub import audit, groups, invitation_letter, mail, offers, ports
from farcall.hub.accounts import Accounts
from farcall.hub.bounds import DEFAULT_BOUNDS, Bounds, bound_for
from farcall.hub.inviter import offered
from farcall.hub.shares import too_many
from farcall.hub.wanted import Wanted, shareable, within_own
from farcall.hub.whereabouts import NOWHERE, Whereabouts

_SECRET_BYTES = 32
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_DAY_SECONDS = 86_400.0
_FIRST_TRY_SECONDS = 3.0
_NOT_SENT = "not sent"
_REMEMBERED_DELIVERIES = 2_000


@dataclass(frozen=True, slots=True)
class Invited:
    """`link` and `text` are empty if the hub has mailed them: then only the address has the secret."""

    row: ports.InvitationRow
    mail: str  # sent, sending, not sent, or why not
    link: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """How long an invitation can be accepted, and how many an account may make in 24 hours."""

    valid_seconds: float = 30 * _DAY_SECONDS
    per_day: int = 200


class Invitations:
    """Invite, accept, decline, take back, list. `randomness(n)` gives n bytes; `wall` tells the time."""

    def __init__(
        self,
        store: ports.Store,
        accounts: Accounts,
        post: mail.Post,
        *,
        rules: Rules = Rules(),
        bounds: Bounds = DEFAULT_BOUNDS,
        whereabouts: Whereabouts = NOWHERE,
        randomness: Callable[[int], bytes] = os.urandom,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._post = post
        self._rules = rules
        self._bounds = bounds
        self.whereabouts = whereabouts
        self._randomness = randomness
        self._wall = wall
        self._deliveries: OrderedDict[int, mail.Delivery] = OrderedDict()  # by invitation; the latest of this start

    # -- inviting ------------------------------------------------------------------------------------------------------

    async def invite(self, subject: access.Subject, email: str, wanted: Wanted) -> Invited:
        """Share `wanted` with whoever has that address; replaces an earlier invitation. Raises Refused."""
        where = shareable(subject, wanted, self._wall())
        wanted = within_own(subject, where, wanted)
        return await self._put(subject, email, where, wanted)

    async def invite_member(self, subject: access.Subject, email: str, handle: str, role: groups.Role) -> Invited:
        """Let whoever has that address join the group `handle`, in this role; replaces an earlier invitation to it.

        Raises Refused (not_found, permission_denied, invalid_request, quota_exceeded).
        """
        group = await groups.managed(self._store, subject, handle)
        if _same(_address(email), (await self._accounts.me(subject)).email):
            raise Refused("invalid_request", "That is your own address.", f"farcall groups show {group.handle}")
        return await self._put(subject, email, group.handle, Wanted("", role), group.key)

    async def _put(
        self, subject: access.Subject, email: str, where: str, wanted: Wanted, group: int | None = None
    ) -> Invited:
        now = self._wall()
        address = _address(email)
        await self._within_the_day(subject, now)
        secret = base64.urlsafe_b64encode(self._randomness(_SECRET_BYTES)).decode("ascii").rstrip("=")
        until = now + self._rules.valid_seconds
        command = ports.PutInvitation(
            digest_of(secret),
            address,
            where if group is None else "",
            wanted.level,
            subject.key,
            now,
            until if wanted.expires_at is None else min(until, wanted.expires_at),
            wanted.expires_at,
            wanted.limits.json(),
            group,
            bound_for(subject, self._bounds.shares_per_account),
        )
        key = await self._store.do(
            audit.recorded(command, subject, "invitation.create", path=where, target=address, can=wanted.level)
        )
        if key is ports.Outcome.FULL:
            raise too_many(self._bounds)
        row = await self._row(key)
        link = self.whereabouts.link(f"/i/{secret}")
        offer = await self.offer(row)
        here = self.whereabouts
        letter = invitation_letter.letter(invitation_letter.Invitation(row, offer, link, here.url, here.reach))
        if not self._post.configured:
            return Invited(row, _NOT_SENT, link, letter.text)
        return Invited(row, await self._send(key, letter))

    async def _within_the_day(self, subject: access.Subject, now: float) -> None:
        made = await self._store.invited_since(subject.key, now - _DAY_SECONDS)
        if made >= self._rules.per_day:
            raise Refused(
                "quota_exceeded",
                f"You have invited {made} times in the last 24 hours, which is as often as this hub allows.",
                "Share with handles, or try again tomorrow.",
                retry_after_seconds=3600,
            )

    async def _send(self, key: int, letter: ports.Mail) -> str:
        async def told(state: str) -> None:
            await self._store.do(ports.NoteMail(key, state))

        delivery = self._deliveries[key] = self._post.send(letter, told)
        if len(self._deliveries) > _REMEMBERED_DELIVERIES:
            self._deliveries.popitem(last=False)
        await delivery.first_try(_FIRST_TRY_SECONDS)
        return _words(delivery)

    def mail_of(self, row: ports.InvitationRow) -> str:
        """What became of the e-mail: `sent`, `sending`, `not sent`, or why not."""
        delivery = self._deliveries.get(row.key)
        return row.mail or _NOT_SENT if delivery is None else _words(delivery)

    # -- listing -------------------------------------------------------------------------------------------------------

    async def given(self, subject: access.Subject, roots: list[str]) -> list[ports.InvitationRow]:
        """Those that the subject made, or may take back since they are below `roots`, unless accepted or revoked."""
        if not access.has_scope(subject, "manage"):  # they tell addresses of people
            return []
        found = await self._store.invitations_given(subject.key, roots)
        return [
            row
            for row in found
            if access.within(subject, row.place)
            and (row.group is None or row.by == subject.key or groups.manages(subject, row.group))
        ]

    async def addresses(self, subject: access.Subject, grants: Iterable[ports.GrantRow]) -> dict[int, str]:
        """By the key of a grant that the subject made by an invitation: the address that it was sent to."""
        found: dict[int, str] = {}
        for grant in grants:
            if grant.invitation is not None and grant.by == subject.key and access.has_scope(subject, "manage"):
                row = await self._store.invitation(key=grant.invitation)
                if row is not None:
                    found[grant.key] = row.email
        return found

    async def received(self, subject: access.Subject) -> list[ports.InvitationRow]:
        """Those that are open for the subject's confirmed address."""
        account = await self._accounts.me(subject)
        if not account.email:
            return []
        now = self._wall()
        rows = await self._store.invitations_to(account.email)
        return [
            row
            for row in rows
            if _standing(row, now) == "open" and access.within(subject, row.place) and _has_address(account, row)
        ]

    # -- by whom it is for ---------------------------------------------------------------------------------------------

    async def by_secret(self, secret: str) -> ports.InvitationRow:
        """The invitation of a link, in whatever state; raises Refused (not_found)."""
        row = await self._store.invitation(digest=digest_of(secret)) if _SECRET.fullmatch(secret) else None
        if row is None:
            raise Refused("not_found", "There is no such invitation.", "Check that the link was copied in full.")
        return row

    async def standing(self, row: ports.InvitationRow) -> str:
        """`open`, `expired`, `accepted`, `declined`, or `revoked`, as it is too if who invited may not share it any
        more.
        """
        found = _standing(row, self._wall())
        return "revoked" if found == "open" and await offered(self._store, row, self._wall()) is None else found

    async def offer(self, row: ports.InvitationRow) -> offers.Offer:
        """What is there to be had; only for whoever holds the secret."""
        return await offers.look(self._store, row.place, group=row.group is not None)

    async def account_of(self, row: ports.InvitationRow) -> ports.AccountRow | None:
        """The account that has proved the address; only for whoever holds the secret."""
        account = await self._store.account(email=row.email)
        return account if account is not None and _has_address(account, row) else None

    async def holds(self, row: ports.InvitationRow) -> bool:
        """Whether what was accepted through it still gives something."""
        if row.group is not None:
            return any(member.account == row.accepted_by for member in await self._store.members(row.group))
        now = self._wall()
        grants = await self._store.grants_to(row.accepted_by) if row.accepted_by is not None else []
        return any(grant.path == row.path and (grant.expires_at or math.inf) > now for grant in grants)

    async def proved(self, secret: str) -> tuple[str, int | None]:
        """The address of an open invitation, which whoever holds its secret has: None if that proves it, else the key
        of the account on whose word alone. Raises Refused.
        """
        row = await self.by_secret(secret)
        await self._require_open(row)
        return row.email, None if await self._proves(row) else row.by

    async def _proves(self, row: ports.InvitationRow) -> bool:
        """Whether the secret went to the address alone, or to somebody who may vouch for addresses.

        What the hub did not mail was shown to whoever invited. They could give any address to an account of theirs, so
        it does not count for what others share with that address.
        """
        if row.mail or row.key in self._deliveries:
            return True
        inviter = await self._store.account(key=row.by)
        return inviter is not None and inviter.admin

    async def accept(self, subject: access.Subject, reference: str) -> ports.GrantRow | ports.InvitationRow:
        """Take what it offers; `reference` is an id (``i7``) or a link's secret. Raises Refused.

        With the secret, the account's address is confirmed by it. Returns the grant; or the invitation itself, if what
        it gave is membership in a group.
        """
        _require_manage(subject, "accept invitations")
        row, account = await self._addressed(subject, reference)
        await self._require_open(row)
        if names.handle_of(row.place) == account.handle:
            raise Refused("invalid_request", f"You own {row.place} already.")
        if account.email_confirmed_at is None and await self._proves(row):
            await self._accounts.confirm(account, row.email)
        outcome = ports.Outcome.DENIED
        while outcome is ports.Outcome.DENIED:  # what the inviter may give has changed since it was looked at
            outcome = await self._take(subject, row, account)
        if outcome is not ports.Outcome.OK:
            await self._require_open(await self._row(row.key))
            raise Refused("conflict", "The invitation has just changed.", "Look at it again.")
        self._accounts.changed(account.key)
        if row.group is not None:
            return await self._row(row.key)
        for grant in await self._store.grants_to(account.key):
            if (grant.path, grant.grantee) == (row.path, account.key):
                return grant
        raise Refused("conflict", f"{row.by_handle} has taken it back meanwhile.")

    async def _take(
        self, subject: access.Subject, row: ports.InvitationRow, account: ports.AccountRow
    ) -> ports.Outcome:
        """Nobody gives more than they have when it is accepted: that is checked again with the commit."""
        now = self._wall()
        given = await offered(self._store, row, now)
        if given is None:
            raise Refused("invitation_closed", *closed(row, "revoked"))
        command = ports.AcceptInvitation(row.key, account.key, now, given.epoch, given.terms)
        outcome: ports.Outcome = await self._store.do(
            audit.recorded(command, subject, "invitation.accept", path=row.place, about=row.by, target=account.handle)
        )
        return outcome

    async def decline(self, subject: access.Subject, reference: str) -> None:
        """Say no; it cannot be accepted any more. Raises Refused."""
        _require_manage(subject, "decline invitations")
        row, _ = await self._addressed(subject, reference)
        await self._close(row, "declined", subject)

    async def decline_by_secret(self, secret: str, origin: str = "") -> None:
        """The same, by whoever holds the link. Raises Refused."""
        row = await self.by_secret(secret)
        await self._close(row, "declined", audit.Anonymous(row.email, origin))

    # -- by who made it ------------------------------------------------------------------------------------------------

    async def revoke(self, subject: access.Subject, key: int) -> ports.InvitationRow:
        """Take an invitation back, or put away one that was declined: who made it may, and who manages the path.

        Returns it as it was. Raises Refused.
        """
        row = await self._store.invitation(key=key)
        unknown = Refused("not_found", f"There is no share i{key}, or you may not know of it.", "See farcall shares.")
        if row is None or row.state not in ("open", "declined") or not access.within(subject, row.place):
            raise unknown
        if row.by != subject.key and not _manages(subject, row):
            raise unknown
        _require_manage(subject, "take back invitations")
        await self._close(row, "revoked", subject)
        return row

    # -- parts ---------------------------------------------------------------------------------------------------------

    async def _close(self, row: ports.InvitationRow, state: str, actor: audit.Actor) -> None:
        verb = {"declined": "invitation.decline", "revoked": "invitation.revoke"}[state]
        command = ports.CloseInvitation(row.key, state, self._wall())
        outcome = await self._store.do(
            audit.recorded(command, actor, verb, path=row.place, about=row.by, target=row.email)
        )
        if outcome is not ports.Outcome.OK:
            await self._require_open(await self._row(row.key))

    async def _addressed(self, subject: access.Subject, reference: str) -> tuple[ports.InvitationRow, ports.AccountRow]:
        """The invitation, if it is for this account; raises Refused."""
        account = await self._accounts.me(subject)
        if re.fullmatch(r"i[0-9]{1,15}", reference):
            row = await self._store.invitation(key=int(reference[1:]))
            mine = row is not None and _same(row.email, account.email) and access.within(subject, row.place)
            if row is None or not mine or not _has_address(account, row):
                raise Refused("not_found", f"There is no invitation {reference} for you.", "See farcall invites.")
            return row, account
        row = await self.by_secret(reference)
        if not access.within(subject, row.place):
            raise Refused("permission_denied", f"Your token is limited to {', '.join(subject.only)}.")
        if not _same(row.email, account.email):
            raise Refused(
                "permission_denied",
                f"The invitation is for {people.masked(row.email)}, and you are {account.handle}.",
                "Log in with the account of that address, or ask for an invitation to yours.",
            )
        return row, account

    async def _require_open(self, row: ports.InvitationRow) -> None:
        standing = await self.standing(row)
        if standing != "open":
            raise Refused("invitation_closed", *closed(row, standing))

    async def _row(self, key: int) -> ports.InvitationRow:
        row = await self._store.invitation(key=key)
        if row is None:
            raise Refused("not_found", f"There is no invitation i{key}.")
        return row


def _has_address(account: ports.AccountRow, row: ports.InvitationRow) -> bool:
    """Whether the account's address is proved, as far as this invitation goes."""
    return account.email_confirmed_at is not None or account.vouched_by == row.by


def digest_of(secret: str) -> bytes:
    """What the store keeps of a secret: 32 bytes. It has 256 bits of entropy, so a fast hash is the right one."""
    return blake3(secret.encode()).digest()


def closed(row: ports.InvitationRow, standing: str) -> tuple[str, str]:
    """Why an invitation cannot be accepted, and what to do."""
    sentences = {
        "expired": f"The invitation has expired, on {offers.day(row.expires_at or row.created_at)}.",
        "accepted": "The invitation was accepted already; it can be used once.",
        "ended": "You have accepted the invitation, and what it gave has ended or was taken back.",
        "declined": "The invitation was declined.",
        "revoked": f"{row.by_handle} has taken the invitation back, or sent a newer one.",
    }
    hint = "Log in to use it." if standing == "accepted" else f"Ask {row.by_handle} for a new one."
    return sentences[standing], hint


def _standing(row: ports.InvitationRow, now: float) -> str:
    return "expired" if row.state == "open" and row.expires_at is not None and row.expires_at <= now else row.state


def _words(delivery: mail.Delivery) -> str:
    if delivery.ended or delivery.state == mail.SENDING:
        return delivery.state
    return f"{delivery.state} It is tried again."


def _manages(subject: access.Subject, row: ports.InvitationRow) -> bool:
    """Whether the subject has a say in what the invitation is about."""
    if row.group is not None:
        return groups.manages(subject, row.group)
    return access.decide(subject, "manage", row.path).allowed


def _same(one: str, other: str) -> bool:
    return bool(one) and one.lower() == other.lower()


def _address(text: str) -> str:
    try:
        return people.email(text)
    except people.BadName as error:
        raise Refused("invalid_request", f"{error}.") from None


def _require_manage(subject: access.Subject, what: str) -> None:
    if not access.has_scope(subject, "manage"):
        raise Refused("permission_denied", f"This token lacks the scope manage, which it takes to {what}.")
