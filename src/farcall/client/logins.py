"""Registering, logging in and out: what the command line and `farcall.login` have in common.

Whatever is learned is kept for its hub in the login file, and given to that hub alone.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from farcall.client import config
from farcall.client.errors import FarcallError, PermissionDenied, from_failure
from farcall.client.rest import Rest
from farcall.domain.errors import Failure
from farcall.link.address import Address

_INVITATION = "/i/"


@dataclass(frozen=True, slots=True)
class Login:
    """A hub at which somebody is logged in now. `account` is as the hub describes it."""

    address: Address
    token: str
    account: dict[str, Any]

    def __repr__(self) -> str:
        return f"Login({self.address.url!r}, {self.account.get('handle')!r})"


def with_password(url: str, name: str, password: str, *, admin: bool = False, label: str = "") -> Login:
    """Log in with a handle or an address; raises PermissionDenied, or QuotaExceeded after too many tries."""
    body = {"name": name, "password": password, "label": label or _label(), "admin": admin}
    return _remembered(url, _anonymous(url, "/v1/login", body))


def with_token(url: str, token: str) -> Login:
    """Try a token, and keep it; raises PermissionDenied if the hub does not accept it."""
    found = config.find(url, token)
    rest = Rest(found.address, found.token)
    try:
        account = rest.get("/v1/me")
    finally:
        rest.close()
    config.remember(found.address.link, found.token)
    return Login(found.address, found.token, account)


def register(url: str, handle: str, email: str, password: str, *, invitation: str = "") -> Login | str:
    """Make an account and log in; or what has to be done before that, in words. Raises RequestError and its kind."""
    body = {"handle": handle, "email": email, "password": password}
    made = _anonymous(url, "/v1/accounts", {**body, "invitation": invitation} if invitation else body)
    return _remembered(url, made) if "token" in made else str(made["detail"])


def wish_reset(url: str, email: str) -> None:
    """Have a link to set a new password mailed, if the address is an account's: the hub does not say whether."""
    _anonymous(url, "/v1/reset", {"email": email})


def wish_confirmation(url: str, email: str) -> None:
    """Have the link that proves the address mailed again, if an account waits for it: the hub does not say whether."""
    _anonymous(url, "/v1/confirm/again", {"email": email})


def log_out(url: str) -> bool:
    """Forget the token for the hub at `url`; what came from logging in ends at the hub too. False: there was none."""
    known = config.logins().get(config.address(url).url)
    if known is None:
        return False
    rest = Rest(config.address(url), known)
    try:
        rest.post("/v1/logout")
    except PermissionDenied:
        pass  # it had ended before
    except FarcallError:
        config.forget(url)
        raise
    finally:
        rest.close()
    return config.forget(url)


def invited(link: str) -> tuple[str, str]:
    """(URL of the hub, secret) of an invitation's link; raises RequestError."""
    parts = urlsplit(link.strip())
    before, found, secret = parts.path.rpartition(_INVITATION)
    if not found or not secret.strip("/"):
        raise from_failure(
            Failure("invalid_request", f"{link[:80]!r} is no invitation.", "Its link looks like https://hub/i/SECRET.")
        )
    return urlunsplit((parts.scheme, parts.netloc, before, "", parts.fragment)), secret.strip("/")


def _remembered(url: str, answer: dict[str, Any]) -> Login:
    address = config.address(url)
    token = answer["token"]["token"]
    config.remember(address.link, token)
    return Login(address, token, answer["account"])


def _anonymous(url: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    rest = Rest(config.address(url), "")
    try:
        answer: dict[str, Any] | None = rest.post(path, body)
    finally:
        rest.close()
    return answer or {}


def _label() -> str:
    """What the list of tokens says of this login."""
    return f"login from {platform.node() or 'somewhere'}"[:200]
