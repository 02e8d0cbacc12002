"""Commands about invitations, and about grants that end by themselves. They run in the writer's thread."""

from __future__ import annotations

import msgspec

from farcall.hub.ports import (
    AcceptInvitation,
    CloseInvitation,
    ExpireGrants,
    NoteMail,
    Outcome,
    PutGrant,
    PutInvitation,
)
from farcall.stores.sqlite.catalog import CatalogCommands


class InvitationCommands(CatalogCommands):
    """Each method carries out one command and returns its outcome. What is accepted becomes a grant as any other."""

    def put_invitation(self, command: PutInvitation) -> int | Outcome:
        if any(key is not None and self.one("access_of", key) is None for key in (command.by, command.group)):
            return Outcome.MISSING
        if self.one("invitation_by_digest", command.digest) is not None:
            return Outcome.CONFLICT
        if not self.invitation_fits(command):
            return Outcome.FULL
        self.one("revoke_same_invitations", command.email, command.path, command.group, command.at)
        key = self.one(
            "put_invitation",
            command.digest,
            command.email,
            command.path,
            command.level,
            command.group,
            command.limits,
            command.by,
            command.at,
            command.expires_at,
            command.grant_expires_at,
        )
        return int(key)

    def accept_invitation(self, command: AcceptInvitation) -> Outcome:
        if self.one("access_of", command.account) is None:
            return Outcome.MISSING
        inviter = self.one("inviter_of", command.key)
        if inviter is not None and self.access_changed(inviter, command.by_epoch):
            return Outcome.DENIED
        accepted = self.one("accept_invitation", command.key, command.account, command.at)
        if accepted is None:
            return Outcome.STALE if self.one("invitation_by_key", command.key) else Outcome.MISSING
        path, level, group, limits, by, ends_at = accepted
        if command.terms is not None:
            ends_at, limits = command.terms.expires_at, command.terms.limits
        if path:
            self.put_grant(PutGrant(path, command.account, level, by, command.at, ends_at, limits, command.key))
        if group is not None:
            self.one("join_group", group, command.account, level, by, command.at)
            self.one("bump_epoch", command.account)
        return Outcome.OK

    def close_invitation(self, command: CloseInvitation) -> Outcome:
        if self.one("close_invitation", command.key, command.state, command.at) is not None:
            return Outcome.OK
        return Outcome.STALE if self.one("invitation_by_key", command.key) else Outcome.MISSING

    def note_mail(self, command: NoteMail) -> Outcome:
        return Outcome.MISSING if self.one("note_mail", command.key, command.mail) is None else Outcome.OK

    def expire_grants(self, command: ExpireGrants) -> list[int]:
        ended = self.all("grants_ended", command.since, command.until)
        concerned = sorted({key for (grantee,) in ended for (key,) in self.all("affected_by", grantee)})
        self.one("bump_epochs", msgspec.json.encode(concerned).decode())
        return concerned
