"""Celery with Redis as broker and result backend, prefork with two processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from celery import Celery

from bench.peer import SLOTS, Peer
from bench.processes import Processes
from bench.redis_server import DURABLE, start_redis

URL_VARIABLE = "BENCH_REDIS_URL"

app = Celery("bench", broker=os.environ.get(URL_VARIABLE), backend=os.environ.get(URL_VARIABLE))


@app.task(name="add")
def add(a: int, b: int) -> int:
    return a + b


class Subject(Peer):
    title = "Celery + Redis"
    durable = DURABLE
    checks_caller = False

    def start(self) -> None:
        self._processes = Processes(self.scratch)
        self.cleanup.callback(self._processes.stop)
        url = start_redis(self._processes, self.scratch)
        app.conf.update(broker_url=url, result_backend=url)
        command = [sys.executable, "-m", "celery", "-A", "bench.peers.celery", "worker", "-c", str(SLOTS), "-l", "INFO"]
        flags = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        self._processes.start("celery", [*command, *flags], {URL_VARIABLE: url})
        self._processes.wait_until(lambda: "ready." in self._processes.output("celery"), "celery worker")

    def call(self, a: int, b: int) -> int:
        result: int = add.delay(a, b).get(timeout=30)
        return result

    def gather(self, pairs: list[tuple[int, int]]) -> Iterable[int]:
        pending = [add.delay(a, b) for a, b in pairs]
        return [result.get(timeout=300) for result in pending]
