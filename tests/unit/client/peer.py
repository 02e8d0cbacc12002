"""A peer that speaks the hub's side of the protocol over real sockets, for the client's tests.

It keeps everything in memory, runs functions in its own thread and knows no permissions: it is no hub. What it does
with each submission can be steered, to tell stories of lost connections and late answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from farcall import payload
from farcall.domain.errors import Failure
from farcall.domain.ids import from_text, to_text
from farcall.domain.interface import Interface
from farcall.domain.model import Settlement
from farcall.domain.states import InvocationState
from farcall.wire import frames
from farcall.wire.session import HubSession, ProtocolError

TOKEN = "farcall_pat_test"
S = InvocationState


@dataclass
class Function:
    document: dict[str, Any]
    call: Callable[..., Any]
    interface: Interface = field(init=False)

    def __post_init__(self) -> None:
        self.interface = Interface.parse(self.document)


@dataclass
class Record:
    id: bytes
    function: str
    arguments: bytes
    settlement: Settlement | None = None
    items: list[bytes] = field(default_factory=list)
    acknowledged: int = -1
    listeners: set[Any] = field(default_factory=set)


class Peer:
    """Serves on a free port until stopped. `hold`: nothing ends before `release()`."""

    def __init__(self) -> None:
        self.functions: dict[str, Function] = {}
        self.records: dict[bytes, Record] = {}
        self.blobs: dict[str, bytes] = {}
        self.log_lines: list[dict[str, Any]] = []
        self.frames: list[Any] = []  # everything that clients sent
        self.requests: list[str] = []
        self.tokens: list[str] = []
        self.hold = False
        self.held: list[Record] = []
        self.swallow_submits = 0  # so many Submit frames are lost on the way
        self.refuse: list[Failure] = []  # for the next submissions
        self.window = 4  # items of a stream that may wait for the caller
        self._sockets: set[Any] = set()
        self._tasks: list[Any] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self.port = 0

    # -- control, from the test's thread -------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(
        self, name: str, call: Callable[..., Any], parameters: dict[str, Any], result: Any = None, **more: Any
    ) -> None:
        """Offer a function; parameters are schemas by name, or (schema, default)."""
        listed = []
        for key, schema in parameters.items():
            entry: dict[str, Any] = {"name": key, "schema": schema[0] if isinstance(schema, tuple) else schema}
            if isinstance(schema, tuple):
                entry["default"] = schema[1]
            listed.append(entry)
        self.functions[name] = Function({"parameters": listed, "result": result or {}, **more}, call)

    def release(self) -> None:
        """Run what was held."""
        self.hold = False
        self._soon(self._run_held)

    def kick(self) -> None:
        """Cut every connection."""
        self._soon(lambda: [socket.cut() for socket in list(self._sockets)])

    def forget(self) -> None:
        """As if nothing had ever been committed."""
        self.records.clear()
        self.held.clear()

    def say(self, frame: frames.Frame) -> None:
        self._soon(lambda: [socket.send(frame) for socket in list(self._sockets)])

    def sent(self, kind: type) -> list[Any]:
        return [frame for frame in self.frames if type(frame) is kind]

    def until(self, holds: Callable[[], Any], seconds: float = 10.0) -> None:
        """Wait for something that a client does."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.002)

    def _soon(self, what: Callable[[], Any]) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(what)

    # -- the channel ---------------------------------------------------------------------------------------------------

    async def channel(self, websocket: WebSocket) -> None:
        self._loop = asyncio.get_running_loop()
        await websocket.accept()
        session = HubSession("client")
        token = websocket.headers.get("authorization", "").removeprefix("Bearer ")
        self.tokens.append(token)
        if token != TOKEN:
            goodbye = frames.Goodbye("unauthenticated", "The token is unknown.")
            await websocket.send_bytes(session.encode(goodbye))
            await websocket.close(4401)
            return
        socket = _Socket(websocket, session)
        writer = asyncio.create_task(socket.write())
        try:
            session.receive(await websocket.receive_bytes())
            self._sockets.add(socket)
            socket.send(session.welcome(hub="peer", epoch=1, account="bob"))
            while True:
                frame = session.receive(await websocket.receive_bytes())
                self.frames.append(frame)
                handler = getattr(self, f"_on_{type(frame).__name__.lower()}", None)
                if handler is not None:
                    handler(socket, frame)
        except (WebSocketDisconnect, ProtocolError, RuntimeError):
            pass
        finally:
            self._sockets.discard(socket)
            for record in self.records.values():
                record.listeners.discard(socket)
            writer.cancel()

    def _on_resolve(self, socket: _Socket, frame: frames.Resolve) -> None:
        name = frame.name.partition("@")[0]
        function = self.functions.get(name)
        if function is None:
            failure = Failure("not_found", f"There is no function {frame.name}, or it is not shared with you.")
            socket.send(frames.Resolved(frame.seq, frame.name, failure=failure))
            return
        interface = function.interface
        socket.send(
            frames.Resolved(frame.seq, name, 1, interface.digest, function.document, name.partition("/")[0], workers=1)
        )

    def _on_submit(self, socket: _Socket, frame: frames.Submit) -> None:
        if self.swallow_submits:
            self.swallow_submits -= 1
            return
        if self.refuse:
            failure = self.refuse.pop(0)
            socket.send(frames.RefusedItems([frames.RefusedItem(item.id, failure) for item in frame.items]))
            return
        function = self.functions[frame.function.partition("@")[0]]
        if frame.interface != function.interface.digest:
            changed = Failure("signature_changed", f"{frame.function} has changed since you imported it.")
            socket.send(frames.RefusedItems([frames.RefusedItem(item.id, changed) for item in frame.items]))
            return
        new = []
        for item in frame.items:
            record = self.records.get(item.id)
            if record is None:
                record = self.records[item.id] = Record(item.id, frame.function, item.arguments)
                new.append(record)
            record.listeners.add(socket)
        if frame.acknowledge:
            socket.send(frames.Accepted([item.id for item in frame.items]))
        self.held += new
        if not self.hold:
            self._run_held()

    def _run_held(self) -> None:
        held, self.held = self.held, []
        settled: dict[Any, list[Settlement]] = {}
        for record in held:
            if record.settlement is None and not self._run(record):
                continue
            for socket in record.listeners:
                assert record.settlement is not None
                settled.setdefault(socket, []).append(record.settlement)
        for socket, items in settled.items():
            socket.send(frames.Settled(items))

    def _run(self, record: Record) -> bool:
        function = self.functions[record.function.partition("@")[0]]
        bound = payload.decode(record.arguments, blobs=self)
        try:
            value = function.call(**bound)
            if function.interface.stream:
                self._tasks.append(asyncio.ensure_future(self._stream(record, value)))
                return False
            self._end(record, S.SUCCEEDED, payload.encode(value, blobs=self))
        except Exception as error:
            text = f'Traceback (most recent call last):\n  File "f.py", line 1, in f\n{type(error).__name__}: {error}\n'
            self._end(record, S.FAILED, failure=Failure("function_error", str(error), "", type(error).__name__, text))
        return True

    def _end(self, record: Record, state: S, result: bytes = b"", failure: Failure | None = None) -> None:
        record.settlement = Settlement(record.id, int(state), result, failure, 1)

    async def _stream(self, record: Record, values: Iterator[Any]) -> None:
        for seq, value in enumerate(values):
            record.items.append(payload.encode(value))
            for socket in record.listeners:
                socket.send(frames.StreamItems(record.id, 7, seq, [record.items[seq]]))
            while seq - record.acknowledged >= self.window:
                if record.settlement is not None:
                    return
                await asyncio.sleep(0.001)
        while record.acknowledged < len(record.items) - 1:
            await asyncio.sleep(0.001)
        self._end(record, S.SUCCEEDED, payload.encode(len(record.items)))
        for socket in record.listeners:
            socket.send(frames.Settled([record.settlement]))

    def _on_streamack(self, socket: _Socket, frame: frames.StreamAck) -> None:
        record = self.records.get(frame.id)
        if record is None:
            return
        if frame.seq <= record.acknowledged and frame.seq + 1 < len(record.items):
            socket.send(frames.StreamItems(record.id, 7, frame.seq + 1, record.items[frame.seq + 1 :]))
        record.acknowledged = max(record.acknowledged, frame.seq)

    def _on_attach(self, socket: _Socket, frame: frames.Attach) -> None:
        ended, going_on, unknown = [], [], []
        for identifier in frame.ids:
            record = self.records.get(identifier)
            if record is None:
                unknown.append(identifier)
            elif record.settlement is not None:
                ended.append(record.settlement)
            else:
                record.listeners.add(socket)
                going_on.append(identifier)
        if ended:
            socket.send(frames.Settled(ended))
        if going_on or unknown:
            socket.send(frames.Attached(going_on, unknown))

    def _on_cancel(self, socket: _Socket, frame: frames.Cancel) -> None:
        for identifier in frame.ids:
            record = self.records.get(identifier)
            if record is None:
                failure = Failure("not_found", f"There is no invocation {to_text(identifier)}.")
                socket.send(frames.RefusedItems([frames.RefusedItem(identifier, failure)]))
            elif record.settlement is None:
                self._end(record, S.CANCELLED, failure=Failure("cancelled", "The invocation was cancelled."))
                for listener in record.listeners:
                    listener.send(frames.Settled([record.settlement]))

    # -- REST ----------------------------------------------------------------------------------------------------------

    def put(self, data: bytes | memoryview) -> str:
        digest = payload.digest_of(data)
        self.blobs[digest] = bytes(data)
        return digest

    def open(self, digest: str, size: int) -> bytes:
        return self.blobs[digest]

    async def rest(self, request: Request) -> Response:
        self.requests.append(f"{request.method} {request.url.path}")
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _problem(401, "unauthenticated", "The token is unknown.")
        path = request.url.path.removeprefix("/v1/")
        if path == "me":
            return JSONResponse({"handle": "bob", "email": "bob@example.org", "admin": False, "scopes": ["invoke"]})
        if path == "functions":
            below = request.query_params.get("namespace", "")
            found = [name for name in sorted(self.functions) if not below or name.startswith(below + "/")]
            return JSONResponse({"items": [{"name": name} for name in found], "next": None})
        if path == "namespaces":
            below = request.query_params.get("below", "")
            spaces = {name.rpartition("/")[0] for name in self.functions}
            spaces |= {name.partition("/")[0] for name in self.functions}
            found = [space for space in sorted(spaces) if not below or f"{space}/".startswith(below + "/")]
            return JSONResponse({"items": [{"path": space} for space in found], "next": None})
        if path == "blobs":
            digest = self.put(await request.body())
            if digest != request.headers.get("x-farcall-digest"):
                return _problem(400, "invalid_request", "The digest is another.")
            return JSONResponse({"digest": digest, "size": len(self.blobs[digest])}, 201)
        if path.startswith("blobs/"):
            data = self.blobs.get(path.removeprefix("blobs/"))
            return Response(data) if data is not None else _problem(404, "not_found", "There is no such blob.")
        if path.startswith("invocations/"):
            return self._invocation(request, *path.split("/")[1:])
        return _problem(404, "not_found", "There is no such thing.")

    def _invocation(self, request: Request, text: str, what: str = "") -> Response:
        record = self.records.get(from_text(text))
        if record is None:
            return _problem(404, "not_found", f"There is no invocation {text}.")
        state = "running" if record.settlement is None else S(record.settlement.state).label
        if what == "explain":
            line = {"at": "2026-01-01T00:00:00Z", "what": "placed", "detail": "on worker w1"}
            return JSONResponse({"id": text, "status": state, "items": [line]})
        if what != "logs":
            return JSONResponse({"id": text, "function": record.function, "status": state, "attempt": 1})
        if "event-stream" not in request.headers.get("accept", ""):
            return JSONResponse({"items": self.log_lines})
        place = request.headers.get("last-event-id", "")
        later = itertools.dropwhile(lambda line: place and line["place"] != place, self.log_lines)
        lines = list(later)[1 if place else 0 :]
        cut = 1 if not place else len(lines)

        async def events() -> Any:
            for line in lines[:cut]:  # the first connection breaks after one line
                yield f"id: {line['place']}\nevent: line\ndata: {json.dumps(line)}\n\n"
            if place:
                yield f"event: end\ndata: {json.dumps({'id': text, 'status': state})}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    # -- life ----------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def running(self, *, wait: bool = False) -> Iterator[Peer]:
        """`wait` until the port is free again at the end."""
        rest = Route("/v1/{path:path}", self.rest, methods=["GET", "POST", "PUT", "DELETE"])
        app = Starlette(routes=[WebSocketRoute("/v1/connect/client", self.channel), rest])
        config = uvicorn.Config(app, port=self.port, log_level="warning", ws="websockets-sansio", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.002)
        self.port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.should_exit = server.force_exit = True
            if wait:
                thread.join(5)


class _Socket:
    """Sends what was queued during a turn, one after another."""

    def __init__(self, websocket: WebSocket, session: HubSession) -> None:
        self._websocket = websocket
        self._session = session
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()

    def send(self, frame: Any) -> None:
        self._queue.put_nowait(self._session.encode(frame))

    def cut(self) -> None:
        self._cutting = asyncio.ensure_future(self._websocket.close(1011))

    async def write(self) -> None:
        while True:
            await self._websocket.send_bytes(await self._queue.get())


def _problem(status: int, code: str, detail: str) -> Response:
    content = {"type": "about:blank", "title": code, "status": status, "detail": detail, "code": code}
    return JSONResponse(content, status, media_type="application/problem+json")


__all__ = ["TOKEN", "Peer", "Record", "to_text"]
