"""A `concurrent.futures.Future` that costs one object, and one more for each thread that waits for it.

The standard one makes a condition, a lock, a deque and two lists each time: with 20,000 calls under way the garbage
collector then takes longer than the calls. Here they are made when they are first needed. The attributes are those of
the standard library's class, which `wait`, `as_completed` and asyncio use from outside.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

_PENDING = "PENDING"
_FINISHED = "FINISHED"


class LeanFuture(Future[Any]):
    """`guard` is shared by many futures: it covers the moment of making a condition, and that of finishing without one.

    Whoever adds a callback, or waits for several, does so under the condition; so if there is none when the future
    finishes, only those have to be told who wait for it alone.
    """

    def __init__(self, guard: threading.Lock) -> None:
        self._guard = guard
        self._bells: tuple[threading.Lock, ...] = ()  # one per thread that waits; released at the end
        self._made: tuple[threading.Condition, list[Any], list[Any]] | None = None
        self._state = _PENDING
        self._result: Any = None
        self._exception: BaseException | None = None

    def _parts(self) -> tuple[threading.Condition, list[Any], list[Any]]:
        made = self._made
        if made is None:
            with self._guard:
                made = self._made
                if made is None:
                    made = self._made = (threading.Condition(), [], [])
        return made

    @property
    def _condition(self) -> threading.Condition:  # type: ignore[override]  # set by the base's __init__, not used here
        return self._parts()[0]

    @property
    def _waiters(self) -> list[Any]:  # type: ignore[override]  # as above
        return self._parts()[1]

    @property
    def _done_callbacks(self) -> list[Callable[[Future[Any]], object]]:
        return self._parts()[2]

    def done(self) -> bool:
        return self._state == _FINISHED

    def _wait_for_end(self, timeout: float | None) -> bool:
        """Wait; False after `timeout` seconds without an end. A condition would hand several locks to and fro."""
        bell = threading.Lock()
        bell.acquire()
        with self._guard:
            if self._state == _FINISHED:
                return True
            self._bells = (*self._bells, bell)
        if bell.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            return True
        with self._guard:
            self._bells = tuple(other for other in self._bells if other is not bell)
            return self._state == _FINISHED

    def _finish(self, error: BaseException | None) -> None:
        """Once: with an error, or with a result that is looked at later."""
        bells: tuple[threading.Lock, ...] = ()
        with self._guard:
            lean = self._made is None
            if lean:
                self._exception = error
                self._state = _FINISHED
                bells, self._bells = self._bells, ()
        if not lean:
            if error is None:
                self.set_result(None)
            else:
                self.set_exception(error)
            with self._guard:
                bells, self._bells = self._bells, ()
        for bell in bells:
            bell.release()
