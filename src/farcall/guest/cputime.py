"""What a call has cost: CPU time of all threads of its process, and of its children that have ended."""

from __future__ import annotations

import time
from collections.abc import Callable

try:
    import resource
except ImportError:  # Windows: children are left out
    resource = None  # type: ignore[assignment]  # asked for before it is used

# No child is started, run and waited for in less; asking after children costs as much as a short call.
CHILD_SECONDS = 0.0005


def children_seconds() -> float:
    """Of all children of this process that have ended."""
    if resource is None:
        return 0.0
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Meter:
    """Reads it call by call. Children are asked after when a call took long enough to have had any."""

    def __init__(
        self, own: Callable[[], float] = time.process_time, children: Callable[[], float] = children_seconds
    ) -> None:
        self._own = own
        self._children = children
        self._children_before = children()
        self._own_before = 0.0

    def begin(self) -> None:
        """A call begins."""
        self._own_before = self._own()

    def end(self, ran_seconds: float) -> float:
        """CPU seconds of the call that ends, which took `ran_seconds` by the clock."""
        used = self._own() - self._own_before
        if ran_seconds >= CHILD_SECONDS:
            children = self._children()
            used += children - self._children_before
            self._children_before = children
        return max(0.0, used)
