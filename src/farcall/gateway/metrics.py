"""Figures for Prometheus, read from the hub when asked. No label grows with the number of invocations or callers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from farcall.domain.states import WorkerState
from farcall.gateway.services import HubServices

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_RESOURCES = ("cpus", "memory_bytes", "free_memory_bytes", "load")


class HubCollector(Collector):
    """What the hub counts anyway, under names that stay. `answers` counts HTTP answers by status."""

    def __init__(self, hub: HubServices, answers: Counter[int]) -> None:
        self._hub = hub
        self._answers = answers

    def collect(self) -> Iterator[Metric]:
        hub = self._hub
        yield _gauge("farcall_ready", "1 while the store takes commits.", float(hub.dispatcher.accepting))
        settled = CounterMetricFamily("farcall_invocations_settled", "Invocations ended since the hub began.")
        settled.add_metric([], hub.dispatcher.settled_count)
        yield settled
        yield from self._workers()
        answers = CounterMetricFamily("farcall_http_answers", "HTTP answers by status.", labels=["status"])
        for status, count in sorted(self._answers.items()):
            answers.add_metric([str(status)], count)
        yield answers

    def _workers(self) -> Iterator[Metric]:
        present = self._hub.workers.present()
        states = GaugeMetricFamily("farcall_workers", "Workers by state.", labels=["state"])
        slots = GaugeMetricFamily("farcall_worker_slots", "Slots of workers by state.", labels=["state"])
        for state in WorkerState:
            mine = [presence for presence in present if presence.state is state]
            states.add_metric([state.label], len(mine))
            slots.add_metric([state.label], sum(presence.slots for presence in mine))
        yield states
        yield slots
        for resource in _RESOURCES:
            family = GaugeMetricFamily(
                f"farcall_worker_{resource}", f"As workers report it: {resource}.", labels=["worker"]
            )
            for presence in present:
                value = presence.resources.get(resource)
                if isinstance(value, int | float):
                    family.add_metric([presence.boot[:12]], float(value))
            yield family


def _gauge(name: str, text: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, text)
    family.add_metric([], value)
    return family


class Metrics:
    """A registry of the hub's own: nothing is registered with the process."""

    def __init__(self, hub: HubServices, extra: Iterable[Collector] = ()) -> None:
        self.answers: Counter[int] = Counter()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(HubCollector(hub, self.answers))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        for collector in extra:
            self._registry.register(collector)

    def render(self) -> bytes:
        """The figures of this moment in Prometheus' text format."""
        return generate_latest(self._registry)
