"""The WebSocket channels of workers and clients: bytes in and out, one conversation each.

Plain ASGI, because this is the hot path. Frames that are sent during one turn of the loop leave in one go; adjacent
ones of the same kind are merged.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog

from farcall.domain import access
from farcall.domain.errors import Failure, Refused
from farcall.hub.accounts import Accounts
from farcall.hub.callers import CallerConversation
from farcall.hub.dispatcher import Dispatcher
from farcall.hub.invocations import Invocations
from farcall.hub.streams import Streams
from farcall.hub.workers import WorkerConversation, Workers
from farcall.wire import frames
from farcall.wire.session import HubSession, ProtocolError, Role

log = structlog.get_logger("farcall.gateway.channels")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

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
_CLOSE_CODES = {"": 1000, "unauthenticated": 4401, "permission_denied": 4403, "unsupported_protocol": 4426}
_HELLO_TIMEOUT_SECONDS = 10.0


class Channel:
    """The hub's end of one socket: a `WorkerLink` or a `CallerLink`."""

    def __init__(self, session: HubSession, send: Send, account: int) -> None:
        self.boot = ""
        self.account = account
        self._session = session
        self._send = send
        self._queue: list[frames.Frame] = []
        self._wake: asyncio.Event = asyncio.Event()
        self._tail_bytes = 0
        self._goodbye: frames.Goodbye | None = None

    def send(self, frame: frames.Frame) -> None:
        """Queue a frame for this turn's end. One that is too large for a message leaves in several."""
        held = _HELD.get(type(frame))
        if held is None:
            self._queue.append(frame)
            self._tail_bytes = _MESSAGE_BYTES
            self._wake.set()
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
        self._tail_bytes = size_bytes
        queue.append(frame)
        self._wake.set()

    def close(self, code: str, message: str) -> None:
        """Say why, then close; what was queued before is still sent."""
        if self._goodbye is None:
            self._goodbye = frames.Goodbye(code, message)
            self._wake.set()

    async def write(self) -> None:
        """Send until closed. Runs beside the reading loop."""
        wake, session, send = self._wake, self._session, self._send
        while True:
            await wake.wait()
            wake.clear()
            queue, self._queue = self._queue, []
            for frame in queue:
                await send({"type": "websocket.send", "bytes": session.encode(frame)})
            if self._goodbye is not None:
                with contextlib.suppress(ProtocolError):
                    await send({"type": "websocket.send", "bytes": session.encode(self._goodbye)})
                code = _CLOSE_CODES.get(self._goodbye.code, 4400)
                await send({"type": "websocket.close", "code": code, "reason": self._goodbye.message[:120]})
                return


class Channels:
    """ASGI endpoints `/v1/connect/worker` and `/v1/connect/client`."""

    def __init__(
        self,
        accounts: Accounts,
        invocations: Invocations,
        workers: Workers,
        dispatcher: Dispatcher,
        streams: Streams,
        constants: dict[str, Any],
    ) -> None:
        self._accounts = accounts
        self._invocations = invocations
        self._workers = workers
        self._dispatcher = dispatcher
        self._streams = streams
        self._constants = constants  # of every Welcome: hub, epoch, intervals, limits
        self._open: set[tuple[Channel, Any]] = set()
        accounts.on_access_changed(self._access_changed)

    def _access_changed(self, account: int) -> None:
        for channel, conversation in list(self._open):
            if channel.account == account:
                self._dispatcher.later(self._refresh(channel, conversation))

    async def _refresh(self, channel: Channel, conversation: Any) -> None:
        try:
            await conversation.refresh()
        except Refused as refusal:
            channel.close(refusal.failure.code, refusal.failure.message)

    def catalog_changed(self, names: list[str]) -> None:
        """Tell clients to forget what they resolved under these names, as far as they may know of them."""
        for channel, conversation in self._open:
            if isinstance(conversation, CallerConversation):
                known = conversation.visible(names)
                if known:
                    channel.send(frames.Changed(known))

    async def close_all(self, message: str) -> None:
        """The hub stops: every peer is told to come back later."""
        for channel, _ in list(self._open):
            channel.close("hub_unavailable", message)

    async def worker(self, scope: Message, receive: Receive, send: Send) -> None:
        await self._serve("worker", scope, receive, send)

    async def client(self, scope: Message, receive: Receive, send: Send) -> None:
        await self._serve("client", scope, receive, send)

    async def _serve(self, role: Role, scope: Message, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        token = _bearer(scope)
        try:
            subject = await self._accounts.authenticate(token)
        except Refused as refusal:
            await send({"type": "websocket.accept"})
            session = HubSession(role)
            await send({"type": "websocket.send", "bytes": session.encode(_goodbye(refusal.failure))})
            await send({"type": "websocket.close", "code": 4401, "reason": refusal.failure.message[:120]})
            return
        await send({"type": "websocket.accept"})
        session = HubSession(role)
        channel = Channel(session, send, subject.key)
        writer = asyncio.ensure_future(channel.write())
        try:
            await self._converse(role, token, subject, session, channel, receive)
        except ProtocolError as error:
            channel.close(error.code, error.message)
        except Refused as refusal:
            channel.close(refusal.failure.code, refusal.failure.message)
        except Exception:
            log.exception("a conversation failed", role=role)
            channel.close("internal", "The hub failed to handle a frame; its log has the detail.")
        finally:
            if channel._goodbye is None:
                writer.cancel()
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await asyncio.wait_for(writer, 5.0)

    async def _converse(
        self, role: Role, token: str, subject: access.Subject, session: HubSession, channel: Channel, receive: Receive
    ) -> None:
        first = await asyncio.wait_for(_next(session, receive), _HELLO_TIMEOUT_SECONDS)
        if first is None:
            return
        channel.boot = first.boot.hex()
        channel.send(session.welcome(account=subject.handle, **self._constants))
        conversation: Any
        if role == "worker":
            conversation = WorkerConversation(self._workers, self._dispatcher, self._accounts, token, subject, channel)
        else:
            conversation = CallerConversation(
                self._invocations, self._streams, self._dispatcher, self._accounts, token, subject, channel
            )
        entry = (channel, conversation)
        self._open.add(entry)
        handlers = conversation.handlers
        try:
            while channel._goodbye is None:
                frame = await _next(session, receive)
                if frame is None or type(frame) is frames.Goodbye:
                    conversation.goodbye(frame)
                    return
                pending = handlers[type(frame)](frame)
                if inspect.isawaitable(pending):
                    await pending
        finally:
            self._open.discard(entry)
            conversation.disconnected()


async def _next(session: HubSession, receive: Receive) -> Any:
    """The next frame, or None when the socket is closed."""
    message = await receive()
    if message["type"] == "websocket.disconnect":
        return None
    data = message.get("bytes")
    if data is None:
        raise ProtocolError("invalid_request", "Frames are binary messages.")
    return session.receive(data)


def _bearer(scope: Message) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return str(value[7:], "latin-1").strip()
    return ""


def _goodbye(failure: Failure) -> frames.Goodbye:
    return frames.Goodbye(failure.code, failure.message)
