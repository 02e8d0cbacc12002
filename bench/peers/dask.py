"""Dask distributed: scheduler and two single-threaded workers in processes of their own."""

from __future__ import annotations

from collections.abc import Iterable

from distributed import Client, LocalCluster

from bench.peer import SLOTS, Peer


def add(a: int, b: int) -> int:
    return a + b


class Subject(Peer):
    title = "Dask distributed"
    durable = "no"
    checks_caller = False

    def start(self) -> None:
        cluster = LocalCluster(
            n_workers=SLOTS, threads_per_worker=1, dashboard_address=None, local_directory=str(self.scratch)
        )
        self.cleanup.callback(cluster.close)
        self._client = self.cleanup.enter_context(Client(cluster))

    def call(self, a: int, b: int) -> int:
        result: int = self._client.submit(add, a, b, pure=False).result()
        return result

    def gather(self, pairs: list[tuple[int, int]]) -> Iterable[int]:
        results: list[int] = self._client.gather([self._client.submit(add, a, b, pure=False) for a, b in pairs])
        return results
