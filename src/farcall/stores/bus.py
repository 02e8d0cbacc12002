"""Wake-ups within one process."""

from __future__ import annotations

from collections.abc import Callable

import structlog

log = structlog.get_logger("farcall.stores.bus")


class InProcessBus:
    """The Bus port for a single hub: whoever subscribed is called at once, in the publisher's thread."""

    def __init__(self) -> None:
        self._subscribers: dict[str, dict[object, Callable[[], None]]] = {}

    def publish(self, topic: str) -> None:
        """Wake everybody who subscribed to `topic`; one that raises does not keep the others asleep."""
        for wake in list(self._subscribers.get(topic, {}).values()):
            try:
                wake()
            except Exception:
                log.exception("a subscriber failed", topic=topic)

    def subscribe(self, topic: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Returns how to unsubscribe; calling that twice does no harm."""
        place = object()
        self._subscribers.setdefault(topic, {})[place] = wake

        def unsubscribe() -> None:
            subscribers = self._subscribers.get(topic, {})
            if subscribers.pop(place, None) is not None and not subscribers:
                del self._subscribers[topic]

        return unsubscribe
