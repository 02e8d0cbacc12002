"""The channels of workers and clients: frames in and out, one conversation each.

Frames that are sent during one turn of the loop leave together at its end; adjacent ones of the same kind are merged.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import structlog

from farcall.domain import access
from farcall.domain.errors import Refused
from farcall.gateway.websocket import WebSocket
from farcall.hub.accounts import Accounts
from farcall.hub.callers import CallerConversation
from farcall.hub.dispatcher import Dispatcher
from farcall.hub.invocations import Invocations
from farcall.hub.ports import StoreFailed
from farcall.hub.streams import Streams
from farcall.hub.worker_conversation import WorkerConversation
from farcall.hub.workers import Workers
from farcall.wire import frames
from farcall.wire.session import HubSession, ProtocolError, Role

log = structlog.get_logger("farcall.gateway.channels")

_MESSAGE_BYTES = frames.FRAME_LIMIT_BYTES // 2  # of payload in one message; leaves room for what is around it
_KEY_BYTES = 64


def _settled_bytes(items: list[Any]) -> int:
    return sum([len(item.result) for item in items]) + _KEY_BYTES * len(items)


def _offered_bytes(items: list[Any]) -> int:
    return sum([len(item.arguments) for item in items]) + _KEY_BYTES * len(items)


# Frames that carry many, and are merged with their like: the field, and how many bytes it takes.
_HELD: dict[type, tuple[str, Callable[[list[Any]], int]]] = {
    frames.Settled: ("items", _settled_bytes),
    frames.Offer: ("items", _offered_bytes),
    frames.Accepted: ("ids", lambda ids: _KEY_BYTES * len(ids)),
}
_DIVISIBLE = {kind: field for kind, (field, _) in _HELD.items()} | {
    frames.RefusedItems: "items",
    frames.Progress: "items",
    frames.Changed: "names",
}
_CLOSE_CODES = {"": 1000, "unauthenticated": 4401, "permission_denied": 4403, "unsupported_protocol": 4426}
_HELLO_SECONDS = 10.0
_LATE_SECONDS = 0.005
_ALONE_ITEMS = 2  # a frame with no more leaves at once …
_ALONE_BYTES = 64 * 1024
_QUIET_SECONDS = 0.0002  # … if none did so shortly before: then it is one of many, which leave together
_INBOX_LIMIT = 64  # messages that wait for a slow one; then the socket is not read
_ROLES: dict[str, Role] = {"/v1/connect/worker": "worker", "/v1/connect/client": "client"}


class Channel:
    """The hub's end of one socket: a `WorkerLink` or a `CallerLink`, and what it hears."""

    def __init__(self, channels: Channels, role: Role, token: str, socket: WebSocket) -> None:
        self.boot = ""
        self.account = 0
        self.token_key = 0
        self.conversation: Any = None
        self._channels = channels
        self._role: Role = role
        self._token = token
        self._socket = socket
        self._session = HubSession(role)
        self._loop = asyncio.get_running_loop()
        self._queue: list[frames.Frame] = []
        self._late: frames.Acknowledge | None = None
        self._late_timer = False  # set: one for many, since each would wake the loop
        self._late_new = False  # what is late now came after others had left
        self._tail_bytes = 0
        self._scheduled = False
        self._sent_at = 0.0  # something that left at once, or would have
        self._ending = False  # our goodbye is on its way
        self._gone = False
        self._busy = False  # with a frame that takes time; what follows waits in the inbox
        self._inbox: deque[bytes] = deque()
        self._outdated = False  # permissions changed while it was busy
        self._paused = False  # the socket is not read, since the inbox is full
        self._handlers: dict[type, Callable[[Any], Awaitable[None] | None]] = {}
        self._impatience = self._loop.call_later(_HELLO_SECONDS, self._unfriendly)
        self._begin(self._admit())

    # -- sending -------------------------------------------------------------------------------------------------------

    def send(self, frame: frames.Frame) -> None:
        """Send a frame at this turn's end; at once if it is small and not one of many. One that is too large for a
        message leaves in several."""
        held = _HELD.get(type(frame))
        if type(frame) is frames.Acknowledge:
            self._acknowledge(frame)
            return
        if held is None:
            self._queue.append(frame)
            self._tail_bytes = _MESSAGE_BYTES
            self._schedule()
            return
        field, size = held
        items = getattr(frame, field)
        size_bytes = size(items)
        if size_bytes > _MESSAGE_BYTES and len(items) > 1:
            half = len(items) // 2
            kind: Any = type(frame)
            self.send(kind(items[:half]))
            self.send(kind(items[half:]))
            return
        queue = self._queue
        if queue and type(queue[-1]) is type(frame) and self._tail_bytes + size_bytes <= _MESSAGE_BYTES:
            getattr(queue[-1], field).extend(items)
            self._tail_bytes += size_bytes
            return
        if not self._scheduled and len(items) <= _ALONE_ITEMS and size_bytes <= _ALONE_BYTES and self._quiet():
            self._transmit(frame)  # perhaps the only one of this turn, and somebody waits for it
            return
        self._tail_bytes = size_bytes
        queue.append(frame)
        self._schedule()

    def close(self, code: str, message: str) -> None:
        """Say why, then close; what was queued before is still sent."""
        if not self._ending:
            self._flush()  # with the acknowledgements that wait for company: Goodbye is the last word
            self._ending = True
            self._transmit(frames.Goodbye(code, message))
            self._socket.close(_CLOSE_CODES.get(code, 4400), message)

    def _quiet(self) -> bool:
        """Whether nothing was sent a moment ago. Asking the loop when its turn ends would cost it another turn."""
        before, self._sent_at = self._sent_at, time.monotonic()
        return self._sent_at - before > _QUIET_SECONDS

    def _acknowledge(self, frame: frames.Acknowledge) -> None:
        """Nobody waits for it: it leaves with whatever comes next, or alone after a moment."""
        if self._late is not None:
            self._late.items.extend(frame.items)
            self._late.stale.extend(frame.stale)
            return
        self._late = frame
        if not self._late_timer:
            self._late_timer, self._late_new = True, False
            self._loop.call_later(_LATE_SECONDS, self._too_late)

    def _too_late(self) -> None:
        self._late_timer = False
        if self._late is not None and self._late_new:
            self._late_new, self._late_timer = False, True
            self._loop.call_later(_LATE_SECONDS, self._too_late)
        elif self._late is not None:
            self._flush()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        queue, self._queue = self._queue, []
        if not self._ending:
            self._transmit(*queue)

    def _transmit(self, *queue: frames.Frame) -> None:
        """Write these, and the acknowledgements that wait for company, at once."""
        messages: list[bytes] = []
        for frame in queue:
            self._encode(frame, messages)
        late, self._late = self._late, None
        if late is not None:
            self._late_new = True
            self._encode(late, messages)
        if messages:
            self._socket.send(messages)

    def _encode(self, frame: frames.Frame, messages: list[bytes]) -> None:
        try:
            messages.append(self._session.encode(frame))
        except ProtocolError:
            halves = _halves(frame)
            if not halves:
                log.error("a frame is too large to be sent", role=self._role, frame=type(frame).__name__)
            for half in halves:
                self._encode(half, messages)

    # -- hearing -------------------------------------------------------------------------------------------------------

    def message(self, data: bytes) -> None:
        if not self._busy:
            self._handle(data)
            return
        self._inbox.append(data)
        if len(self._inbox) >= _INBOX_LIMIT and not self._paused:
            self._paused = True
            self._socket.pause()

    def text(self) -> None:
        self.close("invalid_request", "Frames are binary messages.")

    def closed(self) -> None:
        self._gone = True  # what it said before is still heard, its goodbye above all
        self._impatience.cancel()
        if not self._busy:
            self._leave()

    def _handle(self, data: bytes) -> None:
        if self._ending:
            return
        try:
            frame = self._session.receive(data)
            pending = self._handlers[type(frame)](frame)
        except ProtocolError as error:
            self.close(error.code, error.message)
        except Refused as refusal:
            self.close(refusal.failure.code, refusal.failure.message)
        except Exception:
            self._failed()
        else:
            if pending is not None:
                self._begin(pending)

    def _begin(self, work: Awaitable[None]) -> None:
        self._busy = True
        self._channels.later(self._finish(work))

    async def _finish(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Refused as refusal:
            self.close(refusal.failure.code, refusal.failure.message)
        except StoreFailed as error:
            self.close("hub_unavailable", f"The hub cannot store anything now: {error}")
        except Exception:
            self._failed()
        self._busy = False
        if self._outdated and not self._gone:
            self.refresh()
        while self._inbox and not self._busy:
            self._handle(self._inbox.popleft())
        if self._paused and len(self._inbox) < _INBOX_LIMIT:
            self._paused = False
            self._socket.resume()
        if self._gone and not self._busy:
            self._leave()

    def refresh(self) -> None:
        """Permissions changed: what comes from now on waits until they are known, and is heard under the new ones."""
        self._outdated = self._busy
        if not self._busy:
            self._begin(self.conversation.refresh())

    def _failed(self) -> None:
        log.error("a frame could not be handled", role=self._role, exc_info=True)  # noqa: LOG014 called while it is handled
        self.close("internal", "The hub failed to handle a frame; its log has the detail.")

    # -- beginning and end ---------------------------------------------------------------------------------------------

    async def _admit(self) -> None:
        subject = await self._channels.accounts.authenticate(self._token)
        self.account = subject.key
        self._handlers = {frames.Hello: self._hello, frames.Goodbye: self._goodbye}

    async def _hello(self, frame: frames.Hello) -> None:
        subject = await self._channels.accounts.authenticate(self._token)  # it may have ended since the handshake
        self._impatience.cancel()
        self.token_key = subject.token
        self.boot = frame.boot.hex()
        subject = replace(subject, origin=self._socket.origin)
        keys = await self._channels.digest_keys(subject) if self._role == "worker" else {}
        self.conversation = self._channels.converse(self._role, self._token, subject, self)
        self._handlers = {**self.conversation.handlers, frames.Goodbye: self._goodbye}
        self.send(self._session.welcome(account=subject.handle, digest_keys=keys, **self._channels.constants))
        self._channels.open.add(self)

    def _goodbye(self, frame: frames.Goodbye) -> None:
        if self in self._channels.open:
            self.conversation.goodbye(frame)
        self._ending = True
        self._socket.close(1000, "")

    def _unfriendly(self) -> None:
        self.close("invalid_request", f"No Hello came within {_HELLO_SECONDS:g} s.")

    def _leave(self) -> None:
        if self in self._channels.open:
            self._channels.open.discard(self)
            self._channels.accounts.last_use.note(self.token_key)
            self.conversation.disconnected()


def _halves(frame: frames.Frame) -> tuple[frames.Frame, ...]:
    """A frame that says many things, as two that say the same; nothing if it can't be divided."""
    field = _DIVISIBLE.get(type(frame))
    items = getattr(frame, field) if field else ()
    if len(items) < 2:
        return ()
    kind: Any = type(frame)
    return kind(items[: len(items) // 2]), kind(items[len(items) // 2 :])


class Channels:
    """All open channels, and what each of them is given. A `Doorkeeper`."""

    def __init__(
        self,
        accounts: Accounts,
        invocations: Invocations,
        workers: Workers,
        dispatcher: Dispatcher,
        streams: Streams,
        constants: dict[str, Any],
    ) -> None:
        self.accounts = accounts
        self.constants = constants  # of every Welcome: hub, epoch, intervals, limits
        self.open: set[Channel] = set()
        self.later = dispatcher.later
        self.digest_keys = workers.digest_keys
        self._invocations = invocations
        self._workers = workers
        self._dispatcher = dispatcher
        self._streams = streams
        accounts.on_access_changed(self._access_changed)
        accounts.last_use.open_now = lambda: {channel.token_key for channel in self.open}

    def listener(self, path: str, token: str, socket: WebSocket) -> Channel | None:
        """A new channel, if there is one at this path."""
        role = _ROLES.get(path)
        return None if role is None else Channel(self, role, token, socket)

    def converse(self, role: Role, token: str, subject: access.Subject, channel: Channel) -> Any:
        """What the channel's frames make happen."""
        if role == "worker":
            return WorkerConversation(self._workers, self._dispatcher, self.accounts, token, subject, channel)
        return CallerConversation(
            self._invocations, self._streams, self._dispatcher, self.accounts, token, subject, channel
        )

    def _access_changed(self, account: int) -> None:
        for channel in list(self.open):
            if channel.account == account:
                channel.refresh()

    def catalog_changed(self, names: list[str]) -> None:
        """Tell clients to forget what they resolved under these names, as far as they may know of them."""
        for channel in self.open:
            if isinstance(channel.conversation, CallerConversation):
                known = channel.conversation.visible(names)
                if known:
                    channel.send(frames.Changed(known))

    def close_all(self, message: str) -> None:
        """The hub stops: every peer is told to come back later."""
        for channel in list(self.open):
            channel.close("hub_unavailable", message)
