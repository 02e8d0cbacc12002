"""Noticing that files have changed, by looking: works on every system and file system."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import Final

_LOOK_SECONDS: Final = 0.4


class FileWatch:
    """Calls `on_change` in the loop when a watched file is another than before, and has been so for a moment."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._files: list[str] = []
        self._known: list[tuple[int, int]] = []
        self._changed: list[tuple[int, int]] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, files: Iterable[str]) -> None:
        """Watch these from now on, and no others."""
        self._files = list(files)
        self._known = self._look()
        self._changed = None
        if self._timer is None:
            self._timer = self._loop.call_later(_LOOK_SECONDS, self._tick)

    def stop(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = self._loop.call_later(_LOOK_SECONDS, self._tick)
        now = self._look()
        if now == self._known:
            self._changed = None
        elif now == self._changed:  # twice the same: whoever writes is done
            self._known, self._changed = now, None
            self._on_change()
        else:
            self._changed = now

    def _look(self) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for file in self._files:
            try:
                status = os.stat(file)
                found.append((status.st_mtime_ns, status.st_size))
            except OSError:
                found.append((0, -1))
        return found
