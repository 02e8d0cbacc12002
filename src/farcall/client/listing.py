"""What lies where in the catalog, as far as somebody looked: kept until the hub says that something changed."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farcall.client.client import Client

_KEPT_SECONDS = 10.0  # without a connection nobody tells of changes
_NAMES_LIMIT = 10_000  # of one namespace that is looked through


class Listing:
    """Names below namespaces. Safe with threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._known: dict[str, tuple[list[str], float]] = {}  # by namespace: full names, and when they were asked for

    def below(self, namespace: str) -> list[str]:
        """The full names of the functions below a namespace ("": all), at most 10,000. Raises FarcallError."""
        with self._lock:
            known = self._known.get(namespace)
        if known is not None and time.monotonic() - known[1] < _KEPT_SECONDS:
            return known[0]
        asked = time.monotonic()
        items = self._client.rest.items("/v1/functions", namespace=namespace or None, limit=500)
        names = [item["name"] for item in itertools.islice(items, _NAMES_LIMIT)]
        with self._lock:
            self._known[namespace] = names, asked
        return names

    def forget(self) -> None:
        """Something has changed."""
        with self._lock:
            self._known.clear()
