"""What the worker says to the hub, and what the hub's frames make happen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from farcall.link import Link, LinkError, Refused, Unreachable
from farcall.wire import frames
from farcall.worker.lease import Lease, now
from farcall.worker.options import Event, EventKind
from farcall.worker.outbox import Outbox
from farcall.worker.reports import Reports
from farcall.worker.work import Work


class Conversation:
    """Implements `farcall.link.Handler`. `register` and `publications` make what this worker says of itself."""

    def __init__(
        self,
        work: Work,
        outbox: Outbox,
        reports: Reports,
        lease: Lease,
        register: Callable[[list[frames.AttemptKey]], frames.Register],
        publications: Callable[[], list[frames.Publication]],
        on_published: Callable[[list[frames.PublishedFunction]], None],
        on_drain: Callable[[str], None],
        on_event: Callable[[Event], None],
    ) -> None:
        self._work = work
        self._outbox = outbox
        self._reports = reports
        self._lease = lease
        self._register = register
        self._publications = publications
        self._on_published = on_published
        self._on_event = on_event
        self._publish_seq = 0
        self._unanswered = False  # the hub has not said yet which versions it will offer
        self._early: list[Any] = []
        self._heartbeat_seconds = 1.0
        self._timer: asyncio.TimerHandle | None = None
        self.link: Link | None = None
        self.digest_keys: Mapping[str, bytes] = {}
        self.leaving = ""  # why, once the worker drains
        self.refused = False  # the hub took none of the functions: there is nothing to stay for
        self._handlers: dict[type, Callable[[Any], None]] = {
            frames.HeartbeatAck: lambda frame: lease.acknowledged(frame.seq),
            frames.Published: self._published,
            frames.Offer: work.offer,
            frames.Recall: lambda frame: work.recall(frame.items),
            frames.CancelAttempts: lambda frame: work.cancel(frame.items),
            frames.Acknowledge: work.acknowledged,
            frames.StreamTaken: work.taken,
            frames.Drain: lambda frame: on_drain(frame.reason),
        }

    def send(self, frame: frames.Frame) -> None:
        """Send at the end of this turn; lost while there is no line."""
        if self.link is not None:
            self.link.send(frame)

    # -- the line ------------------------------------------------------------------------------------------------------

    def connected(self, welcome: frames.Welcome) -> None:
        # The hub counts from when it said Welcome, a little before now.
        self.digest_keys = {  # the own handle is no group's, whatever a hub says
            handle: key for handle, key in welcome.digest_keys.items() if handle != welcome.account
        }
        self._lease.granted(welcome.lease_seconds, now() - min(1.0, welcome.lease_seconds / 10))
        self.send(self._register(self._work.held()))
        self.publish()
        if self.leaving:
            self.send(frames.Leaving(self.leaving))
        self._outbox.resend()
        self._reports.resume()
        self._work.resend_streams()
        self._heartbeat_seconds = welcome.heartbeat_seconds
        self._beat()

    def received(self, frame: Any) -> None:
        kind = type(frame)
        if self._unanswered and kind not in (frames.Published, frames.HeartbeatAck):
            # Offers may overtake the answer that says what they name; what follows them keeps its place.
            if self._early or kind is frames.Offer:
                self._early.append(frame)
                return
        self._handlers[kind](frame)

    def disconnected(self, error: LinkError | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._early.clear()
        self._outbox.disconnected()
        self._reports.disconnected()
        if (self.leaving or self.refused) and error is None:
            return  # we closed it
        if isinstance(error, Refused):
            return  # it is not dialled again, and whoever runs the link is told why
        reason = "The line to the hub broke." if error is None else error.failure.message
        self._on_event(Event(EventKind.DISCONNECTED, reason, failure=None if error is None else error.failure))

    def failed(self, error: Unreachable, again_seconds: float) -> None:
        message = f"{error.failure.message} Trying again in {again_seconds:.1f} s."
        self._on_event(Event(EventKind.RECONNECTING, message, failure=error.failure))

    def _beat(self) -> None:
        if self.link is None:
            return
        self.link.send(frames.Heartbeat(self._lease.beat()))
        self.link.flush()
        self._timer = asyncio.get_running_loop().call_later(self._heartbeat_seconds, self._beat)

    # -- publishing ----------------------------------------------------------------------------------------------------

    def publish(self) -> None:
        """Say what is served from now on."""
        self._publish_seq += 1
        self._unanswered = True
        self.send(frames.Publish(self._publish_seq, self._publications()))

    def _published(self, frame: frames.Published) -> None:
        if frame.seq != self._publish_seq:
            return
        self._on_published(frame.functions)
        self._unanswered = False
        early, self._early = self._early, []
        for held in early:
            self.received(held)
