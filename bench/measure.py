"""The method: what is measured of a peer, and how many times."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.peer import Peer, WrongResult


@dataclass(frozen=True)
class Method:
    warmups: int = 50
    calls: int = 500
    bursts: tuple[int, ...] = (5_000, 20_000)
    repeats: int = 7
    """How many times a figure that starts a process is taken; the median counts."""
    array_megabytes: int = 100
    catalog_functions: int = 100_000


FULL = Method()
QUICK = Method(warmups=10, calls=100, bursts=(1_000,), repeats=3, array_megabytes=20, catalog_functions=5_000)


def latencies_ms(act: Callable[[int], None], method: Method) -> tuple[float, float]:
    """(p50, p99) in milliseconds of `act(index)`, one after the other, after the warm-ups."""
    for index in range(method.warmups):
        act(index)
    samples = []
    for index in range(method.calls):
        started = time.perf_counter()
        act(index)
        samples.append((time.perf_counter() - started) * 1000)
    return quantiles(samples)


def quantiles(samples: list[float]) -> tuple[float, float]:
    """(p50, p99) of the samples."""
    return statistics.median(samples), statistics.quantiles(samples, n=100, method="inclusive")[98]


def measure(peer: Peer, method: Method) -> dict[str, float]:
    """The figures of a started peer. Raises `WrongResult`."""

    def one(index: int) -> None:
        if peer.call(index, 7) != index + 7:
            raise WrongResult(f"{peer.title}: add({index}, 7) is wrong")

    p50, p99 = latencies_ms(one, method)
    figures = {"call_p50_ms": p50, "call_p99_ms": p99}
    for count in method.bursts:
        figures[f"calls_per_s_{count}"] = figures["calls_per_s"] = count / peer.burst(count)
    return figures
