"""Commands about accounts, tokens and grants. They run in the writer's thread, within its transaction."""

from __future__ import annotations

import msgspec

from farcall.hub.ports import (
    BeginEpoch,
    CreateAccount,
    CreateToken,
    DeleteGrant,
    Outcome,
    PutGrant,
    RevokeToken,
    SetDisabled,
)
from farcall.stores.sqlite.guards import Guards

_encode_json = msgspec.json.encode


class CatalogCommands(Guards):
    """Each method carries out one command and returns its outcome."""

    def begin_epoch(self, command: BeginEpoch) -> int:
        return int(self.one("begin_epoch", command.hub, command.at))

    def create_account(self, command: CreateAccount) -> int | Outcome:
        confirmed = command.email_confirmed_at is not None
        if self.one("account_taken", command.handle, command.email, confirmed) is not None:
            return Outcome.CONFLICT
        if confirmed:
            self.one("give_up_email", command.email, 0)
        key = self.one(
            "create_account",
            command.handle,
            command.email,
            command.admin,
            command.at,
            command.kind,
            command.email_confirmed_at,
        )
        if command.password:
            self.one("put_password", key, command.password, command.at)
        if command.vouched_by is not None:
            self.one("vouch", key, command.vouched_by)
        return int(key)

    def set_disabled(self, command: SetDisabled) -> Outcome:
        return _found(self.one("set_disabled", command.account, command.disabled))

    def create_token(self, command: CreateToken) -> int | Outcome:
        if self.one("access_of", command.account) is None:
            return Outcome.MISSING
        if self.token_ended(command.by_token):
            return Outcome.DENIED
        if not self.token_fits(command):
            return Outcome.FULL
        scopes = _encode_json(command.scopes).decode()
        key = self.one(
            "create_token",
            command.account,
            command.digest,
            command.label,
            scopes,
            _encode_json(command.only).decode(),
            command.at,
            command.expires_at,
            command.kind,
        )
        return Outcome.CONFLICT if key is None else int(key)

    def revoke_token(self, command: RevokeToken) -> Outcome:
        return _found(self.one("revoke_token", command.account, command.token, command.at))

    def put_grant(self, command: PutGrant) -> int | Outcome:
        if self.access_changed(command.by, command.by_epoch):
            return Outcome.DENIED
        if not self.grant_fits(command):
            return Outcome.FULL
        if not self._bump(command.grantee):
            return Outcome.MISSING
        key = self.one(
            "put_grant",
            command.path,
            command.grantee,
            command.level,
            command.by,
            command.at,
            command.expires_at,
            command.limits,
            command.invitation,
        )
        return int(key)

    def delete_grant(self, command: DeleteGrant) -> Outcome:
        if command.presumes is not None and self.all("grants_seen", command.path) != list(command.presumes):
            return Outcome.STALE
        if self.one("delete_grant", command.path, command.grantee) is None:
            return Outcome.MISSING
        self._bump(command.grantee)
        for key in command.others:
            grantee = self.one("delete_grant_by_key", key)
            if grantee is not None:
                self._bump(grantee)
        for key in command.invitations:
            self.one("close_invitation", key, "revoked", command.at)
        return Outcome.OK

    def _bump(self, grantee: int) -> bool:
        """Raise the epochs of all whom a grant to this account concerns; False if there is no such account."""
        concerned = [key for (key,) in self.all("affected_by", grantee)]
        self.one("bump_epochs", _encode_json(concerned).decode())
        return bool(concerned)


def _found(key: object) -> Outcome:
    return Outcome.MISSING if key is None else Outcome.OK
