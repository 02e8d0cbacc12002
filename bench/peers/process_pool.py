"""concurrent.futures.ProcessPoolExecutor: one process tree, no network, no record. The least a remote call can cost."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

from bench.peer import SLOTS, Peer


def add(a: int, b: int) -> int:
    return a + b


class Subject(Peer):
    title = "ProcessPoolExecutor"
    durable = "no"
    checks_caller = False

    def start(self) -> None:
        self._pool = self.cleanup.enter_context(ProcessPoolExecutor(SLOTS))

    def call(self, a: int, b: int) -> int:
        return self._pool.submit(add, a, b).result()

    def gather(self, pairs: list[tuple[int, int]]) -> Iterable[int]:
        futures = [self._pool.submit(add, a, b) for a, b in pairs]
        return [future.result() for future in futures]
