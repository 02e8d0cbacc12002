"""Passwords, proofs of addresses and the use of tokens in the in-memory store, beside its catalog."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from farcall.hub.ports import (
    AccountRow,
    AddConfirmation,
    ConfirmationRow,
    ConfirmEmail,
    FreeHandles,
    Outcome,
    SetPassword,
    TakeConfirmation,
    UseTokens,
)
from farcall.testing.memory_catalog import MemoryCatalog


@dataclass
class MemoryPeople:
    """Each method carries out one command. The accounts and tokens are the catalog's."""

    catalog: MemoryCatalog
    confirmations: dict[bytes, ConfirmationRow] = field(default_factory=dict)

    def account_by_email(self, email: str) -> AccountRow | None:
        return next(
            (row for row in self.catalog.accounts.values() if row.email and row.email.lower() == email.lower()), None
        )

    def set_password(self, command: SetPassword) -> Outcome:
        if command.account not in self.catalog.accounts:
            return Outcome.MISSING
        if command.renews and self.catalog.passwords.get(command.account) != command.renews:
            return Outcome.STALE
        self.catalog.passwords[command.account] = command.hash
        if command.renews:
            return Outcome.OK
        for key, (digest, row) in self.catalog.tokens.items():
            ends = row.account == command.account and row.kind == "login" and key != command.keep
            if ends and row.revoked_at is None:
                self.catalog.tokens[key] = (digest, replace(row, revoked_at=command.at))
        return Outcome.OK

    def confirm_email(self, command: ConfirmEmail) -> Outcome:
        row = self.catalog.accounts.get(command.account)
        if row is None:
            return Outcome.MISSING
        holder = self.account_by_email(command.email)
        if holder is not None and holder.key != row.key and holder.email_confirmed_at is not None:
            return Outcome.CONFLICT
        self.catalog.give_up_email(command.email)
        self.catalog.accounts[row.key] = replace(row, email=command.email, email_confirmed_at=command.at)
        return Outcome.OK

    def add_confirmation(self, command: AddConfirmation) -> Outcome:
        if command.account not in self.catalog.accounts:
            return Outcome.MISSING
        row = ConfirmationRow(command.account, command.purpose, command.email, command.expires_at)
        kept = {
            digest: known
            for digest, known in self.confirmations.items()
            if (known.account, known.purpose) != (row.account, row.purpose)
        }
        self.confirmations = {**kept, command.digest: row}
        return Outcome.OK

    def take_confirmation(self, command: TakeConfirmation) -> Outcome:
        return Outcome.MISSING if self.confirmations.pop(command.digest, None) is None else Outcome.OK

    def free_handles(self, command: FreeHandles) -> int:
        catalog = self.catalog
        with_tokens = {row.account for _, row in catalog.tokens.values()}
        unconfirmed = [
            row
            for key, row in sorted(catalog.accounts.items())
            if row.kind == "person"
            and not row.email
            and row.email_confirmed_at is None
            and row.created_at < command.before
            and key not in with_tokens
        ][: command.limit]
        for row in unconfirmed:
            catalog.accounts[row.key] = replace(row, handle=f"~{row.key}", kind="gone", disabled=True)
            catalog.grants = {place: grant for place, grant in catalog.grants.items() if place[1] != row.key}
            catalog.members = {place: role for place, role in catalog.members.items() if place[1] != row.key}
            catalog.passwords.pop(row.key, None)
            self.confirmations = {
                digest: known for digest, known in self.confirmations.items() if known.account != row.key
            }
        return len(unconfirmed)

    def use_tokens(self, command: UseTokens) -> Outcome:
        for key, at in command.items:
            if key in self.catalog.tokens:
                digest, row = self.catalog.tokens[key]
                self.catalog.tokens[key] = (digest, replace(row, last_used_at=max(row.last_used_at or 0.0, at)))
        return Outcome.OK
