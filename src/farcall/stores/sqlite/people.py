"""Commands about passwords, proofs of addresses, and the use of tokens. They run in the writer's thread."""

from __future__ import annotations

from farcall.hub.ports import (
    AddConfirmation,
    ConfirmEmail,
    FreeHandles,
    Outcome,
    SetPassword,
    TakeConfirmation,
    UseTokens,
)
from farcall.stores.sqlite.queries import Speaker

_TRACES = ("drop_grants_to", "drop_memberships", "drop_password", "drop_all_confirmations")


class PeopleCommands(Speaker):
    """Each method carries out one command and returns its outcome."""

    def set_password(self, command: SetPassword) -> Outcome:
        if self.one("access_of", command.account) is None:
            return Outcome.MISSING
        if command.renews and self.one("password", command.account) != command.renews:
            return Outcome.STALE
        self.one("put_password", command.account, command.hash, command.at)
        if not command.renews:
            self.one("revoke_logins", command.account, command.keep, command.at)
        return Outcome.OK

    def confirm_email(self, command: ConfirmEmail) -> Outcome:
        if self.one("access_of", command.account) is None:
            return Outcome.MISSING
        if self.one("email_proved_elsewhere", command.email, command.account) is not None:
            return Outcome.CONFLICT
        self.one("give_up_email", command.email, command.account)
        self.one("confirm_email", command.account, command.email, command.at)
        return Outcome.OK

    def add_confirmation(self, command: AddConfirmation) -> Outcome:
        if self.one("access_of", command.account) is None:
            return Outcome.MISSING
        self.one("drop_confirmations", command.account, command.purpose)
        self.one(
            "add_confirmation",
            command.digest,
            command.account,
            command.purpose,
            command.email,
            command.at,
            command.expires_at,
        )
        return Outcome.OK

    def take_confirmation(self, command: TakeConfirmation) -> Outcome:
        return Outcome.MISSING if self.one("take_confirmation", command.digest) is None else Outcome.OK

    def free_handles(self, command: FreeHandles) -> int:
        keys = [key for (key,) in self.all("unconfirmed", command.before, command.limit)]
        for key in keys:
            self.one("free_handle", key)
            for trace in _TRACES:
                self.one(trace, key)
        return len(keys)

    def use_tokens(self, command: UseTokens) -> Outcome:
        for token, at in command.items:
            self.one("use_token", token, at)
        return Outcome.OK
