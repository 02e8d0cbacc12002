"""Sessions of browsers: who has logged in on a page, and forms that only that page can have sent.

A browser has a random id in a cookie. What it is logged in with is a token in this process's memory, so that the hub's
rules for tokens hold: one that ends is looked up in vain. After a restart people log in again.
"""

from __future__ import annotations

import base64
import hmac
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from blake3 import blake3

_COOKIE = "farcall_page"
_ID_BYTES = 32
_ID_LENGTH = 43
_LASTING_SECONDS = 3_600.0
_LIMIT = 10_000


def cookie_name(*, secure: bool) -> str:
    """Over TLS browsers take this name from the very host alone, over TLS, so that no neighbour plants another's."""
    return f"__Host-{_COOKIE}" if secure else _COOKIE


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a browser. `token` is empty unless it is logged in; `fresh`: it does not know its id yet."""

    id: str
    token: str
    fresh: bool


class Sessions:
    """At most so many, each for an hour after its login. `clock` is monotonic; `randomness(n)` gives n bytes."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, randomness: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._clock = clock
        self._randomness = randomness
        self._key = randomness(32)
        self._tokens: OrderedDict[str, tuple[str, float]] = OrderedDict()  # by id: token, until

    def visit(self, cookie: str | None) -> Visit:
        """The visit of a browser that sent this cookie; a new id if it sent none that can be one."""
        if cookie is None or len(cookie) != _ID_LENGTH or not cookie.isascii():
            return Visit(self._new_id(), "", True)
        token, until = self._tokens.get(cookie, ("", 0.0))
        return Visit(cookie, token if self._clock() < until else "", False)

    def log_in(self, visit: Visit, token: str) -> Visit:
        """The visit goes on under a new id, so that nobody can have prepared it."""
        self._tokens.pop(visit.id, None)
        made = Visit(self._new_id(), token, True)
        self._tokens[made.id] = (token, self._clock() + _LASTING_SECONDS)
        while len(self._tokens) > _LIMIT:
            self._tokens.popitem(last=False)
        return made

    def log_out(self, visit: Visit) -> None:
        """It is nobody's any more."""
        self._tokens.pop(visit.id, None)

    def form_key(self, visit: Visit) -> str:
        """What forms on a page of this visit carry: nobody else can know it."""
        return blake3(visit.id.encode(), key=self._key).hexdigest()

    def is_own_form(self, visit: Visit, form_key: str) -> bool:
        """Whether a form was on a page of this visit."""
        return not visit.fresh and hmac.compare_digest(self.form_key(visit).encode(), form_key.encode())

    def _new_id(self) -> str:
        return base64.urlsafe_b64encode(self._randomness(_ID_BYTES)).decode("ascii").rstrip("=")
