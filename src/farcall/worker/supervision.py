"""A regular look at what runs: announce it, hold it to its timeout, kill what does not stop, free what waits behind it.

The timer runs only while slots are busy. What is over before it is looked at was never worth announcing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from farcall.wire import frames
from farcall.worker.attempts import Attempt, Ending
from farcall.worker.pool import Pool, Seat

TICK_SECONDS: Final = 0.02
ANNOUNCE_SECONDS: Final = 0.05
RESCUE_SECONDS: Final = 0.01


class Supervision:
    """Watches one pool."""

    def __init__(self, pool: Pool, kill_grace_seconds: float, send: Callable[[frames.Frame], None]) -> None:
        self._pool = pool
        self._kill_grace_seconds = kill_grace_seconds
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """Something may be running."""
        if self._timer is None:
            self._timer = self._loop.call_later(TICK_SECONDS, self._tick)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        busy = self._pool.busy
        if not busy:
            return
        now = time.monotonic()
        started: list[frames.AttemptKey] = []
        for seat in busy:
            self._look(seat, now, started)
        if started:
            self._send(frames.Started(started))
        self.wake()

    def _look(self, seat: Seat, now: float, started: list[frames.AttemptKey]) -> None:
        if seat.slot is None:
            return
        head = next(iter(seat.sent.values()))
        if head.kill_at is not None and now >= head.kill_at:  # its process may even hang before it has begun
            seat.slot.kill()
            return
        running = seat.slot.running()
        if running is None:
            return
        attempt = seat.sent.get(running[0])
        if attempt is None:
            return
        ran_seconds = now - running[1]
        if ran_seconds >= ANNOUNCE_SECONDS:
            seat.slot.collect_output()
            if not attempt.announced:
                attempt.announced = True
                started.append(attempt.wire_key)
        timeout = attempt.timeout_seconds
        if timeout is not None and ran_seconds >= timeout and attempt.ending is None:
            self.end(attempt, Ending.TIMEOUT)
        if len(seat.sent) > 1 and ran_seconds >= RESCUE_SECONDS and self._pool.has_idle:
            self._pool.rescue(seat)

    def end(self, attempt: Attempt, ending: Ending) -> None:
        """Stop an attempt that has started: interrupt it, and kill its process if that does not help."""
        if attempt.ending is Ending.LAPSE or (attempt.ending is not None and ending is not Ending.LAPSE):
            return
        attempt.ending = ending
        seat = attempt.seat
        if seat is None or seat.slot is None:
            return
        if ending is not Ending.LAPSE and seat.slot.interrupt(attempt.seq):
            attempt.kill_at = time.monotonic() + self._kill_grace_seconds
        else:
            seat.slot.kill()
        self.wake()
