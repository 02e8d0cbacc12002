"""Links that are mailed to prove an address, or to set a new password. They expire, and are used once.

Whether an address has an account is told to nobody but to whoever reads its mail.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from farcall.domain import people
from farcall.domain.errors import Refused
from farcall.hub import audit, mail, passwords, ports
from farcall.hub.accounts import Accounts
from farcall.hub.invitations import digest_of
from farcall.hub.letters import letter
from farcall.hub.throttle import Throttle, place
from farcall.hub.whereabouts import NOWHERE, Whereabouts

CONFIRM, RESET = "confirm", "reset"
_SECRET_BYTES = 32
_VALID_SECONDS = {CONFIRM: 86_400.0, RESET: 3_600.0}
_VALID_WORDS = {CONFIRM: "24 hours", RESET: "an hour"}
_LETTERS_BY_ADDRESS = 3
_WISHES_BY_ORIGIN = 20


@dataclass(frozen=True, slots=True)
class Proof:
    """What an open link stands for."""

    account: ports.AccountRow
    purpose: str
    email: str


class Confirmations:
    """`Letters` of the accounts. `randomness(n)` gives n bytes; `wall` tells the time."""

    def __init__(
        self,
        store: ports.Store,
        accounts: Accounts,
        post: mail.Post,
        *,
        whereabouts: Whereabouts = NOWHERE,
        randomness: Callable[[int], bytes] = os.urandom,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._post = post
        self._whereabouts = whereabouts
        self._randomness = randomness
        self._wall = wall
        self._clock = clock
        self._by_address = Throttle(_LETTERS_BY_ADDRESS)
        self._by_origin = Throttle(_WISHES_BY_ORIGIN)
        if post.configured:
            accounts.letters = self

    @property
    def hub(self) -> str:
        """The address of the hub, as `farcall login` takes it in any shell."""
        return f'"{self._whereabouts.link()}"' if self._whereabouts.fingerprint else self._whereabouts.url

    # -- letters -------------------------------------------------------------------------------------------------------

    def confirm(self, account: ports.AccountRow, email: str) -> None:
        """A link that proves that the address is the account's."""
        what = f"Somebody, probably you, made the account {account.handle} with this e-mail address."
        self._send_link(account, CONFIRM, email, "Confirm your e-mail address", what, "To confirm the address")

    def known_already(self, account: ports.AccountRow) -> None:
        """Somebody tried to register with the address of this account."""
        if not self._may_send(account.email):
            return
        lines = [
            "Somebody, probably you, tried to make an account with this e-mail address, "
            f"but it has one: {account.handle}.",
            f"Log in with that, at {self._whereabouts.url}. If it was not you, there is nothing to do.",
        ]
        self._post.send(letter(account.email, "You have an account already", lines))

    async def wish(self, purpose: str, email: str, origin: str = "") -> None:
        """Mail a link to set a new password, or once more the one that proves the address, if an account has it or
        waits for it. Answers the same in any case.

        Raises Refused: quota_exceeded for too many from one origin, invalid_request without a mail server.
        """
        if not self._post.configured:
            raise Refused("invalid_request", "This hub sends no e-mail.", "Ask an administrator of the hub.")
        try:
            address = people.email(email)
        except people.BadName as error:
            raise Refused("invalid_request", f"{error}.") from None
        wait_seconds = self._by_origin.attempt(place(origin), self._clock())
        if wait_seconds:
            raise passwords.too_many("wishes for letters from your address", wait_seconds)
        await (self._wish_reset(address) if purpose == RESET else self._wish_confirmation(address))

    async def _wish_confirmation(self, address: str) -> None:
        holder = await self._store.account(email=address)
        if holder is not None and holder.email_confirmed_at is not None:
            self.known_already(holder)
            return
        keys = dict.fromkeys([*([holder.key] if holder else []), *await self._store.waiting_for_proof(address, 3)])
        accounts = [await self._store.account(key=key) for key in keys]
        wanting = [account for account in accounts if account is not None and not account.disabled]
        if wanting and self._may_send(address):
            for account in wanting:
                self.confirm(account, address)

    async def _wish_reset(self, address: str) -> None:
        account = await self._store.account(email=address)
        if account is None or account.email_confirmed_at is None or account.disabled or not self._may_send(address):
            return
        what = f"Somebody, probably you, wants to set a new password for the account {account.handle}."
        self._send_link(account, RESET, address, "Set a new password", what, "To set one")

    def _may_send(self, email: str) -> bool:
        """Nobody's mailbox is filled by others."""
        return not self._by_address.attempt(email, self._clock())

    def _send_link(
        self, account: ports.AccountRow, purpose: str, email: str, subject: str, what: str, to_do: str
    ) -> None:
        secret = base64.urlsafe_b64encode(self._randomness(_SECRET_BYTES)).decode("ascii").rstrip("=")
        link = self._whereabouts.link(f"/{purpose}/{secret}")
        lines = [
            f"{what} It is an account of the Farcall hub at {self._whereabouts.url}.",
            f"{to_do}, open the link below. It holds for {_VALID_WORDS[purpose]}, and once.",
            "If it was not you, there is nothing to do.",
        ]
        sent = letter(email, subject, lines, link)

        def committed(outcome: Any) -> None:
            if outcome is ports.Outcome.OK:
                self._post.send(sent)

        now = self._wall()
        expires_at = now + _VALID_SECONDS[purpose]
        command = ports.AddConfirmation(digest_of(secret), account.key, purpose, email, now, expires_at)
        self._store.write(command, committed)

    # -- links ---------------------------------------------------------------------------------------------------------

    async def proof(self, secret: str, purpose: str) -> Proof:
        """What an open link stands for; raises Refused (not_found) if it is unknown, used, or expired."""
        row = await self._store.confirmation(digest_of(secret))
        account = await self._store.account(key=row.account) if row is not None else None
        closed = row is None or row.purpose != purpose or row.expires_at <= self._wall()
        if closed or row is None or account is None or account.disabled:
            raise Refused("not_found", "The link is not valid: it was used, or has expired.", "Ask for a new one.")
        return Proof(account, row.purpose, row.email)

    async def prove(self, secret: str, origin: str = "") -> ports.AccountRow:
        """The address becomes the account's. Raises Refused (not_found, conflict)."""
        proof = await self.proof(secret, CONFIRM)
        await self._use(secret)
        actor = audit.Anonymous(proof.account.handle, origin, proof.account.key)
        return await self._accounts.confirm(proof.account, proof.email, actor)

    async def reset(self, secret: str, password: str, origin: str = "") -> ports.AccountRow:
        """Set a new password; whatever is logged in ends. Raises Refused (not_found, invalid_request)."""
        account = (await self.proof(secret, RESET)).account
        passwords.check(password, account.handle, account.email)
        hashed = await self._accounts.passwords.hash(password)
        await self._use(secret)
        actor = audit.Anonymous(account.handle, origin, account.key)
        command = ports.SetPassword(account.key, hashed, self._wall())
        await self._store.do(audit.recorded(command, actor, "account.password", about=account.key))
        self._accounts.changed(account.key)
        return account

    async def _use(self, secret: str) -> None:
        if await self._store.do(ports.TakeConfirmation(digest_of(secret))) is not ports.Outcome.OK:
            raise Refused("not_found", "The link was used already.", "Ask for a new one.")
