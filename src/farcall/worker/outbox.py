"""Outcomes that the hub has not acknowledged: sent at once, and again after every reconnect."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from farcall.wire import frames
from farcall.worker.attempts import Key

_FRAME_ITEMS = 4096


class Outbox:
    """Keeps outcomes. `send` takes frames, and loses them while there is no line."""

    def __init__(self, send: Callable[[frames.Frame], None]) -> None:
        self._send = send
        self._finished: dict[Key, frames.FinishedItem] = {}
        self._returned: dict[Key, str] = {}
        self.connected = False

    def __len__(self) -> int:
        return len(self._finished)

    def __contains__(self, key: Key) -> bool:
        return key in self._finished

    def keys(self) -> list[frames.AttemptKey]:
        """All that is held, for the hub to know after a reconnect."""
        return [frames.AttemptKey(*key) for key in (*self._finished, *self._returned)]

    def finish(self, items: list[frames.FinishedItem]) -> None:
        """Keep and send outcomes."""
        finished = self._finished
        for item in items:
            finished[item.id, item.fence] = item
        if self.connected and items:
            self._send(frames.Finished(items))

    def give_back(self, keys: Iterable[Key], reason: str) -> None:
        """Say that these were never started; kept only until a line takes it, since hubs need no proof of it."""
        keys = list(keys)
        if not keys:
            return
        if self.connected:
            self._send(frames.Returned([frames.ReturnedItem(*key, reason) for key in keys]))
        else:
            self._returned.update(dict.fromkeys(keys, reason))

    def acknowledged(self, frame: frames.Acknowledge) -> None:
        """The hub has recorded these, or never will: drop them."""
        drop = self._finished.pop
        for key in frame.items:
            drop((key.id, key.fence), None)
        for key in frame.stale:
            drop((key.id, key.fence), None)
            self._returned.pop((key.id, key.fence), None)

    def resend(self) -> None:
        """A new line is open: tell everything again."""
        self.connected = True
        items = list(self._finished.values())
        for start in range(0, len(items), _FRAME_ITEMS):
            self._send(frames.Finished(items[start : start + _FRAME_ITEMS]))
        returned, self._returned = self._returned, {}
        if returned:
            self._send(frames.Returned([frames.ReturnedItem(*key, reason) for key, reason in returned.items()]))

    def disconnected(self) -> None:
        self.connected = False
