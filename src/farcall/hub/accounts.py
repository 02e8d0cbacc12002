"""Accounts and their tokens: create, authenticate, revoke, disable.

Whoever is authenticated is remembered for a moment; every change made through this hub forgets it at once and tells
those who hold open connections (`on_access_changed`).
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from farcall.domain import access, names
from farcall.domain.errors import Refused
from farcall.hub import ports, tokens

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")
_LABEL_LENGTH_LIMIT = 200
_REMEMBERED_LIMIT = 50_000
_LONGEST_TIMER_SECONDS = 43_200.0


@dataclass(slots=True, frozen=True)
class NewToken:
    """A token at the only moment at which its text is known."""

    key: int
    token: str
    scopes: tuple[str, ...]
    only: tuple[str, ...]
    expires_at: float | None


class Accounts:
    """Who there is, and who is speaking. `remember_seconds` bounds what another hub's change may take to be seen."""

    def __init__(self, store: ports.Store, *, remember_seconds: float = 5.0) -> None:
        self._store = store
        self._remember_seconds = remember_seconds
        self._known: dict[bytes, tuple[access.Subject, float]] = {}  # token's digest to (subject, until: monotonic)
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
            subject, until = known
            if time.monotonic() < until and (subject.expires_at is None or time.time() < subject.expires_at):
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
        rows = await self._store.grants_to(account.key)
        subject = access.Subject(
            account.key,
            account.handle,
            account.admin,
            account.access_epoch,
            token.key,
            frozenset(token.scopes),
            token.only,
            tuple(access.Grant(row.path, access.GRANTABLE[row.level]) for row in rows if row.level in access.GRANTABLE),
            token.expires_at,
        )
        if changes != self._changes:  # something changed while we read: what was read may be out of date
            return await self._look_up(digest)
        if len(self._known) >= _REMEMBERED_LIMIT:
            self._known.clear()
        self._known[digest] = (subject, time.monotonic() + self._remember_seconds)
        self._watch_expiry(digest, subject)
        return subject

    def on_access_changed(self, listener: Callable[[int], None]) -> None:
        """`listener(account)` is called after a committed change of what an account may do, or when a token expires."""
        self._listeners.append(listener)

    def changed(self, account: int) -> None:
        """What the account may do has changed: forget what was known, and tell the listeners."""
        self._changes += 1
        for digest, (subject, _) in list(self._known.items()):
            if subject.key == account:
                del self._known[digest]
        for listener in self._listeners:
            listener(account)

    def _watch_expiry(self, digest: bytes, subject: access.Subject) -> None:
        """Open connections outlive the moment of authentication; an expired token must not."""
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
        """No more timers."""
        for timer in self._expiries.values():
            timer.cancel()
        self._expiries.clear()

    # -- accounts ------------------------------------------------------------------------------------------------------

    async def ensure_administrator(self, handle: str = "admin", email: str = "admin@localhost") -> NewToken | None:
        """On the very first start: the administrator's account and a token for everything; else None."""
        if await self._store.accounts():
            return None
        account = await self._create(handle, email, admin=True)
        return await self._issue(account.key, "first administrator", access.SCOPES, (), None)

    async def create(
        self, subject: access.Subject, handle: str, email: str, *, admin: bool = False
    ) -> tuple[ports.AccountRow, NewToken]:
        """A new account with a first token, for administrators; raises Refused (conflict, permission_denied)."""
        require_administrator(subject)
        account = await self._create(handle, email, admin=admin)
        scopes = access.SCOPES if admin else access.DEFAULT_SCOPES
        return account, await self._issue(account.key, "first token", scopes, (), None)

    async def _create(self, handle: str, email: str, *, admin: bool) -> ports.AccountRow:
        try:
            handle = names.path(handle)
        except names.BadName as error:
            raise Refused("invalid_request", f"{error}.") from None
        if "/" in handle:
            raise Refused("invalid_request", f"A handle is a single name; {handle!r} is a path.")
        if not _EMAIL.fullmatch(email):
            raise Refused("invalid_request", f"{email[:80]!r} is no e-mail address.")
        key = await self._store.do(ports.CreateAccount(handle, email, admin, time.time()))
        if isinstance(key, ports.Outcome):
            raise Refused("conflict", f"The handle {handle} or the address {email} is taken.", "Choose another one.")
        account = await self._store.account(key=key)
        assert account is not None
        return account

    async def everyone(self, subject: access.Subject) -> Sequence[ports.AccountRow]:
        """All accounts, for administrators."""
        require_administrator(subject)
        return await self._store.accounts()

    async def me(self, subject: access.Subject) -> ports.AccountRow:
        """The subject's own account."""
        account = await self._store.account(key=subject.key)
        if account is None:
            raise Refused("unauthenticated", "The account is gone.")
        return account

    async def set_disabled(self, subject: access.Subject, handle: str, disabled: bool) -> ports.AccountRow:
        """Lock an account out, or let it in again; for administrators. Open connections are cut."""
        require_administrator(subject)
        account = await self._store.account(handle=handle)
        if account is None:
            raise Refused("not_found", f"There is no account {handle[:80]}.")
        if account.key == subject.key and disabled:
            raise Refused("invalid_request", "You cannot disable your own account.", "Ask another administrator.")
        await self._store.do(ports.SetDisabled(account.key, disabled, time.time()))
        self.changed(account.key)
        return await self._store.account(key=account.key) or account

    # -- tokens --------------------------------------------------------------------------------------------------------

    async def create_token(
        self,
        subject: access.Subject,
        *,
        label: str = "",
        scopes: Sequence[str] = (),
        only: Sequence[str] = (),
        expires_at: float | None = None,
    ) -> NewToken:
        """A token for the subject's own account, never wider or longer-lived than the one that asks for it.

        Without `scopes` it gets the everyday ones that the asking token has. Raises Refused.
        """
        _require_manage(subject)
        everyday = subject.scopes & set(access.DEFAULT_SCOPES)
        wanted = tuple(scope for scope in access.SCOPES if scope in (scopes or everyday))
        unknown = sorted(set(scopes) - set(access.SCOPES))
        if unknown:
            raise Refused(
                "invalid_request", f"There is no scope {unknown[0][:40]!r}.", f"There are: {', '.join(access.SCOPES)}."
            )
        exceeding = access.exceeding_scopes(subject, wanted)
        if exceeding:
            raise Refused("permission_denied", f"Your own token lacks the scope {exceeding[0]}.")
        if "admin" in wanted and not subject.admin:
            raise Refused("permission_denied", "Only administrators have tokens with the scope admin.")
        limits = tuple(_limit(subject, path) for path in only) or subject.only
        if expires_at is not None and expires_at <= time.time():
            raise Refused("invalid_request", "The token would have expired before it was made.")
        if subject.expires_at is not None:
            expires_at = min(subject.expires_at, expires_at or subject.expires_at)
        return await self._issue(subject.key, label[:_LABEL_LENGTH_LIMIT], wanted, limits, expires_at)

    async def _issue(
        self, account: int, label: str, scopes: tuple[str, ...], only: tuple[str, ...], expires_at: float | None
    ) -> NewToken:
        text = tokens.make(os.urandom(32))
        command = ports.CreateToken(account, tokens.digest(text), label, scopes, only, time.time(), expires_at)
        key = await self._store.do(command)
        return NewToken(key, text, scopes, only, expires_at)

    async def list_tokens(self, subject: access.Subject) -> list[ports.TokenRow]:
        """The account's tokens, without their text; revoked ones too."""
        _require_manage(subject)
        return await self._store.tokens(subject.key)

    async def revoke_token(self, subject: access.Subject, key: int) -> None:
        """End a token of the subject's account at once; every token may end itself. Raises Refused (not_found)."""
        if key != subject.token:
            _require_manage(subject)
        outcome = await self._store.do(ports.RevokeToken(subject.key, key, time.time()))
        if outcome is not ports.Outcome.OK:
            raise Refused("not_found", f"You have no token {key}.", "See farcall token list.")
        self.changed(subject.key)


def require_administrator(subject: access.Subject) -> None:
    """Raises Refused unless the subject administers the hub."""
    if not access.administers(subject):
        raise Refused(
            "permission_denied",
            "This is for administrators.",
            "It takes an administrator's token with the scope admin." if subject.admin else "",
        )


def _limit(subject: access.Subject, only: str) -> str:
    """One path that a token shall be limited to."""
    try:
        path = names.path(only)
    except names.BadName as error:
        raise Refused("invalid_request", f"{error}.") from None
    if not access.within(subject, path):
        raise Refused("permission_denied", f"Your own token is limited to {', '.join(subject.only)}.")
    return path


def _require_manage(subject: access.Subject) -> None:
    if not access.has_scope(subject, "manage"):
        raise Refused("permission_denied", "This token lacks the scope manage, which it takes to manage tokens.")
