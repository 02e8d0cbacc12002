"""The items of a generator on their way out: numbered, and no more of them under way than the caller's window."""

from __future__ import annotations

from collections.abc import Callable

from farcall.guest.channel import Channel
from farcall.guest.coding import Coder
from farcall.guest.messages import Taken, ToGuest, Yielded


class Streaming:
    """Sends items, and waits for the caller when `window` of them are not yet taken."""

    def __init__(self, channel: Channel, coder: Coder, window: int, keep: Callable[[ToGuest], None]) -> None:
        self._channel = channel
        self._coder = coder
        self._window = window
        self._keep = keep  # takes what else arrives while one waits
        self._seq = 0
        self._sent = 0
        self._taken = 0

    def begin(self, seq: int) -> Callable[[object], None]:
        """A function that sends one item of the attempt `seq`; it raises Unencodable or TooLarge for a bad one."""
        self._seq = seq
        self._sent = 0
        self._taken = 0
        return self._emit

    def _emit(self, value: object) -> None:
        data = self._coder.item(value, f"item[{self._sent}]")
        while self._sent - self._taken >= self._window:
            self._channel.wait()
            message = self._channel.receive()
            if message is None:
                raise SystemExit("the worker is gone")
            self.take(message)
        self._channel.send(Yielded(self._seq, self._sent, [data]))
        self._sent += 1

    def take(self, message: ToGuest) -> None:
        """A message that came while, or after, a stream ran."""
        if type(message) is not Taken:
            self._keep(message)
        elif message.seq == self._seq:
            self._taken = max(self._taken, message.count)
