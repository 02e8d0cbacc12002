"""What lies where in the catalog, as far as somebody looked: kept until the hub says that something changed."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farcall.client.client import Client

_KEPT_SECONDS = 10.0  # while the hub tells of changes
_KEPT_UNTOLD_SECONDS = 1.0  # without a connection nobody does; long enough for one press of the tab key
_NAMES_LIMIT = 10_000  # of either kind, of one namespace, that are looked through


class Listing:
    """Functions and namespaces below namespaces. Safe with threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._changes = 0
        self._known: dict[str, tuple[list[str], float]] = {}  # by namespace: what lies below, and when it was asked for

    def below(self, namespace: str) -> list[str]:
        """The full names of functions and namespaces below a namespace ("": all). Raises FarcallError.

        At most 10,000 of each: where a namespace holds more functions, the namespaces in it are still found.
        """
        with self._lock:
            known, changes = self._known.get(namespace), self._changes
        kept_seconds = _KEPT_SECONDS if self._client._is_told else _KEPT_UNTOLD_SECONDS
        if known is not None and time.monotonic() - known[1] < kept_seconds:
            return known[0]
        asked = time.monotonic()
        rest = self._client.rest
        functions = rest.items("/v1/functions", namespace=namespace or None, limit=500)
        spaces = rest.items("/v1/namespaces", below=namespace or None, limit=500)
        names = [item["name"] for item in itertools.islice(functions, _NAMES_LIMIT)]
        names += [item["path"] for item in itertools.islice(spaces, _NAMES_LIMIT)]
        with self._lock:
            if changes == self._changes:  # else it may be out of date already
                self._known[namespace] = names, asked
        return names

    def forget(self) -> None:
        """Something has changed."""
        with self._lock:
            self._changes += 1
            self._known.clear()
