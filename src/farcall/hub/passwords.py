"""Passwords: hashed with argon2id, in few threads, so that neither the loop nor the memory suffers from a crowd."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from farcall.domain import people
from farcall.domain.errors import Refused

_AT_ONCE = 2  # each takes 64 MiB for some tens of milliseconds
_WAITING_LIMIT = 32

T = TypeVar("T")


class Passwords:
    """Hashes and verifies. With more than so many waiting it refuses (hub_unavailable). To be closed."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()  # the library's default follows RFC 9106, second choice
        self._threads = ThreadPoolExecutor(_AT_ONCE, "farcall-passwords")
        self._waiting = 0
        self._nobody = ""

    async def hash(self, password: str) -> str:
        """The hash to be kept, with its parameters and salt."""
        return await self._in_thread(partial(self._hasher.hash, people.password(password)))

    async def verify(self, known: str, password: str) -> bool:
        """Whether the password is the one. Without a hash it takes as long, and is not."""
        if not known and not self._nobody:
            self._nobody = await self.hash("nobody has this password")
        right = await self._in_thread(partial(self._verified, known or self._nobody, people.password(password)))
        return right and bool(known)

    def outdated(self, known: str) -> bool:
        """Whether the hash was made with other parameters than new ones are."""
        try:
            return self._hasher.check_needs_rehash(known)
        except InvalidHashError:
            return False

    def close(self) -> None:
        """No more threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verified(self, known: str, password: str) -> bool:
        try:
            return self._hasher.verify(known, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._waiting >= _WAITING_LIMIT:
            raise Refused("hub_unavailable", "Too many people log in at this moment.", "Try again in a moment.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def check(password: str, handle: str, email: str) -> None:
    """Raises Refused (invalid_request) if the password is weak."""
    reason = people.weakness(people.password(password), handle, email)
    if reason:
        raise Refused(
            "invalid_request",
            reason,
            "A few words that have nothing to do with each other are good, or let a tool make one.",
        )


def too_many(what: str, wait_seconds: float) -> Refused:
    """Refused (quota_exceeded): too many of these, and how long to wait."""
    seconds = math.ceil(wait_seconds)
    return Refused("quota_exceeded", f"Too many {what}.", f"Try again in {seconds} s.", retry_after_seconds=seconds)
