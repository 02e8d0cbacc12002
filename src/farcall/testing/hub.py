"""A whole hub in this process, for tests of what talks to one."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from farcall.assemble.hub import build_hub
from farcall.gateway.server import listen, serve
from farcall.hub.whereabouts import Whereabouts
from farcall.link.loops import new_event_loop
from farcall.settings import HubSettings, load


@dataclass(frozen=True, slots=True)
class RunningHub:
    """Where it is, and the administrator's token: with both, a client or a worker finds and may use it."""

    url: str
    token: str


@contextlib.contextmanager
def running_hub(data: Path, **settings: object) -> Iterator[RunningHub]:
    """Run a hub on loopback in a thread, on a free port, keeping everything in `data`, until the block ends.

    `settings` are those of `HubSettings`; neither files nor the environment are read. Raises what `build_hub` raises.
    """
    chosen = load(HubSettings, "hub", None, {}, {"data": str(data), "port": 0, **settings})
    data.mkdir(parents=True, exist_ok=True)
    opened: Future[_Door] = Future()
    thread = threading.Thread(target=_live, args=(chosen, opened), name="farcall-test-hub")
    thread.start()
    try:
        door = opened.result()
        try:
            yield RunningHub(door.url, (data / "admin-token").read_text(encoding="ascii").strip())
        finally:
            door.loop.call_soon_threadsafe(door.told.set)
    finally:
        thread.join()


@dataclass(frozen=True, slots=True)
class _Door:
    url: str
    loop: asyncio.AbstractEventLoop
    told: asyncio.Event


def _live(settings: HubSettings, opened: Future[_Door]) -> None:
    async def life() -> None:
        listener = listen(settings.host or "127.0.0.1", settings.port)
        told = asyncio.Event()
        host, port = listener.getsockname()[:2]
        hub = await build_hub(settings, whereabouts=Whereabouts(f"http://{host}:{port}"))
        opened.set_result(_Door(f"http://{host}:{port}", asyncio.get_running_loop(), told))
        try:
            await serve(hub.app, hub.services.channels, listener, before_end=hub.say_goodbye, told=told)
        finally:
            await hub.stop()

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        try:
            runner.run(life())
        except BaseException as error:
            if opened.done():
                raise
            opened.set_exception(error)
