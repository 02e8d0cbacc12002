"""When each token was used last: noted in memory, written now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from farcall.hub import ports


class LastUse:
    """At most one write per `interval_seconds`, for all tokens together. `open_now` says which have a channel open."""

    def __init__(self, store: ports.Store, *, wall: Callable[[], float], interval_seconds: float = 60.0) -> None:
        self.open_now: Callable[[], Iterable[int]] = tuple
        self._store = store
        self._wall = wall
        self._interval_seconds = interval_seconds
        self._noted: dict[int, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def note(self, token: int) -> None:
        """The token was used just now."""
        self._noted[token] = self._wall()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._interval_seconds, self._write)

    def of(self, row: ports.TokenRow) -> float | None:
        """The last use of a token, written or not; while a channel of it is open that is now."""
        if row.key in self.open_now():
            return self._wall()
        return self._noted.get(row.key, row.last_used_at)

    def _write(self) -> None:
        self._timer = None
        if self._noted:
            items = list(self._noted.items())
            self._store.write(ports.UseTokens(items), lambda outcome: self._written(items))

    def _written(self, items: Sequence[tuple[int, float]]) -> None:
        for token, at in items:
            if self._noted.get(token) == at:
                del self._noted[token]

    def close(self) -> None:
        """Write what is noted, while the store is still open."""
        if self._timer is not None:
            self._timer.cancel()
        self._write()
