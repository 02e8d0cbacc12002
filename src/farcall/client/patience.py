"""Calls of a map that a limit refused: they wait for room, and are sent again.

Room comes when others of this client end, or when the time has come that the hub named. A limit that asks for more than
`LONGEST_SECONDS` (seconds per day, when they are used up) is not waited for.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from farcall.domain.errors import Failure

if TYPE_CHECKING:
    from farcall.client.invocation import Invocation

LONGEST_SECONDS: Final = 120.0
_SHORTEST_SECONDS: Final = 1.0  # between two rounds: who is refused costs the hub something too
_ROUND: Final = 1_000  # calls that are tried again at once


class Patience:
    """Lives in the channel's thread. `again` is given those whose turn it may be."""

    def __init__(self, again: Callable[[list[Invocation]], None]) -> None:
        self._again = again
        self._waiting: OrderedDict[bytes, Invocation] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def takes(self, invocation: Invocation, failure: Failure) -> bool:
        """Whether this refusal is to be waited for; then it is."""
        wait = failure.retry_after_seconds
        if failure.code != "quota_exceeded" or not invocation._route.patient or wait is None or wait > LONGEST_SECONDS:
            return False
        self._waiting[invocation._identifier] = invocation
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(max(wait, _SHORTEST_SECONDS), self._ring)
        return True

    def ended(self, count: int) -> None:
        """So many of this client's calls ended: as many may fit in their place."""
        self._release(count)

    def give_up(self, identifier: bytes) -> bool:
        """It waits no longer; False if it did not wait."""
        return self._waiting.pop(identifier, None) is not None

    def _ring(self) -> None:
        self._timer = None
        self._release(_ROUND)
        if self._waiting:
            self._timer = asyncio.get_running_loop().call_later(_SHORTEST_SECONDS, self._ring)

    def _release(self, count: int) -> None:
        waiting = self._waiting
        released = [waiting.popitem(last=False)[1] for _ in range(min(count, len(waiting)))]
        if released:
            self._again(released)
