"""Stream items on their way from a running generator to its caller.

The hub keeps none of them: the worker holds what the caller has not acknowledged. An acknowledgement that does not
advance asks the worker to send again what follows it: that is how a caller who reconnects goes on.
"""

from __future__ import annotations

from farcall.hub import ports
from farcall.hub.dispatch import events
from farcall.hub.dispatcher import Dispatcher
from farcall.wire import frames


class Streams:
    """Passes items up and acknowledgements down."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def from_worker(self, boot: str, frame: frames.Stream) -> None:
        """Items of a current attempt go to whoever waits; those of a stale one go nowhere."""
        dispatcher = self._dispatcher
        if dispatcher.core.attempt(frame.id) != (boot, frame.fence):
            return
        waiters = dispatcher.callers.links(frame.id)
        if not waiters:
            return
        if not dispatcher.core.stream_delivered(frame.id, frame.fence):
            dispatcher.feed(events.StreamDelivered(frame.id, frame.fence))
        out = frames.StreamItems(frame.id, frame.fence, frame.first_seq, frame.items)
        for link in waiters:
            link.send(out)

    def taken(self, link: ports.CallerLink, frame: frames.StreamAck) -> None:
        """A caller has taken items; with fence 0 it speaks of the current attempt, whichever that is."""
        attempt = self._dispatcher.core.attempt(frame.id)
        if attempt is None or link not in self._dispatcher.callers.links(frame.id):
            return
        boot, fence = attempt
        if frame.fence not in (0, fence):
            return
        worker = self._dispatcher.worker_link(boot)
        if worker is not None:
            worker.send(frames.StreamTaken(frame.id, fence, frame.seq))
