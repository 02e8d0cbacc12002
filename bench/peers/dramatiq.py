"""Dramatiq with Redis as broker and result backend, two processes of one thread."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from bench.peer import SLOTS, Peer
from bench.processes import Processes
from bench.redis_server import DURABLE, start_redis

URL_VARIABLE = "BENCH_REDIS_URL"


def connect(url: str) -> dramatiq.Actor[[int, int], int]:
    """The actor `add` on the broker at `url`."""
    broker = RedisBroker(url=url)
    broker.add_middleware(Results(backend=RedisBackend(url=url)))
    dramatiq.set_broker(broker)

    @dramatiq.actor(store_results=True, broker=broker, actor_name="add")
    def add(a: int, b: int) -> int:
        return a + b

    return add


class Subject(Peer):
    title = "Dramatiq + Redis"
    durable = DURABLE
    checks_caller = False

    def start(self) -> None:
        self._processes = Processes(self.scratch)
        self.cleanup.callback(self._processes.stop)
        url = start_redis(self._processes, self.scratch)
        command = [sys.executable, "-m", "dramatiq", "bench.peers.dramatiq", "-p", str(SLOTS), "-t", "1"]
        self._processes.start("dramatiq", command, {URL_VARIABLE: url})
        self._add = connect(url)
        ready = "Worker process is ready"
        self._processes.wait_until(lambda: self._processes.output("dramatiq").count(ready) >= SLOTS, "dramatiq")

    def call(self, a: int, b: int) -> int:
        result: int = self._add.send(a, b).get_result(block=True, timeout=30_000)
        return result

    def gather(self, pairs: list[tuple[int, int]]) -> Iterable[int]:
        messages = [self._add.send(a, b) for a, b in pairs]
        return [message.get_result(block=True, timeout=300_000) for message in messages]


if URL_VARIABLE in os.environ:
    connect(os.environ[URL_VARIABLE])
