"""A hub for tests of workers: real sockets, the real session, and nothing of a hub's mind.

It publishes whatever it is told, offers what the test says, and remembers every frame. What it answers by itself
(heartbeats, acknowledgements) can be switched off.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from blake3 import blake3

from farcall.domain.ids import invocation_id
from farcall.payload.encode import encode
from farcall.wire import frames
from farcall.wire.session import HubSession, ProtocolError
from farcall.worker import Event, EventKind, ServeOptions, Worker

F = TypeVar("F")
WAIT_SECONDS = 15.0


class PeerHub:
    """One worker at a time is enough."""

    def __init__(self) -> None:
        self.frames: list[Any] = []
        self.finished: dict[tuple[bytes, int], frames.FinishedItem] = {}
        self.finished_times: dict[tuple[bytes, int], int] = {}
        self.versions: dict[str, int] = {}
        self.blobs: dict[str, bytes] = {}
        self.blob_requests: list[str] = []
        self.acknowledges = True
        self.hears_heartbeats = True
        self.refuses_publications = False
        self.connections = 0
        self.heartbeat_seconds = 0.1
        self.lease_seconds = 10.0
        self._fences = itertools.count(1)
        self._changed = asyncio.Event()
        self._send: Callable[[Any], Any] | None = None
        self._session: HubSession | None = None
        self._server: uvicorn.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        config = uvicorn.Config(
            self, host="127.0.0.1", port=self.port, log_level="error", lifespan="off", ws="websockets-sansio"
        )
        self._server = uvicorn.Server(config)
        task = asyncio.create_task(self._server.serve())
        while not self._server.started:
            assert not task.done()
            await asyncio.sleep(0.01)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]
        self._task = task

    async def stop(self) -> None:
        assert self._server is not None
        self._server.force_exit = True
        self._server.should_exit = True
        await self._task

    async def cut(self) -> None:
        """Close the line without a word."""
        assert self._send is not None
        await self._send({"type": "websocket.close", "code": 1011})

    # -- ASGI ----------------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        session = HubSession("worker")
        hello = session.receive((await receive())["bytes"])
        assert isinstance(hello, frames.Hello)
        welcome = session.welcome(
            hub="peer",
            epoch=1,
            account="alice",
            heartbeat_seconds=self.heartbeat_seconds,
            lease_seconds=self.lease_seconds,
        )
        await send({"type": "websocket.send", "bytes": session.encode(welcome)})
        self._session, self._send = session, send
        self.connections += 1
        with contextlib.suppress(ProtocolError):
            while (message := await receive())["type"] == "websocket.receive":
                await self._frame(session.receive(message["bytes"]), session, send)

    async def _frame(self, frame: Any, session: HubSession, send: Any) -> None:
        self.frames.append(frame)
        answer: Any = None
        if isinstance(frame, frames.Publish):
            answer = frames.Published(frame.seq, [self._publish(item) for item in frame.functions])
        elif isinstance(frame, frames.Heartbeat) and self.hears_heartbeats:
            answer = frames.HeartbeatAck(frame.seq)
        elif isinstance(frame, frames.Finished):
            for item in frame.items:
                key = (item.id, item.fence)
                self.finished[key] = item
                self.finished_times[key] = self.finished_times.get(key, 0) + 1
            if self.acknowledges:
                answer = frames.Acknowledge([frames.AttemptKey(item.id, item.fence) for item in frame.items])
        if answer is not None:
            await send({"type": "websocket.send", "bytes": session.encode(answer)})
        self._changed.set()

    def _publish(self, item: frames.Publication) -> frames.PublishedFunction:
        if self.refuses_publications:
            from farcall.domain.errors import Failure

            return frames.PublishedFunction("", 0, 0, Failure("permission_denied", "Not here."))
        version = self.versions.setdefault(f"{item.name}@{item.implementation.hex()}", len(self.versions) + 1)
        self.versions[item.name] = version
        return frames.PublishedFunction(f"alice/{item.name}", version, 1)

    async def _http(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        assert headers[b"authorization"] == b"Bearer token"
        self.blob_requests.append(f"{scope['method']} {scope['path']}")
        if scope["method"] == "POST":
            data = b""
            while True:
                message = await receive()
                data += message.get("body", b"")
                if not message.get("more_body"):
                    break
            digest = f"blake3:{blake3(data).hexdigest()}"
            self.blobs[digest] = data
            status, body = 201, f'{{"digest": "{digest}", "size": {len(data)}}}'.encode()
        else:
            found = self.blobs.get(scope["path"].rpartition("/")[2])
            status, body = (404, b"") if found is None else (200, found)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    # -- what tests do -------------------------------------------------------------------------------------------------

    async def say(self, frame: frames.Frame) -> None:
        assert self._session is not None
        assert self._send is not None
        await self._send({"type": "websocket.send", "bytes": self._session.encode(frame)})

    def item(self, name: str, /, *, limit: float | None = None, **arguments: Any) -> frames.OfferItem:
        identifier = invocation_id(time.time(), os.urandom(16))
        version = self.versions[name]
        return frames.OfferItem(identifier, next(self._fences), version, encode(arguments), 1, "bob", limit)

    async def offer(self, name: str, /, *, limit: float | None = None, **arguments: Any) -> frames.AttemptKey:
        item = self.item(name, limit=limit, **arguments)
        await self.say(frames.Offer([item]))
        return frames.AttemptKey(item.id, item.fence)

    async def until(self, found: Callable[[], F], seconds: float = WAIT_SECONDS) -> F:
        """The first true value of `found`; fails after a time."""
        deadline = time.monotonic() + seconds
        while not (value := found()):
            self._changed.clear()
            left = deadline - time.monotonic()
            assert left > 0, f"it did not happen; frames: {self.frames[-20:]}"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), min(left, 0.05))
        return value

    async def outcome(self, key: frames.AttemptKey, seconds: float = WAIT_SECONDS) -> frames.FinishedItem:
        item = await self.until(lambda: self.finished.get((key.id, key.fence)), seconds)
        assert item is not None
        return item

    def of(self, kind: type[F]) -> list[F]:
        return [frame for frame in self.frames if isinstance(frame, kind)]

    def printed(self, key: frames.AttemptKey) -> list[tuple[str, str]]:
        """Stream and text of what an attempt printed, checked to be numbered without gaps."""
        items = [item for frame in self.of(frames.Logs) for item in frame.items if item.id == key.id]
        assert [item.seq for item in items] == list(range(len(items)))
        return [(item.stream, item.text) for item in items]

    def returned(self) -> dict[bytes, str]:
        return {item.id: item.reason for frame in self.of(frames.Returned) for item in frame.items}

    def started(self) -> set[bytes]:
        return {item.id for frame in self.of(frames.Started) for item in frame.items}


class Served:
    """A worker in this process, serving a file to a `PeerHub`."""

    def __init__(self, hub: PeerHub, worker: Worker, events: list[Event], task: asyncio.Task[int]) -> None:
        self.hub = hub
        self.worker = worker
        self.events = events
        self.task = task

    def said(self, kind: EventKind) -> list[Event]:
        return [event for event in self.events if event.kind is kind]


@contextlib.asynccontextmanager
async def serving(directory: Path, source: str, hub: PeerHub | None = None, **options: Any) -> AsyncIterator[Served]:
    """Serve `source` from a file `lab.py` in `directory`; ready when entered."""
    file = directory / "lab.py"
    file.write_text(source)
    own = hub is None
    hub = hub or PeerHub()
    if own:
        await hub.start()
    events: list[Event] = []
    settings: dict[str, Any] = {"slots": 1, "name": "here", "secret": b"s" * 32, "kill_grace_seconds": 0.3, **options}
    worker = Worker(
        ServeOptions(
            (str(file),), hub.url, "token", cache_directory=directory / "cache", on_event=events.append, **settings
        )
    )
    task = asyncio.create_task(worker.serve())
    served = Served(hub, worker, events, task)
    try:
        await hub.until(lambda: served.said(EventKind.READY) or task.done())
        yield served
    finally:
        worker.stop()
        await task
        if own:
            await hub.stop()
