"""The functions of the module `farcall`: those of a client, with the one that this process finds by itself.

That client is the only state that belongs to the process; it is made by the first use, and by `login`.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from farcall.client import config
from farcall.client.client import Client
from farcall.client.errors import FarcallError, from_failure
from farcall.client.function import RemoteFunction
from farcall.client.invocation import Invocation
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


def share(name: str, handle: str, can: str = "invoke") -> dict[str, Any]:
    """Let an account use a function or a namespace of yours. `can` is view, invoke or manage."""
    return default_client().share(name, handle, can)


def login(url: str | None = None, token: str | None = None) -> Client:
    """Remember a token for a hub, in a file that only you can read, and use it in this process from now on.

    What is not given is asked for. Raises PermissionDenied if the hub does not accept the token.
    """
    url = url or _asked("Address of the hub: ", hidden=False)
    token = token or _asked("Token: ", hidden=True)
    client = Client(url, token)
    try:
        who = client.me()
    except FarcallError:
        client.close()
        raise
    config.remember(url, token)
    _default.replace(client)
    sys.stderr.write(f"Logged in to {client.url} as {who['handle']}.\n")
    return client


def _asked(question: str, *, hidden: bool) -> str:
    import getpass

    try:
        answer = getpass.getpass(question) if hidden else input(question)
    except (EOFError, OSError):
        answer = ""
    if not answer.strip():
        raise from_failure(Failure("invalid_request", "login() needs the hub's address and a token."))
    return answer.strip()
