"""One timer for all that the core waits for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_STEP_SECONDS = 0.001


class Alarm:
    """Calls `ring` once, at the time it was last set to, never before it: the core says anew only what has changed."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None
        self._at_mono = 0.0

    def set(self, at_mono: float) -> None:
        """Ring at this monotonic time, and not at the one said before."""
        before, self._at_mono = self._at_mono, at_mono
        if self._timer is not None:
            if before <= at_mono:
                return  # it comes too early, and is then armed again
            self._timer.cancel()
        self._arm()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        delay = max(0.0, self._at_mono - time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(delay + _STEP_SECONDS, self._due)

    def _due(self) -> None:
        if time.monotonic() < self._at_mono:  # loops round to milliseconds; the core counts on not being woken early
            self._arm()
            return
        self._timer = None
        self._ring()
