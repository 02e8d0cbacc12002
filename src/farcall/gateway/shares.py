"""Sharing: grants and invitations, both ways."""

from __future__ import annotations

import time

from farcall.domain import access, limits
from farcall.domain.errors import Refused
from farcall.gateway.exchange import Exchange, Reply, moment, moment_or_none, seconds_of
from farcall.gateway.operations import Answer, Operation
from farcall.hub import ports
from farcall.hub.invitations import Invited
from farcall.hub.shares import managed_roots
from farcall.hub.wanted import Wanted
from farcall.wire import rest, rest_sharing


async def list_shares(x: Exchange) -> Reply:
    query = x.query(rest.PageQuery)
    grants = await x.hub.shares.visible(x.subject)
    invitations = await x.hub.invitations.given(x.subject, managed_roots(x.subject))
    addresses = await x.hub.invitations.addresses(x.subject, grants)
    items = [_grant(row, x.subject, addresses.get(row.key, "")) for row in grants] + [
        _invitation(x, row) for row in invitations
    ]
    return Reply(_page(items, query))


def _page(items: list[rest.Share], query: rest.PageQuery) -> rest.Page[rest.Share]:
    """By path, then by whom it is shared with; the cursor is the place of the last one."""
    places = {f"{item.path} {item.handle or item.email} {item.id}": item for item in items}
    left = [(place, places[place]) for place in sorted(places) if place > (query.cursor or "")]
    chosen = left[: query.limit]
    return rest.Page([item for _, item in chosen], chosen[-1][0] if len(left) > len(chosen) else None)


async def create_share(x: Exchange) -> Reply:
    asked = await x.asked(rest.NewShare)
    if bool(asked.handle) is bool(asked.email):
        raise Refused("invalid_request", "A share is for a handle or for an e-mail address: name one of them.")
    wanted = Wanted(asked.path, asked.can, seconds_of(asked.expires_at), asked.limits)
    if asked.handle:
        row = await x.hub.shares.share(x.subject, asked.handle, wanted)
        return Reply(_made(_grant(row, x.subject)), 201)
    invited = await x.hub.invitations.invite(x.subject, asked.email, wanted)
    return invited_reply(x, invited)


def invited_reply(x: Exchange, invited: Invited) -> Reply:
    """What whoever invites is told."""
    return Reply(_made(_invitation(x, invited.row), invited.link, invited.text), 201)


async def delete_share(x: Exchange) -> Reply:
    identifier, passed_on = x.path("id"), x.query(rest_sharing.EndShareQuery).passed_on
    kind, key = identifier[:1], identifier[1:]
    if kind not in ("g", "i") or not (key.isascii() and key.isdigit() and len(key) < 16):
        raise Refused("not_found", f"There is no share {identifier[:40]!r}.", "See farcall shares.")
    if kind == "g":
        gone = await x.hub.shares.remove(x.subject, int(key), with_passed_on=passed_on)
        ended = [_grant(row, x.subject) for row in gone.grants] + [_invitation(x, row) for row in gone.invitations]
        return Reply(rest_sharing.SharesEnded(ended, [_grant(row, x.subject) for row in gone.staying]))
    revoked = await x.hub.invitations.revoke(x.subject, int(key))
    return Reply(rest_sharing.SharesEnded([_invitation(x, revoked)], []))


async def list_invites(x: Exchange) -> Reply:
    return Reply(rest.Page([_invite(row) for row in await x.hub.invitations.received(x.subject)]))


async def accept_invite(x: Exchange) -> Reply:
    given = await x.hub.invitations.accept(x.subject, x.path("id"))
    if isinstance(given, ports.GrantRow):
        return Reply(_grant(given, x.subject))
    return Reply(_membership(given, x.subject))


async def decline_invite(x: Exchange) -> Reply:
    await x.hub.invitations.decline(x.subject, x.path("id"))
    return Reply(None, 204)


def _grant(row: ports.GrantRow, subject: access.Subject, email: str = "") -> rest.Share:
    over = row.expires_at is not None and row.expires_at <= time.time()
    given = row.by == subject.key or access.level_at(subject, row.path) >= access.Level.MANAGE
    received = row.grantee == subject.key or not given
    return rest.Share(
        f"g{row.key}",
        row.path,
        row.grantee_handle,
        email,
        row.level,
        "expired" if over else "active",
        "received" if received else "given",
        row.by_handle,
        moment(row.created_at),
        moment_or_none(row.expires_at),
        None,
        limits.from_json(row.limits),
        "",
    )


def _membership(row: ports.InvitationRow, subject: access.Subject) -> rest.Share:
    """What an invitation into a group gave."""
    return rest.Share(
        f"i{row.key}",
        row.place,
        subject.handle,
        "",
        row.level,
        "active",
        "received",
        row.by_handle,
        moment(row.created_at),
        None,
        None,
        limits.NO_LIMITS,
        "",
    )


def _invitation(x: Exchange, row: ports.InvitationRow) -> rest.Share:
    over = row.expires_at is not None and row.expires_at <= time.time()
    return rest.Share(
        f"i{row.key}",
        row.place,
        "",
        row.email,
        row.level,
        "declined" if row.state == "declined" else "expired" if over else "open",
        "given",
        row.by_handle,
        moment(row.created_at),
        moment_or_none(row.grant_expires_at),
        moment_or_none(row.expires_at),
        limits.from_json(row.limits),
        x.hub.invitations.mail_of(row),
    )


def _made(share: rest.Share, link: str = "", text: str = "") -> rest.ShareMade:
    fields = {name: getattr(share, name) for name in share.__struct_fields__}
    return rest.ShareMade(**fields, link=link, text=text)


def _invite(row: ports.InvitationRow) -> rest.Invite:
    return rest.Invite(
        f"i{row.key}",
        row.place,
        row.level,
        row.by_handle,
        moment(row.created_at),
        moment_or_none(row.grant_expires_at),
        moment_or_none(row.expires_at),
        limits.from_json(row.limits),
    )


OPERATIONS = (
    Operation(
        "GET",
        "/v1/shares",
        "list_shares",
        "What you have shared or manage, invitations among it, and what was shared with you.",
        list_shares,
        {200: Answer(rest.Page[rest.Share], "By path.")},
        "sharing",
        query=rest.PageQuery,
    ),
    Operation(
        "POST",
        "/v1/shares",
        "create_share",
        "Share a function or a namespace with a handle, or invite an e-mail address; replaces an earlier share.",
        create_share,
        {201: Answer(rest.ShareMade, "The share; for an address an invitation, which waits for whoever has it.")},
        "sharing",
        body=rest.NewShare,
        errors=("not_found", "conflict", "quota_exceeded"),
    ),
    Operation(
        "DELETE",
        "/v1/shares/{id}",
        "delete_share",
        "Take a share or an invitation back, or drop a share that you received; `passed_on`: with what hangs on it.",
        delete_share,
        {200: Answer(rest_sharing.SharesEnded, "What ended, and what was passed on and stays. Each as it was.")},
        "sharing",
        query=rest_sharing.EndShareQuery,
        errors=("invitation_closed",),
    ),
    Operation(
        "GET",
        "/v1/invites",
        "list_invites",
        "Open invitations for your address.",
        list_invites,
        {200: Answer(rest.Page[rest.Invite], "Oldest first.")},
        "sharing",
    ),
    Operation(
        "POST",
        "/v1/invites/{id}/accept",
        "accept_invite",
        "Accept an invitation; `id` is its id or the secret in its link.",
        accept_invite,
        {200: Answer(rest.Share, "What you may do now.")},
        "sharing",
        errors=("invitation_closed", "conflict"),
    ),
    Operation(
        "POST",
        "/v1/invites/{id}/decline",
        "decline_invite",
        "Decline an invitation; `id` is its id or the secret in its link.",
        decline_invite,
        {204: Answer(None, "It cannot be accepted any more.")},
        "sharing",
        errors=("invitation_closed",),
    ),
)
