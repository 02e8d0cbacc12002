"""How long a call of each function takes, as a moving average: it bounds what is sent to a slot ahead of time."""

from __future__ import annotations

UNKNOWN_SECONDS = float("inf")
_WEIGHT = 0.2


class Estimates:
    """By index of the function; unknown until measured."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}

    def of(self, function: int) -> float:
        """Seconds; infinite if none has been measured."""
        return self._seconds.get(function, UNKNOWN_SECONDS)

    def measured(self, function: int, seconds: float) -> None:
        """One call took so long."""
        known = self._seconds.get(function)
        self._seconds[function] = seconds if known is None else known + _WEIGHT * (seconds - known)
