"""Bare NATS request and reply, Python at both ends: the floor of any call that goes through a broker."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable

import nats
from nats.aio.msg import Msg

from bench.peer import SLOTS, Peer
from bench.processes import Processes, free_port, program

SUBJECT = "add"


def encode(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(8, "big", signed=True) for number in numbers)


def decode(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 8], "big", signed=True) for at in range(0, len(data), 8)]


class Subject(Peer):
    title = "bare NATS request/reply"
    durable = "no"
    checks_caller = False

    def start(self) -> None:
        self._processes = Processes(self.scratch)
        self.cleanup.callback(self._processes.stop)
        port = free_port()
        url = f"nats://127.0.0.1:{port}"
        self._processes.start("nats-server", [program("nats-server"), "-a", "127.0.0.1", "-p", str(port)])
        self._processes.wait_for_port(port, "nats-server")
        for slot in range(SLOTS):
            self._processes.start(f"worker-{slot}", [sys.executable, "-m", "bench.peers.nats", url])
        names = [f"worker-{slot}" for slot in range(SLOTS)]
        self._processes.wait_until(lambda: all("ready" in self._processes.output(name) for name in names), "workers")
        self._loop = asyncio.new_event_loop()
        self._connection = self._loop.run_until_complete(nats.connect(url))
        self.cleanup.callback(lambda: self._loop.run_until_complete(self._connection.close()))

    def call(self, a: int, b: int) -> int:
        reply = self._loop.run_until_complete(self._connection.request(SUBJECT, encode(a, b), timeout=30))
        return decode(reply.data)[0]

    def gather(self, pairs: list[tuple[int, int]]) -> Iterable[int]:
        return self._loop.run_until_complete(self._gather(pairs))

    async def _gather(self, pairs: list[tuple[int, int]]) -> list[int]:
        """One reply subject per call on one subscription: cheaper than a future and a timer for each."""
        inbox = self._connection.new_inbox()
        results: dict[int, int] = {}
        done = asyncio.Event()

        async def on_reply(message: Msg) -> None:
            results[int(message.subject.rpartition(".")[2])] = decode(message.data)[0]
            if len(results) == len(pairs):
                done.set()

        subscription = await self._connection.subscribe(f"{inbox}.*", cb=on_reply)
        for index, (a, b) in enumerate(pairs):
            await self._connection.publish(SUBJECT, encode(a, b), reply=f"{inbox}.{index}")
        await asyncio.wait_for(done.wait(), 120)
        await subscription.unsubscribe()
        return [results[index] for index in range(len(pairs))]


async def work(url: str) -> None:
    connection = await nats.connect(url)

    async def on_request(message: Msg) -> None:
        a, b = decode(message.data)
        await message.respond(encode(a + b))

    await connection.subscribe(SUBJECT, queue="workers", cb=on_request)
    await connection.flush()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))
