"""The everyday half of the in-memory store: accounts, tokens, grants, versions, presence and references to blobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from farcall.hub.ports import (
    BOUND_MEMORY_SECONDS,
    AccountRow,
    BeginEpoch,
    CollectBlobs,
    CreateAccount,
    CreateToken,
    DeleteGrant,
    EndPresence,
    GrantRow,
    MembershipRow,
    Outcome,
    PinBlob,
    PresenceRow,
    PutGrant,
    PutPresence,
    RevokeToken,
    SetDisabled,
    SetLimits,
    TokenRow,
    VersionRow,
)

_EVERYBODY = AccountRow(0, "public", "", False, False, 1, 0.0, "public")


def at_or_below(name: str, root: str) -> bool:
    """Whether `name` is `root` or lies below it; "" is the root of everything."""
    return not root or name == root or name.startswith(root + "/")


def after(end: float | None, moment: float) -> bool:
    """Whether something that ends, or never does, has not ended by then."""
    return end is None or end > moment


@dataclass
class MemoryCatalog:
    """Rows by key. Each method carries out one command, or answers one question."""

    epoch: int = 0
    accounts: dict[int, AccountRow] = field(default_factory=lambda: {0: _EVERYBODY})
    members: dict[tuple[int, int], str] = field(default_factory=dict)  # (group, account) to role
    passwords: dict[int, str] = field(default_factory=dict)
    tokens: dict[int, tuple[bytes, TokenRow]] = field(default_factory=dict)
    grants: dict[tuple[str, int], GrantRow] = field(default_factory=dict)
    versions: dict[int, VersionRow] = field(default_factory=dict)
    presences: dict[str, PresenceRow] = field(default_factory=dict)
    blobs: set[str] = field(default_factory=set)
    sizes: dict[str, int] = field(default_factory=dict)  # of blobs that were uploaded
    pins: dict[tuple[str, int], float] = field(default_factory=dict)
    token_pins: dict[tuple[str, int], float] = field(default_factory=dict)
    references: set[tuple[str, bytes]] = field(default_factory=set)  # (digest, invocation)
    grants_made: int = 0
    # How many open invitations an account has, and the end of some: invitations are kept beside this.
    waiting: Callable[[int, float], int] = lambda by, at: 0
    revoke_invitations: Callable[[Sequence[int], float], None] = lambda keys, at: None

    # -- accounts, tokens, grants --------------------------------------------------------------------------------------

    def begin_epoch(self, command: BeginEpoch) -> int:
        self.epoch += 1
        return self.epoch

    def create_account(self, command: CreateAccount) -> int | Outcome:
        email = command.email.lower()
        confirmed = command.email_confirmed_at is not None
        for row in self.accounts.values():
            same = email and row.email.lower() == email
            if row.handle == command.handle or (same and (row.email_confirmed_at is not None or not confirmed)):
                return Outcome.CONFLICT
        if confirmed:
            self.give_up_email(command.email)
        key = len(self.accounts)
        self.accounts[key] = AccountRow(
            key,
            command.handle,
            command.email,
            command.admin,
            False,
            1,
            command.at,
            command.kind,
            command.email_confirmed_at,
            vouched_by=command.vouched_by,
        )
        if command.password:
            self.passwords[key] = command.password
        return key

    def give_up_email(self, email: str) -> None:
        """An address that is proved is no longer claimed by those who did not prove it."""
        for key, row in self.accounts.items():
            if email and row.email.lower() == email.lower() and row.email_confirmed_at is None:
                self.accounts[key] = replace(row, email="")

    def set_disabled(self, command: SetDisabled) -> Outcome:
        if not self.bump(command.account):
            return Outcome.MISSING
        self.accounts[command.account] = replace(self.accounts[command.account], disabled=command.disabled)
        return Outcome.OK

    def set_limits(self, command: SetLimits) -> Outcome:
        if not self.bump(command.account):
            return Outcome.MISSING
        self.accounts[command.account] = replace(self.accounts[command.account], limits=command.limits)
        return Outcome.OK

    def bump(self, account: int) -> bool:
        row = self.accounts.get(account)
        if row is None:
            return False
        self.accounts[account] = replace(row, access_epoch=row.access_epoch + 1)
        return True

    def access_changed(self, account: int, epoch: int | None) -> bool:
        """Whether the account may do something else by now than it might at that epoch."""
        row = self.accounts.get(account)
        return epoch is not None and (row is None or row.disabled or row.access_epoch != epoch)

    def create_token(self, command: CreateToken) -> int | Outcome:
        if command.account not in self.accounts:
            return Outcome.MISSING
        if any(digest == command.digest for digest, _ in self.tokens.values()):
            return Outcome.CONFLICT
        if command.by_token and self.tokens[command.by_token][1].revoked_at is not None:
            return Outcome.DENIED
        if command.at_most is not None and self._tokens_held(command) >= command.at_most:
            return Outcome.FULL
        key = len(self.tokens) + 1
        row = TokenRow(
            key,
            command.account,
            command.label,
            command.scopes,
            command.only,
            command.at,
            command.expires_at,
            None,
            command.kind,
        )
        self.tokens[key] = (command.digest, row)
        return key

    def _tokens_held(self, command: CreateToken) -> int:
        since = command.at - BOUND_MEMORY_SECONDS
        return sum(
            row.account == command.account
            and row.kind == "made"
            and after(row.revoked_at, since)
            and after(row.expires_at, since)
            for _, row in self.tokens.values()
        )

    def revoke_token(self, command: RevokeToken) -> Outcome:
        found = self.tokens.get(command.token)
        if found is None or found[1].account != command.account:
            return Outcome.MISSING
        digest, row = found
        if row.revoked_at is None:
            self.tokens[command.token] = (digest, replace(row, revoked_at=command.at))
        return Outcome.OK

    def token(self, digest: bytes) -> tuple[TokenRow, AccountRow] | None:
        for held, row in self.tokens.values():
            if held == digest:
                return row, self.accounts[row.account]
        return None

    def put_grant(self, command: PutGrant) -> int | Outcome:
        if self.access_changed(command.by, command.by_epoch):
            return Outcome.DENIED
        replaced = self.grants.get((command.path, command.grantee))
        if replaced is None or replaced.by != command.by:
            if command.at_most is not None and self.shares_given(command.by, command.at) >= command.at_most:
                return Outcome.FULL
        if not self._bump_concerned(command.grantee):
            return Outcome.MISSING
        place = (command.path, command.grantee)
        before = self.grants.get(place)
        self.grants_made += 1  # also by one that replaces another, as SQLite counts
        key = self.grants_made if before is None else before.key
        handle = self.accounts[command.grantee].handle
        self.grants[place] = GrantRow(
            key,
            command.path,
            command.grantee,
            handle,
            command.level,
            command.by,
            command.at,
            command.expires_at,
            command.limits,
            command.invitation,
            self.accounts[command.by].handle if command.by in self.accounts else "",
        )
        return key

    def shares_given(self, by: int, at: float) -> int:
        """How many shares of the account have not ended, with invitations that wait."""
        return self.waiting(by, at) + sum(row.by == by and after(row.expires_at, at) for row in self.grants.values())

    def delete_grant(self, command: DeleteGrant) -> Outcome:
        if command.presumes is not None:
            seen = sorted((row.key, row.created_at) for row in self.grants_below(command.path))
            if seen != list(command.presumes):
                return Outcome.STALE
        if self.grants.pop((command.path, command.grantee), None) is None:
            return Outcome.MISSING
        self._bump_concerned(command.grantee)
        for place, row in list(self.grants.items()):
            if row.key in command.others:
                del self.grants[place]
                self._bump_concerned(row.grantee)
        self.revoke_invitations(command.invitations, command.at)
        return Outcome.OK

    def _bump_concerned(self, grantee: int) -> bool:
        concerned = self.affected_by(grantee)
        for account in concerned:
            self.bump(account)
        return bool(concerned)

    def affected_by(self, grantee: int) -> list[int]:
        row = self.accounts.get(grantee)
        if row is None:
            return []
        found = {grantee}
        if row.kind == "public":
            found |= {account.key for account in self.accounts.values() if account.kind == "person"}
        if row.kind == "group":
            found |= {account for group, account in self.members if group == grantee}
        return sorted(found)

    def memberships(self, account: int) -> list[MembershipRow]:
        found = [
            MembershipRow(group, self.accounts[group].handle, role)
            for (group, member), role in self.members.items()
            if member == account
        ]
        return sorted(found, key=lambda row: row.group_handle)

    def grants_to(self, account: int) -> list[GrantRow]:
        givers = {account, _EVERYBODY.key, *(row.group for row in self.memberships(account))}
        found = [row for row in self.grants.values() if row.grantee in givers]
        return sorted(found, key=lambda row: (row.path, row.grantee))

    def grants_below(self, path: str) -> list[GrantRow]:
        found = [row for row in self.grants.values() if at_or_below(row.path, path)]
        return sorted(found, key=lambda row: (row.path, row.grantee_handle))

    # -- presence and blobs --------------------------------------------------------------------------------------------

    def put_presence(self, command: PutPresence) -> Outcome:
        before = self.presences.get(command.boot)
        self._note_seen(command.boot, command.at)
        self.presences[command.boot] = PresenceRow(
            boot=command.boot,
            account=command.account,
            account_handle=self.accounts[command.account].handle,
            name=command.name,
            hub=command.hub,
            slots=command.slots,
            resources=dict(command.resources),
            versions=tuple(command.versions),
            state=command.state,
            connected_at=command.at if before is None else before.connected_at,
            seen_at=command.at,
        )
        return Outcome.OK

    def end_presence(self, command: EndPresence) -> Outcome:
        row = self.presences.get(command.boot)
        if row is None:
            return Outcome.MISSING
        self._note_seen(command.boot, command.at)
        self.presences[command.boot] = replace(row, state=command.state, seen_at=command.at)
        return Outcome.OK

    def _note_seen(self, boot: str, at: float) -> None:
        """Its versions had a worker until then."""
        for version in self.presences[boot].versions if boot in self.presences else ():
            if version in self.versions:
                self.versions[version] = replace(self.versions[version], seen_at=at)

    def present(self, version: int | None, include_gone: bool) -> list[PresenceRow]:
        found = [
            row
            for row in self.presences.values()
            if (version is None or version in row.versions) and (include_gone or row.state not in ("gone", "lost"))
        ]
        return sorted(found, key=lambda row: (row.connected_at, row.boot))

    def pin_blob(self, command: PinBlob) -> Outcome:
        self.blobs.add(command.digest)
        self.sizes[command.digest] = command.size
        place = (command.digest, command.account)
        self.pins[place] = max(command.expires_at, self.pins.get(place, 0.0))
        if command.token:
            place = (command.digest, command.token)
            self.token_pins[place] = max(command.expires_at, self.token_pins.get(place, 0.0))
        return Outcome.OK

    def refer(self, digests: Iterable[str], invocation: bytes) -> None:
        for digest in digests:
            self.blobs.add(digest)
            self.references.add((digest, invocation))

    def collect_blobs(self, command: CollectBlobs) -> list[str]:
        held = {digest for digest, _ in self.references}
        held |= {digest for (digest, _), expires_at in self.pins.items() if expires_at > command.now}
        found = sorted(self.blobs - held)[: command.limit]
        self.blobs.difference_update(found)
        self.sizes = {digest: size for digest, size in self.sizes.items() if digest not in found}
        self.pins = {place: expires_at for place, expires_at in self.pins.items() if place[0] not in found}
        self.token_pins = {place: end for place, end in self.token_pins.items() if place[0] not in found}
        return found
