"""The lease that the worker's heartbeats renew, watched by a thread of its own.

It counts from the sending of the last acknowledged heartbeat. When it lapses the hub may give what runs here to
somebody else, so it is killed: by this thread, which nothing else in the process can hold up.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_REMEMBERED = 1024
_LOOK_SECONDS = 0.5  # the wait's own clock may stand still while the machine sleeps


def now() -> float:
    """Monotonic seconds that go on while the machine sleeps, as far as it has such a clock."""
    for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"):  # the first is Linux's; macOS counts sleep in the second
        clock = getattr(time, name, None)
        if clock is not None:
            return time.clock_gettime(clock)
    return time.monotonic()


class Lease:
    """`on_lapse` is called in the watching thread, once per lapse."""

    def __init__(self, on_lapse: Callable[[], None]) -> None:
        self._on_lapse = on_lapse
        self._lock = threading.Condition()
        self._deadline: float | None = None
        self._seconds = 0.0
        self._sent: OrderedDict[int, float] = OrderedDict()
        self._seq = 0
        self._stopped = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._thread = threading.Thread(target=self._watch, name="farcall-lease", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        with self._lock:
            self._stopped = True
            self._lock.notify()
        if self._thread is not None:
            self._thread.join()

    def granted(self, seconds: float, since: float) -> None:
        """The hub has welcomed us, in answer to what was sent at `since` (by `now`) or later."""
        with self._lock:
            self._seconds = seconds
            self._deadline = max(self._deadline or 0.0, since + seconds)
            self._lock.notify()

    def beat(self) -> int:
        """A heartbeat is being sent now; returns its number."""
        with self._lock:
            self._seq += 1
            self._sent[self._seq] = now()
            if len(self._sent) > _REMEMBERED:
                self._sent.popitem(last=False)
            return self._seq

    def acknowledged(self, seq: int) -> None:
        """The hub has seen heartbeat `seq`. A lease that has lapsed stays so, whoever notices first."""
        with self._lock:
            at = self._sent.pop(seq, None)
            if at is not None and self._deadline is not None and now() < self._deadline:
                self._deadline = max(self._deadline, at + self._seconds)

    def _watch(self) -> None:
        while True:
            with self._lock:
                if self._stopped:
                    return
                left = None if self._deadline is None else self._deadline - now()
                if left is None or left > 0:
                    self._lock.wait(None if left is None else min(left, _LOOK_SECONDS))
                    continue
                self._deadline = None
            self._on_lapse()
