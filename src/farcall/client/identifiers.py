"""Making the ids of invocations: time and random bits, or the caller's own key."""

from __future__ import annotations

import os
import time
from collections import deque
from typing import TYPE_CHECKING

from farcall.domain.ids import invocation_id, keyed_id

if TYPE_CHECKING:
    from farcall.client.channel import Channel

_BATCH = 1024


class Identifiers:
    """Random bits are taken from the system for many ids at once. Safe with threads and after fork, without a lock."""

    def __init__(self) -> None:
        self._pool: deque[bytes] = deque()
        self._pid = os.getpid()

    def new(self) -> bytes:
        """A new id."""
        if self._pid != os.getpid():  # these are the parent's to use
            self._pid = os.getpid()
            self._pool = deque()
        try:
            bits = self._pool.popleft()
        except IndexError:
            fresh = os.urandom(16 * _BATCH)
            bits = fresh[:16]
            self._pool.extend(fresh[start : start + 16] for start in range(16, len(fresh), 16))
        return invocation_id(time.time(), bits)

    def keyed(self, channel: Channel, key: str) -> bytes:
        """The id that follows from the account and its key; waits for the connection."""
        return keyed_id(channel.welcome().account, key)
