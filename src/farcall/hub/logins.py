"""Logging in with a password, and changing it. Whoever guesses is slowed down, by name and by where they come from."""

from __future__ import annotations

import time
from collections.abc import Callable

from farcall.domain import access, people
from farcall.domain.errors import Refused
from farcall.hub import audit, passwords, ports
from farcall.hub.accounts import Accounts
from farcall.hub.guesses import Guesses
from farcall.hub.throttle import place
from farcall.hub.tokens import NewToken

_NAME_LENGTH_LIMIT = 254


class Logins:
    """An unknown account and a wrong password get the same answer after the same time, and count the same."""

    def __init__(self, store: ports.Store, accounts: Accounts, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._accounts = accounts
        self._passwords = accounts.passwords
        self._clock = clock
        self._failures = audit.Failures(store)
        self._guesses = Guesses()

    async def log_in(
        self, name: str, password: str, *, label: str = "", admin: bool = False, origin: str = ""
    ) -> tuple[ports.AccountRow, NewToken]:
        """A token for whoever knows the password; `name` is a handle or an address, `origin` a remote address.

        With `admin` an administrator's token may administer too. Raises Refused: unauthenticated, or quota_exceeded
        after too many tries.
        """
        typed, where = _spelled(name), place(origin)
        self._admit(typed, where)
        account = await self._named(typed)
        known = await self._store.password(account.key if account is not None else -1)
        if not await self._passwords.verify(known, password) or account is None:
            refusal = Refused(
                "unauthenticated",
                "There is no such account with this password.",
                "The name is your handle or your e-mail address.",
            )
            about = None if account is None else account.key
            self._failures.note(audit.Anonymous(_shown(typed), origin), "login", refusal.failure.code, about=about)
            raise refusal
        self._guesses.good(typed, where)
        if self._passwords.outdated(known):
            await self._renew(account, known, password)
        if account.disabled:
            raise Refused("unauthenticated", "The account is disabled.", "Ask an administrator of the hub.")
        if self._accounts.letters is not None and not account.email:
            raise Refused(
                "unauthenticated",
                "The address of the account is not confirmed yet.",
                "Open the link in the e-mail. The page /confirm, or farcall register URL --again, has it sent anew.",
            )
        return account, await self._accounts.log_in(account, label or "login", admin=admin, origin=origin)

    async def _renew(self, account: ports.AccountRow, known: str, password: str) -> None:
        """Hash the password as new ones are; now is the only time when it is known. Next time, if it cannot be done."""
        try:
            hashed = await self._passwords.hash(password)
        except Refused:
            return
        self._store.write(ports.SetPassword(account.key, hashed, time.time(), renews=known))

    async def log_out(self, subject: access.Subject) -> None:
        """End the token that asks, at once, if it came from logging in. What was made with a purpose stays: it may be
        in use elsewhere, and the first administrator's is the only one.
        """
        for row in await self._store.tokens(subject.key):
            if row.key == subject.token and row.kind == "login":
                await self._accounts.tokens.revoke(subject, row.key)

    async def set_password(self, subject: access.Subject, new: str, old: str = "") -> None:
        """Another password, or the first. All other tokens that came from logging in end at once; those that were made
        with a purpose stay.

        Takes a token with the scope manage that is not limited; for the first password, one that may all that logging
        in gives, for as long: else a password would make it more than it is. Raises Refused: permission_denied,
        quota_exceeded, or invalid_request for a weak password.
        """
        if not access.has_scope(subject, "manage") or subject.only:
            raise Refused("permission_denied", "It takes a token with the scope manage and no limits.")
        account = await self._accounts.me(subject)
        known = await self._store.password(account.key)
        if known:
            typed = f" {account.key}"  # nobody logs in with such a name: they are stripped
            self._admit(typed, "")
            if not await self._passwords.verify(known, old):
                self._failures.note(subject, "account.password", "permission_denied", about=account.key)
                raise Refused("permission_denied", "The old password is wrong.")
            self._guesses.good(typed, "")
        else:
            _require_all(subject)
        passwords.check(new, account.handle, account.email)
        hashed = await self._passwords.hash(new)
        command = ports.SetPassword(account.key, hashed, time.time(), keep=subject.token)
        await self._store.do(audit.recorded(command, subject, "account.password", about=account.key))
        self._accounts.changed(account.key)

    def close(self) -> None:
        """Write what is held back of failures; no more timers."""
        self._failures.close()

    async def _named(self, typed: str) -> ports.AccountRow | None:
        account = await (self._store.account(email=typed) if "@" in typed else self._store.account(handle=typed))
        return account if account is not None and account.kind == "person" else None

    def _admit(self, typed: str, where: str) -> None:
        """Count a try; raises Refused (quota_exceeded) if there were too many."""
        wait_seconds = self._guesses.attempt(typed, where, self._clock())
        if wait_seconds:
            raise passwords.too_many("tries to log in", wait_seconds)


def _require_all(subject: access.Subject) -> None:
    scopes = access.SCOPES if subject.admin else access.DEFAULT_SCOPES
    if not subject.scopes.issuperset(scopes) or subject.expires_at is not None:
        raise Refused(
            "permission_denied",
            f"The first password takes a token with the scopes {', '.join(scopes)} that does not expire.",
            "Use the first token of the account, or ask an administrator of the hub.",
        )


def _spelled(name: str) -> str:
    """A handle or an address as the store knows it, if it can be one."""
    typed = name.strip()[:_NAME_LENGTH_LIMIT]
    if "@" not in typed:
        return typed.replace("-", "_")
    try:
        return people.email(typed)
    except people.BadName:
        return typed.lower()


def _shown(typed: str) -> str:
    """What the log shows of a name: nothing that can be no name, for people type passwords into the wrong field."""
    try:
        return people.email(typed) if "@" in typed else people.own_handle(typed)
    except people.BadName:
        return "(no name)"
