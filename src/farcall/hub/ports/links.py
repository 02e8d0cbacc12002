"""Who is spoken to: workers, callers, other hubs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class WorkerLink(Protocol):
    """The hub's end of one worker's channel: WebSocket, or in-process for tests and the embedded worker.

    Frames sent are delivered in order or the link is reported as disconnected; nothing is said twice. `send` never
    blocks: what can't be sent soon makes the link close.
    """

    boot: str

    def send(self, frame: Any) -> None: ...

    def close(self, code: str, message: str) -> None: ...


class CallerLink(Protocol):
    """The hub's end of one caller: a client's channel, or a waiting REST request."""

    account: int

    def send(self, frame: Any) -> None: ...


class Bus(Protocol):
    """Wake-ups between hubs; lossy by contract: losing one may delay, never harm."""

    def publish(self, topic: str) -> None: ...

    def subscribe(self, topic: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Returns how to unsubscribe."""
