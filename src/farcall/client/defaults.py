"""The functions of the module `farcall`: those of a client, with the one that this process finds by itself.

That client is the only state that belongs to the process; it is made by the first use, and by `login`.
"""

from __future__ import annotations

import threading
from typing import Any

from farcall.client import logins, notice
from farcall.client.client import Client
from farcall.client.errors import from_failure
from farcall.client.function import RemoteFunction
from farcall.client.invocation import Invocation
from farcall.client.sharing import Expiry
from farcall.domain.errors import Failure


class _Default:
    """Holds the client of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: Client | None = None

    def get(self) -> Client:
        client = self._client
        if client is not None:
            return client
        with self._lock:
            if self._client is None:
                self._client = Client()
            return self._client

    def replace(self, client: Client | None) -> None:
        with self._lock:
            self._client = client


_default = _Default()


def default_client() -> Client:
    """The client that `farcall.get`, `farcall.invocation` and `farcall.catalog` use; raises HubUnreachable if no hub is
    known, and PermissionDenied if there is no token for it.
    """
    return _default.get()


def connect(url: str | None = None, token: str | None = None, *, ca_file: str | None = None) -> Client:
    """A client of its own, connected; raises HubUnreachable or PermissionDenied. The process's default stays."""
    return Client(url, token, ca_file=ca_file).connect()


def get(name: str) -> RemoteFunction:
    """The function of that full name; raises NotFound."""
    return default_client().get(name)


def invocation(identifier: str) -> Invocation:
    """An invocation by its id."""
    return default_client().invocation(identifier)


def share(
    name: str, who: str, can: str = "invoke", *, expires: Expiry = None, **limits: float | None
) -> dict[str, Any]:
    """Let somebody use a function or a namespace of yours, by handle or e-mail address; see `Client.share`."""
    return default_client().share(name, who, can, expires=expires, **limits)


def login(url: str | None = None, token: str | None = None) -> Client:
    """Log in to a hub, and use it in this process from now on; it is remembered in a file that only you can read.

    What is not given is asked for: the address, then handle or e-mail address and password; an empty name asks for a
    token instead. Raises PermissionDenied if the hub does not accept what it is given.
    """
    url = url or _asked("Address of the hub: ")
    if token is None:
        name = _asked("Handle or e-mail address (empty: log in with a token): ", needed=False)
        secret = _asked("Password: " if name else "Token: ", hidden=True)
        made = logins.with_password(url, name, secret) if name else logins.with_token(url, secret)
    else:
        made = logins.with_token(url, token)
    client = Client(made.address.link, made.token)
    _default.replace(client)
    notice.say(f"Logged in to {client.url} as {made.account['handle']}.")
    return client


def _asked(question: str, *, hidden: bool = False, needed: bool = True) -> str:
    import getpass

    try:
        answer = getpass.getpass(question) if hidden else input(question).strip()
    except (EOFError, OSError):
        answer = ""
    if needed and not answer:
        raise from_failure(Failure("invalid_request", "login() needs the hub's address, and who you are."))
    return answer
