"""A bar on stderr for long maps, if somebody watches."""

from __future__ import annotations

import threading
from typing import Any

from farcall.authoring.harmless import harmless_line
from farcall.client.notice import interactive

AFTER_SECONDS = 2.0
_REFRESH_SECONDS = 0.2


class ProgressBar:
    """Counts what has ended. Shows itself after 2 s if `wanted` is None and somebody watches, at once if it is True."""

    def __init__(self, label: str, total: int | None, wanted: bool | None) -> None:
        self._label = harmless_line(label)
        self._total = total
        self._delay = 0.0 if wanted else AFTER_SECONDS
        self._count = 0
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self.watching = interactive() if wanted is None else wanted
        if self.watching:
            self._thread = threading.Thread(target=self._show, name="farcall-progress", daemon=True)
            self._thread.start()

    def step(self, _: Any = None) -> None:
        """One more has ended. Called in the channel's thread."""
        self._count += 1

    def close(self) -> None:
        """Draw it a last time, and leave the terminal alone."""
        self._closed.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2.0)

    def _show(self) -> None:
        if self._closed.wait(self._delay):
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), auto_refresh=False) as shown:
            task = shown.add_task(self._label, total=self._total)
            while True:
                closed = self._closed.wait(_REFRESH_SECONDS)
                shown.update(task, completed=self._count, refresh=True)
                if closed or self._count == self._total:
                    return
