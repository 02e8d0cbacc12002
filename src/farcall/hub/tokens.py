"""Tokens: made, listed, ended; and their text.

The text is ``farcall_pat_``, 32 random bytes in base 62, and a checksum that tells a typo from a stranger, and lets
scanners for leaked secrets recognise a token without asking the hub.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from blake3 import blake3

from farcall.domain import access, names
from farcall.domain.errors import Refused
from farcall.hub import audit, ports
from farcall.hub.bounds import DEFAULT_BOUNDS, Bounds, bound_for, full
from farcall.hub.last_use import LastUse

PREFIX = "farcall_pat_"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHARACTERS = frozenset(_ALPHABET)
_SECRET_BYTES = 32
_SECRET_LENGTH = 43  # of 256 bits in base 62
_CHECK_LENGTH = 6  # of 32 bits in base 62
_LABEL_LENGTH_LIMIT = 200


def make(random_bytes: bytes) -> str:
    """The token of 32 random bytes."""
    if len(random_bytes) != _SECRET_BYTES:
        raise ValueError(f"a token takes {_SECRET_BYTES} random bytes")
    secret = _base62(int.from_bytes(random_bytes, "big"), _SECRET_LENGTH)
    return f"{PREFIX}{secret}{_check(secret)}"


def well_formed(token: str) -> bool:
    """Whether the text can be a token at all."""
    body = token.removeprefix(PREFIX)
    if not token.startswith(PREFIX) or len(body) != _SECRET_LENGTH + _CHECK_LENGTH or not _CHARACTERS.issuperset(body):
        return False
    return _check(body[:_SECRET_LENGTH]) == body[_SECRET_LENGTH:]


def digest(token: str) -> bytes:
    """What the store keeps of a token: 32 bytes. The token has 256 bits of entropy, so a fast hash is the right one."""
    return blake3(token.encode()).digest()


def _check(secret: str) -> str:
    return _base62(zlib.crc32(f"{PREFIX}{secret}".encode()), _CHECK_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


@dataclass(slots=True, frozen=True)
class NewToken:
    """A token at the only moment at which its text is known."""

    key: int
    token: str
    scopes: tuple[str, ...]
    only: tuple[str, ...]
    expires_at: float | None


class Tokens:
    """Each change is seen at once, on open connections too: `changed(account)` is called after it."""

    def __init__(
        self, store: ports.Store, last_use: LastUse, changed: Callable[[int], None], bounds: Bounds = DEFAULT_BOUNDS
    ) -> None:
        self._store = store
        self._last_use = last_use
        self._changed = changed
        self._bounds = bounds

    async def create(
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
        at_most = bound_for(subject, self._bounds.tokens_per_account)
        return await self.issue(
            subject.key, label, wanted, limits, expires_at, subject, at_most=at_most, by=subject.token
        )

    async def issue(
        self,
        account: int,
        label: str,
        scopes: tuple[str, ...],
        only: tuple[str, ...],
        expires_at: float | None,
        actor: audit.Actor,
        *,
        kind: str = "made",
        at_most: int | None = None,
        by: int = 0,
        keep: Callable[[str], None] = lambda token: None,
    ) -> NewToken:
        """A token for an account, without asking who wants it; `keep` is given its text before it is committed.

        Raises Refused: quota_exceeded if the account has `at_most` already, unauthenticated if the token with the key
        `by` was revoked.
        """
        text = make(os.urandom(32))
        keep(text)
        command = ports.CreateToken(
            account, digest(text), label[:_LABEL_LENGTH_LIMIT], scopes, only, time.time(), expires_at, kind, at_most, by
        )
        what = "login" if kind == "login" else "token.create"
        key = await self._store.do(
            audit.recorded(command, actor, what, about=account, scopes=" ".join(scopes), only=" ".join(only) or None)
        )
        if key is ports.Outcome.DENIED:
            raise Refused("unauthenticated", "The token was revoked.", "Make a new one, or log in again.")
        if key is ports.Outcome.FULL:
            raise full(
                "Your tokens, counting those that ended within the last 24 hours, are",
                self._bounds.tokens_per_account,
                "End those that nobody needs, with farcall token revoke, and try again tomorrow.",
            )
        return NewToken(key, text, scopes, only, expires_at)

    async def all(self, subject: access.Subject) -> list[ports.TokenRow]:
        """The account's tokens, without their text; revoked ones too. A limited token sees those within its limits."""
        _require_manage(subject)
        rows = await self._store.tokens(subject.key)
        return [replace(row, last_used_at=self._last_use.of(row)) for row in rows if _reaches(subject, row)]

    async def revoke(self, subject: access.Subject, key: int) -> None:
        """End a token of the subject's account at once; every token may end itself. Raises Refused (not_found)."""
        if key != subject.token:
            _require_manage(subject)
            if subject.only and key not in {row.key for row in await self.all(subject)}:
                raise Refused("not_found", f"There is no token {key} within the limits of yours.")
        command = ports.RevokeToken(subject.key, key, time.time())
        outcome = await self._store.do(audit.recorded(command, subject, "token.revoke", target=str(key)))
        if outcome is not ports.Outcome.OK:
            raise Refused("not_found", f"You have no token {key}.", "See farcall token list.")
        self._changed(subject.key)


def _reaches(subject: access.Subject, row: ports.TokenRow) -> bool:
    """Whether the token is no wider than the one that asks."""
    return not subject.only or (bool(row.only) and all(access.within(subject, path) for path in row.only))


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
