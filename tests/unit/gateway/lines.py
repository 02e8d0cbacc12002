"""A hub that listens on loopback, in the test's own loop, and peers that speak to it frame by frame."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from farcall import payload
from farcall.assemble.hub import Hub, build_hub
from farcall.domain.ids import invocation_id
from farcall.domain.model import CallOptions, FunctionOptions
from farcall.gateway.server import listen, serve
from farcall.settings import load_hub
from farcall.wire import frames
from farcall.wire.session import DialerSession, Role

F = TypeVar("F")
NUMBER = {"type": "number", "x-type": "float"}
DOCUMENT = {"parameters": [{"name": "x", "schema": NUMBER}], "result": NUMBER}


@dataclass
class Open:
    """A hub and where it is."""

    hub: Hub
    port: int
    token: str
    told: asyncio.Event

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def peer(self, role: Role = "client", token: str | None = None) -> Peer:
        return Peer(self, role, self.token if token is None else token)


@contextlib.asynccontextmanager
async def open_hub(data: Path, **more: Any) -> AsyncIterator[Open]:
    listener = listen("127.0.0.1", 0)
    hub = await build_hub(load_hub(environ={}, data=data, no_worker_grace_seconds=0.0, linger_seconds=0.0))
    assert hub.first_token is not None
    told = asyncio.Event()
    port = listener.getsockname()[1]
    serving = asyncio.ensure_future(
        serve(hub.app, hub.services.channels, listener, before_end=hub.say_goodbye, told=told, **more)
    )
    try:
        yield Open(hub, port, hub.first_token, told)
    finally:
        told.set()
        await serving
        await hub.stop()


class Peer:
    """A client or a worker; what it hears is remembered."""

    def __init__(self, hub: Open, role: Role, token: str) -> None:
        self.session = DialerSession(role, os.urandom(16), "a test")
        self.heard: list[Any] = []
        self._hub = hub
        self._path = f"/v1/connect/{role}"
        self._token = token
        self.headers: dict[str, str] = {}
        self.socket: ClientConnection

    async def __aenter__(self) -> Peer:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        headers |= self.headers
        self.socket = await connect(
            self._hub.url + self._path, additional_headers=headers, max_size=None, compression=None
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.socket.close()

    async def greet(self) -> frames.Welcome:
        await self.socket.send(self.session.hello())
        return await self.until(frames.Welcome)

    async def say(self, *said: frames.Frame) -> None:
        for frame in said:
            await self.socket.send(self.session.encode(frame))

    async def hear(self) -> Any:
        """The next frame, or the close code."""
        try:
            async with asyncio.timeout(5):
                data = await self.socket.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd is not None else None
        assert isinstance(data, bytes)
        frame = self.session.receive(data)
        self.heard.append(frame)
        return frame

    async def until(self, kind: type[F]) -> F:
        """The next frame of this kind."""
        while True:
            frame = await self.hear()
            assert not isinstance(frame, int | None), f"closed with {frame}, after {self.heard[-1:]}"
            if isinstance(frame, kind):
                return frame

    async def farewell(self) -> tuple[str, int | None]:
        """The Goodbye's code, and that of the close; nothing is heard in between."""
        goodbye = await self.until(frames.Goodbye)
        code = await self.hear()
        assert code is None or isinstance(code, int)
        return goodbye.code, code

    async def serve(self, name: str = "f") -> int:
        """Register and publish; returns the version."""
        await self.greet()
        await self.say(frames.Register("w", 4, 4096, {}, []))
        await self.say(frames.Publish(1, [frames.Publication(name, DOCUMENT, bytes(16), FunctionOptions())]))
        [published] = (await self.until(frames.Published)).functions
        assert published.failure is None
        return published.version

    async def call(self, count: int = 1, acknowledge: bool = False, name: str = "admin/f") -> list[bytes]:
        ids = [invocation_id(time.time(), os.urandom(16)) for _ in range(count)]
        items = [frames.SubmitItem(each, payload.encode({"x": 1.0})) for each in ids]
        await self.say(frames.Submit(name, b"", CallOptions(), acknowledge, items))
        return ids
