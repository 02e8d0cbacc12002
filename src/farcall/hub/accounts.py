"""Accounts: register, create, authenticate, confirm, disable.

Whoever is authenticated is remembered for a moment; every change made through this hub forgets it at once and tells
those who hold open connections (`on_access_changed`).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from farcall.domain import access, people
from farcall.domain.errors import Refused
from farcall.hub import audit, passwords, ports, subjects, tokens
from farcall.hub.bounds import DEFAULT_BOUNDS, Bounds
from farcall.hub.last_use import LastUse
from farcall.hub.passwords import Passwords
from farcall.hub.throttle import Throttle, place
from farcall.hub.tokens import NewToken, Tokens

_REMEMBERED_LIMIT = 50_000
_LONGEST_TIMER_SECONDS = 43_200.0
_REGISTRATIONS = 20  # from one place, before each further one takes a pause

Policy = Literal["open", "invitation", "closed"]


@dataclass(slots=True, frozen=True)
class Registered:
    """`token` is None if the address has to be confirmed first: what to do was mailed there."""

    account: ports.AccountRow
    token: NewToken | None


class Letters(Protocol):
    """What is mailed about addresses. Returns at once; nobody may see from the time it takes what is sent."""

    def confirm(self, account: ports.AccountRow, email: str) -> None:
        """A link that proves that the address is the account's."""

    def known_already(self, account: ports.AccountRow) -> None:
        """Somebody tried to register with the address of this account."""


class Accounts:
    """Who there is, and who is speaking. `remember_seconds` bounds what another hub's change may take to be seen.

    `registration` says who may make an account without an administrator. With `letters` an address is proved by mail
    before its account can be used.
    """

    def __init__(
        self,
        store: ports.Store,
        passwords: Passwords | None = None,
        *,
        registration: Policy = "invitation",
        remember_seconds: float = 5.0,
        bounds: Bounds = DEFAULT_BOUNDS,
    ) -> None:
        self.letters: Letters | None = None
        self.last_use = LastUse(store, wall=time.time)
        self.tokens = Tokens(store, self.last_use, self.changed, bounds)
        self._registration: Policy = registration
        self._registrations = Throttle(_REGISTRATIONS)
        self.passwords = passwords or Passwords()
        self._store = store
        self._remember_seconds = remember_seconds
        # Token's digest to (subject, until: monotonic, when it may do less: wall).
        self._known: dict[bytes, tuple[access.Subject, float, float]] = {}
        self._changes = 0
        self._listeners: list[Callable[[int], None]] = []
        self._expiries: dict[bytes, asyncio.TimerHandle] = {}

    # -- who is speaking -----------------------------------------------------------------------------------------------

    async def authenticate(self, token: str) -> access.Subject:
        """The subject behind a token; raises Refused (unauthenticated)."""
        if not token:
            raise Refused("unauthenticated", "A token is missing.", "Log in with farcall login, or set FARCALL_TOKEN.")
        digest = tokens.digest(token)
        known = self._known.get(digest)
        if known is not None:
            subject, until, ends_at = known
            if time.monotonic() < until and time.time() < ends_at:
                return subject
            del self._known[digest]
        if not tokens.well_formed(token):
            raise Refused("unauthenticated", "This is no token of Farcall.", "Check that it was copied in full.")
        return await self._look_up(digest)

    async def _look_up(self, digest: bytes) -> access.Subject:
        changes = self._changes
        found = await self._store.token(digest)
        if found is None:
            raise Refused("unauthenticated", "The hub does not know this token.", "Was it issued by another hub?")
        token, account = found
        if token.revoked_at is not None:
            raise Refused("unauthenticated", "The token was revoked.", "Make a new one, or log in again.")
        if token.expires_at is not None and token.expires_at <= time.time():
            raise Refused("unauthenticated", "The token has expired.", "Make a new one, or log in again.")
        if account.disabled:
            raise Refused("unauthenticated", "The account is disabled.", "Ask an administrator of the hub.")
        subject = await subjects.load(self._store, account, time.time(), token)
        if changes != self._changes:  # something changed while we read: what was read may be out of date
            return await self._look_up(digest)
        self.last_use.note(token.key)
        if len(self._known) >= _REMEMBERED_LIMIT:
            self._known.clear()
        expires_at = subject.next_expiry
        ends_at = math.inf if expires_at is None else expires_at
        self._known[digest] = (subject, time.monotonic() + self._remember_seconds, ends_at)
        self._watch_expiry(digest, subject)
        return subject

    def on_access_changed(self, listener: Callable[[int], None]) -> None:
        """`listener(account)` is called after a committed change of what an account may do, or when a token expires."""
        self._listeners.append(listener)

    def changed(self, *accounts: int) -> None:
        """What these accounts may do has changed: forget what was known, and tell the listeners."""
        self._changes += 1
        concerned = frozenset(accounts)
        for digest, (subject, *_) in list(self._known.items()):
            if subject.key in concerned:
                del self._known[digest]
        for account in accounts:
            for listener in self._listeners:
                listener(account)

    def _watch_expiry(self, digest: bytes, subject: access.Subject) -> None:
        """Open connections outlive the moment of authentication; an expired token must not. (Grants: `expiries`.)"""
        if subject.expires_at is None or digest in self._expiries:
            return
        remaining = max(0.0, subject.expires_at - time.time())
        delay = min(remaining + 0.05, _LONGEST_TIMER_SECONDS)
        self._expiries[digest] = asyncio.get_running_loop().call_later(delay, self._expired, digest, subject)

    def _expired(self, digest: bytes, subject: access.Subject) -> None:
        del self._expiries[digest]
        if subject.expires_at is not None and subject.expires_at > time.time():
            self._watch_expiry(digest, subject)
        else:
            self.changed(subject.key)

    def close(self) -> None:
        """No more timers and threads."""
        self.last_use.close()
        self.passwords.close()
        for timer in self._expiries.values():
            timer.cancel()
        self._expiries.clear()

    # -- accounts ------------------------------------------------------------------------------------------------------

    async def ensure_administrator(
        self, handle: str = "admin", email: str = "admin@localhost", keep: Callable[[str], None] = lambda token: None
    ) -> NewToken | None:
        """On the very first start: the administrator's account and a token for everything; else None.

        `keep` is given the token before it is committed. A start that broke off before that is made up for.
        """
        known = await self._store.accounts()
        if not known:
            address = people.email(email)
            name = people.own_handle(handle)
            key = await self._make(
                ports.CreateAccount(name, address, True, time.time(), email_confirmed_at=time.time()), audit.HUB
            )
        elif len(known) == 1 and known[0].admin and not await self._store.tokens(known[0].key):
            key = known[0].key
        else:
            return None
        return await self.tokens.issue(key, "first administrator", access.SCOPES, (), None, audit.HUB, keep=keep)

    async def create(
        self, subject: access.Subject, handle: str, email: str, *, admin: bool = False, password: str = ""
    ) -> tuple[ports.AccountRow, NewToken]:
        """A new account with a first token, for administrators, who vouch for the address.

        Raises Refused (conflict, permission_denied, invalid_request).
        """
        require_administrator(subject)
        name, address = _handle(handle), _email(email)
        hashed = await self._hashed(password, name, address) if password else ""
        now = time.time()
        command = ports.CreateAccount(name, address, admin, now, email_confirmed_at=now, password=hashed)
        account = await self._row(await self._make(command, subject))
        scopes = access.SCOPES if admin else access.DEFAULT_SCOPES
        return account, await self.tokens.issue(account.key, "first token", scopes, (), None, subject)

    async def register(
        self,
        handle: str,
        email: str,
        password: str,
        *,
        invited_email: str = "",
        vouched_by: int | None = None,
        origin: str = "",
    ) -> Registered:
        """An account that somebody makes for themselves, logged in.

        `invited_email` is the address of an invitation whose secret is held: the account has it, confirmed, unless it
        is on the word of one account alone (`vouched_by`). `origin` is where the request comes from. Raises Refused:
        permission_denied if the hub does not take this registration, invalid_request for what cannot be a handle, an
        address or a password, conflict for what is taken, quota_exceeded for too many from one origin.
        """
        self._allow_registration(invited_email)
        name, address = _handle(handle), _email(email)
        if invited_email and address != _email(invited_email):
            raise Refused(
                "invalid_request", f"The invitation is for {people.masked(invited_email)}; register with that."
            )
        passwords.check(password, name, address)
        wait_seconds = 0.0 if invited_email else self._registrations.attempt(place(origin), time.monotonic())
        if wait_seconds:
            raise passwords.too_many("accounts were made from your address", wait_seconds)
        by_mail = self.letters is not None and not invited_email
        hashed = await self.passwords.hash(password)
        now = time.time()
        confirmed_at = now if invited_email and vouched_by is None else None
        claimed = "" if by_mail else address  # until it is proved: nobody learns whether the address has an account
        command = ports.CreateAccount(
            name, claimed, False, now, email_confirmed_at=confirmed_at, password=hashed, vouched_by=vouched_by
        )
        account = await self._row(await self._make(command, audit.Anonymous(name, origin)))
        if by_mail and self.letters is not None:
            owner = await self._store.account(email=address)
            if owner is None or owner.email_confirmed_at is None:
                self.letters.confirm(account, address)
            else:
                self.letters.known_already(owner)
            return Registered(account, None)
        return Registered(account, await self.log_in(account, "registration", origin=origin))

    @property
    def registers_invited(self) -> bool:
        """Whether somebody with an invitation may make an account."""
        return self._registration != "closed"

    def _allow_registration(self, invited_email: str) -> None:
        if self._registration == "closed":
            raise Refused("permission_denied", "This hub takes no registrations.", "Ask an administrator of the hub.")
        if self._registration == "invitation" and not invited_email:
            hint = "Open the link of an invitation, or ask an administrator of the hub."
            raise Refused("permission_denied", "This hub takes registrations by invitation only.", hint)

    async def _hashed(self, password: str, handle: str, email: str) -> str:
        passwords.check(password, handle, email)
        return await self.passwords.hash(password)

    async def _make(self, command: ports.CreateAccount, actor: audit.Actor) -> int:
        key = await self._store.do(audit.recorded(command, actor, "account.create", target=command.handle))
        if not isinstance(key, ports.Outcome):
            return int(key)
        if await self._store.account(handle=command.handle) is not None:
            raise Refused("conflict", f"The handle {command.handle} is taken.", "Choose another one.")
        raise Refused("conflict", f"There is an account with the address {command.email} already.", "Log in with it.")

    async def _row(self, key: int) -> ports.AccountRow:
        account = await self._store.account(key=key)
        if account is None:
            raise Refused("unauthenticated", "The account is gone.")
        return account

    async def log_in(self, account: ports.AccountRow, label: str, *, admin: bool = False, origin: str = "") -> NewToken:
        """A token of kind login for somebody who has proved to be this account."""
        scopes = access.SCOPES if admin and account.admin else access.DEFAULT_SCOPES
        actor = audit.Anonymous(account.handle, origin, account.key)
        return await self.tokens.issue(account.key, label, scopes, (), None, actor, kind="login")

    async def confirm(
        self, account: ports.AccountRow, email: str, actor: audit.Actor | None = None
    ) -> ports.AccountRow:
        """The address was proved to be the account's, or vouched for by `actor`. Raises Refused (conflict) if it is
        another's by now.
        """
        address = _email(email)
        command = ports.ConfirmEmail(account.key, address, time.time())
        who = actor or audit.Anonymous(account.handle, key=account.key)
        outcome = await self._store.do(
            audit.recorded(command, who, "account.confirm", about=account.key, target=account.handle)
        )
        if outcome is not ports.Outcome.OK:
            raise Refused("conflict", f"The address {address} belongs to another account.", "Log in with that one.")
        return await self._row(account.key)

    async def vouch(self, subject: access.Subject, handle: str, email: str = "") -> ports.AccountRow:
        """An administrator confirms an account's address, or gives it that one. Raises Refused."""
        require_administrator(subject)
        account = await self._of_handle(handle)
        address = email or account.email
        if not address:
            raise Refused("invalid_request", f"The account {account.handle} has no address yet.", "Say which it is.")
        return await self.confirm(account, address, subject)

    async def everyone(self, subject: access.Subject) -> Sequence[ports.AccountRow]:
        """All accounts, for administrators."""
        require_administrator(subject)
        return await self._store.accounts()

    async def me(self, subject: access.Subject) -> ports.AccountRow:
        """The subject's own account."""
        return await self._row(subject.key)

    async def set_disabled(self, subject: access.Subject, handle: str, disabled: bool) -> ports.AccountRow:
        """Lock an account out, or let it in again; for administrators. Open connections are cut."""
        require_administrator(subject)
        account = await self._of_handle(handle)
        if account.key == subject.key and disabled:
            raise Refused("invalid_request", "You cannot disable your own account.", "Ask another administrator.")
        command = ports.SetDisabled(account.key, disabled, time.time())
        what = "account.disable" if disabled else "account.enable"
        await self._store.do(audit.recorded(command, subject, what, about=account.key, target=account.handle))
        self.changed(account.key)
        return await self._row(account.key)

    async def _of_handle(self, handle: str) -> ports.AccountRow:
        account = await self._store.account(handle=handle)
        if account is None or account.kind != "person":
            raise Refused("not_found", f"There is no account {handle[:80]}.")
        return account


def require_administrator(subject: access.Subject) -> None:
    """Raises Refused unless the subject administers the hub."""
    if not access.administers(subject):
        raise Refused(
            "permission_denied",
            "This is for administrators.",
            "It takes an administrator's token with the scope admin." if subject.admin else "",
        )


def _handle(text: str) -> str:
    try:
        return people.handle(text)
    except people.BadName as error:
        raise _wrong(error) from None


def _email(text: str) -> str:
    try:
        return people.email(text)
    except people.BadName as error:
        raise _wrong(error) from None


def _wrong(error: people.BadName) -> Refused:
    sentence = str(error)
    return Refused("invalid_request", f"{sentence[:1].upper()}{sentence[1:]}.")
