"""How long to wait before dialling again. Pure: randomness is an argument."""

from __future__ import annotations

from collections.abc import Callable


class Backoff:
    """Doubles from `first_seconds` to `most_seconds`; each wait is drawn from its upper half, so that crowds disperse.

    `random` gives numbers from 0 up to 1.
    """

    def __init__(self, random: Callable[[], float], *, first_seconds: float = 0.1, most_seconds: float = 15.0) -> None:
        self._random = random
        self._first_seconds = first_seconds
        self._most_seconds = most_seconds
        self._failures = 0

    def next_seconds(self) -> float:
        """The wait after one more failure."""
        longest = min(self._most_seconds, self._first_seconds * 2.0 ** min(self._failures, 60))
        self._failures += 1
        return longest * (0.5 + 0.5 * self._random())

    def reset(self) -> None:
        """It worked: begin anew."""
        self._failures = 0
