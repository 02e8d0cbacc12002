"""Ray, as one node with two CPUs."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable

# Read when ray is imported. With a token of our own it writes none into the home directory.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))

import ray

from bench.peer import SLOTS, Peer


def add(a: int, b: int) -> int:
    return a + b


class Subject(Peer):
    title = "Ray"
    durable = "no"
    checks_caller = False

    def start(self) -> None:
        self.cleanup.callback(ray.shutdown)
        ray.init(num_cpus=SLOTS, include_dashboard=False, log_to_driver=False, object_store_memory=200 * 2**20)
        self._add = ray.remote(add)

    def call(self, a: int, b: int) -> int:
        result: int = ray.get(self._add.remote(a, b))
        return result

    def gather(self, pairs: list[tuple[int, int]]) -> Iterable[int]:
        results: list[int] = ray.get([self._add.remote(a, b) for a, b in pairs])
        return results
