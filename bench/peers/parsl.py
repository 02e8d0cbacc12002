"""Parsl's HighThroughputExecutor, the engine under Globus Compute, with one local block of two workers."""

from __future__ import annotations

from collections.abc import Iterable

import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

from bench.peer import SLOTS, Peer


def add(a: int, b: int) -> int:
    return a + b


class Subject(Peer):
    title = "Parsl HTEX"
    durable = "no"
    checks_caller = False

    def start(self) -> None:
        executor = HighThroughputExecutor(
            label="htex",
            address="127.0.0.1",
            max_workers_per_node=SLOTS,
            encrypted=False,
            provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
        )
        self._flow = parsl.load(
            Config(executors=[executor], run_dir=str(self.scratch), strategy="none", initialize_logging=False)
        )
        self.cleanup.callback(parsl.clear)
        self.cleanup.callback(self._flow.cleanup)
        self._add = parsl.python_app(add)

    def call(self, a: int, b: int) -> int:
        result: int = self._add(a, b).result()
        return result

    def gather(self, pairs: list[tuple[int, int]]) -> Iterable[int]:
        futures = [self._add(a, b) for a, b in pairs]
        return [future.result() for future in futures]
