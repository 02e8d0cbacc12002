from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from farcall.gateway.server import CannotListen, listen
from farcall.wire import frames

from .lines import open_hub

pytestmark = pytest.mark.anyio


def test_a_port_in_use_is_said_with_what_to_do() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=rf"127\.0\.0\.1:{port}: .*--port"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("203.0.113.1", 0), ("no.such.host.invalid", 0)])
def test_an_address_that_is_none_is_said(host: str, port: int) -> None:
    with pytest.raises(CannotListen, match="cannot listen on"):
        listen(host, port)


async def test_peers_hear_goodbye_before_the_lines_close(tmp_path: Path) -> None:
    async with open_hub(tmp_path) as hub, hub.peer() as client, hub.peer("worker") as worker:
        await client.greet()
        await worker.serve()
        hub.told.set()
        for peer in (client, worker):
            assert await peer.farewell() == ("hub_unavailable", 4400)


async def test_a_peer_that_has_not_greeted_is_closed_too(tmp_path: Path) -> None:
    async with open_hub(tmp_path) as hub, hub.peer() as shy, hub.peer() as client:
        await client.greet()
        hub.told.set()
        assert await shy.hear() in (1012, None)


async def test_calls_go_on_after_another_line_was_cut(tmp_path: Path) -> None:
    async with open_hub(tmp_path) as hub, hub.peer("worker") as worker:
        await worker.serve()
        async with hub.peer() as client:
            await client.greet()
            await client.call()
            client.socket.transport.abort()
        assert len((await worker.until(frames.Offer)).items) == 1
        async with hub.peer() as again:
            await again.greet()
        await asyncio.sleep(0)
