"""A whole hub in this process behind an HTTP client, and a worker that runs functions in it."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from farcall import payload
from farcall.assemble.hub import Hub, build_hub
from farcall.domain.errors import Failure
from farcall.domain.model import FunctionOptions
from farcall.domain.states import AttemptState
from farcall.hub.worker_conversation import WorkerConversation
from farcall.settings import load_hub
from farcall.wire import frames

NUMBER = {"type": "number", "x-type": "float"}


@dataclass(frozen=True)
class Served:
    """A function of the test's worker: what it does with its arguments, and its interface."""

    do: Callable[..., Any]
    parameters: dict[str, dict[str, Any]] = field(default_factory=lambda: {"x": NUMBER})
    result: dict[str, Any] = field(default_factory=lambda: NUMBER)
    options: FunctionOptions = field(default_factory=FunctionOptions)
    stream: bool = False

    @property
    def document(self) -> dict[str, Any]:
        parameters = [{"name": name, "schema": schema} for name, schema in self.parameters.items()]
        return {"parameters": parameters, "result": self.result, "doc": "For tests.", "stream": self.stream}


class LocalWorker:
    """The hub's link to a worker that lives in the same loop; `hold` keeps what is offered from being run."""

    def __init__(self, boot: str) -> None:
        self.boot = boot
        self.hold = False
        self.held: list[frames.OfferItem] = []
        self.offered = asyncio.Event()
        self.told: list[Any] = []
        self._by_version: dict[int, Served] = {}
        self._conversation: WorkerConversation | None = None

    async def serve(self, hub: Hub, token: str, functions: dict[str, Served]) -> list[frames.PublishedFunction]:
        services = hub.services
        subject = await services.accounts.authenticate(token)
        self._conversation = WorkerConversation(
            services.workers, services.dispatcher, services.accounts, token, subject, self
        )
        handlers = self._conversation.handlers
        await handlers[frames.Register](frames.Register("local", 4, 64, {"cpus": 2, "place": "here"}, []))
        publications = [
            frames.Publication(name, served.document, bytes(16), served.options) for name, served in functions.items()
        ]
        await handlers[frames.Publish](frames.Publish(1, publications))
        published = next(frame for frame in self.told if isinstance(frame, frames.Published)).functions
        for answer, served in zip(published, functions.values(), strict=True):
            self._by_version[answer.version] = served
        return list(published)

    def say(self, frame: Any) -> Any:
        """Something from the worker to the hub; what comes back may have to be awaited."""
        assert self._conversation is not None
        return self._conversation.handlers[type(frame)](frame)

    def send(self, frame: Any) -> None:
        self.told.append(frame)
        if isinstance(frame, frames.Offer):
            self.held += frame.items
            self.offered.set()
            if not self.hold:
                asyncio.get_running_loop().call_soon(self.run)
        elif isinstance(frame, frames.CancelAttempts):
            for item in frame.items:
                asyncio.get_running_loop().call_soon(self._finish, item.id, item.fence, AttemptState.CANCELLED)

    def run(self) -> None:
        """Run all that is held."""
        held, self.held = self.held, []
        for item in held:
            try:
                result = payload.encode(self._by_version[item.version].do(**payload.decode(item.arguments)))
            except Exception as error:
                failure = Failure(
                    "function_error", str(error), remote_type=type(error).__name__, traceback=traceback.format_exc()
                )
                self._finish(item.id, item.fence, AttemptState.FAILED, failure=failure)
            else:
                self._finish(item.id, item.fence, AttemptState.SUCCEEDED, result)

    def _finish(
        self, identifier: bytes, fence: int, state: AttemptState, result: bytes = b"", failure: Failure | None = None
    ) -> None:
        self.say(frames.Finished([frames.FinishedItem(identifier, fence, int(state), result, failure, 0.01)]))

    def close(self, code: str, message: str) -> None:
        self.told.append((code, message))


@dataclass
class World:
    """`tokens` by handle; `http` speaks without a token, `of(handle)` gives the header that carries one."""

    hub: Hub
    http: httpx2.AsyncClient
    worker: LocalWorker
    tokens: dict[str, str]

    def of(self, handle: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[handle]}"}

    async def serve(self, **functions: Served) -> None:
        answers = await self.worker.serve(self.hub, self.tokens["alice"], functions)
        assert [answer.failure for answer in answers] == [None] * len(functions)

    async def share(self, path: str, can: str = "invoke") -> None:
        body = {"path": path, "handle": "bob", "can": can}
        answer = await self.http.post("/v1/shares", json=body, headers=self.of("alice"))
        assert answer.status_code == 201, answer.text


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    hub = await build_hub(
        load_hub(
            environ={},
            data=tmp_path / "data",
            resume_grace_seconds=0.0,
            no_worker_grace_seconds=0.1,
            linger_seconds=0.0,
            body_limit_bytes=100_000,
            blob_limit_bytes=100_000,
        )
    )
    assert hub.first_token is not None
    transport = httpx2.ASGITransport(app=hub.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://hub") as http:
        made = World(hub, http, LocalWorker("ab" * 16), {"admin": hub.first_token})
        for handle in ("alice", "bob"):
            body = {"handle": handle, "email": f"{handle}@example.org"}
            answer = await http.post("/v1/accounts", json=body, headers=made.of("admin"))
            made.tokens[handle] = answer.json()["token"]["token"]
        yield made
    await hub.stop()
