"""How long a call of each function takes, as a moving average: it bounds what is sent to a slot ahead of time."""

from __future__ import annotations

UNKNOWN_SECONDS = float("inf")
_WEIGHT = 0.2


class Estimates(dict[int, float]):
    """Seconds by index of the function; infinite until measured."""

    def __missing__(self, function: int) -> float:
        return UNKNOWN_SECONDS

    def measured(self, function: int, seconds: float) -> None:
        """One call took so long."""
        known = self.get(function)
        self[function] = seconds if known is None else known + _WEIGHT * (seconds - known)
