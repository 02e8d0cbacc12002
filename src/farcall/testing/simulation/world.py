"""One world: its clock, its store, its hub of the moment, workers, callers, and what they may do to each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from farcall.domain.model import FunctionOptions, NewInvocation
from farcall.hub import ports
from farcall.hub.dispatch import events
from farcall.hub.dispatch.core import Core
from farcall.testing.simulation.callers import Caller
from farcall.testing.simulation.checks import Checks
from farcall.testing.simulation.clock import Clock
from farcall.testing.simulation.disk import Disk, Records
from farcall.testing.simulation.hubs import CoreFactory, Hub
from farcall.testing.simulation.workers import Job, Worker

QUICK, SLOW, ONCE, LIMITED, GPU, TIMED = range(1, 7)
OPTIONS = {
    QUICK: FunctionOptions(backoff_seconds=0.05),
    SLOW: FunctionOptions(tries=2, backoff_seconds=0.1),
    ONCE: FunctionOptions(tries=1),
    LIMITED: FunctionOptions(concurrency=2, policy="most_free_slots", backoff_seconds=0.05),
    GPU: FunctionOptions(requires={"gpu": "a100", "cpu": 2}, backoff_seconds=0.05),
    TIMED: FunctionOptions(timeout_seconds=0.4, backoff_seconds=0.05),
}
_SECONDS = {QUICK: 0.0004, SLOW: 0.5, ONCE: 0.05, LIMITED: 0.02, GPU: 0.005, TIMED: 0.3}


class World:
    """Everything by seed. `trace` is told every event and effect of the core."""

    def __init__(self, seed: int, core: CoreFactory = Core, trace: Callable[[str], None] | None = None) -> None:
        self.random = random = Random(seed)
        self.trace = trace
        self.clock = Clock()
        self.limits = events.Limits(
            window_items=random.choice((6, 30, 65_536)),
            claim_batch=random.choice((2, 16, 1024)),
            prefetch_seconds=random.choice((0.005, 0.05)),
            lease_seconds=2.0,
            lease_margin_seconds=0.5,
            resume_grace_seconds=random.choice((2.6, 4.0)),
            no_worker_grace_seconds=1.0,
            max_backoff_seconds=2.0,
        )
        self.crash_rate = random.choice((0.0, 0.02, 0.1))
        self.versions = [events.VersionFacts(key, f"alice/f{key}", options) for key, options in OPTIONS.items()]
        self.invocations: dict[bytes, NewInvocation] = {}
        self.revoked: set[tuple[int, int]] = set()  # (caller, version)
        self.checks = Checks(self)
        self.disk = Disk(self.clock, random, Records(lambda: self.clock.now().wall), self.checks.committed)
        self.callers = [Caller(self, key + 1, random) for key in range(random.randint(2, 4))]
        self.workers: list[Worker] = []
        self.epoch = 0
        self._core = core
        self._boots = 0
        self._furnish()
        self.hub = self._new_hub()
        self.hub.start(0.0)

    def _furnish(self) -> None:
        apply = self.disk.records.apply
        for caller in self.callers:
            apply(ports.CreateAccount(f"caller{caller.key}", f"{caller.key}@example.org", False, 0.0))
        specs = [
            ports.VersionSpec(facts.name, {}, b"i", b"m", b"d%d" % facts.version, facts.options)
            for facts in self.versions
        ]
        apply(ports.PublishVersions(1, specs, 0.0))

    # -- the hub -------------------------------------------------------------------------------------------------------

    def _new_hub(self) -> Hub:
        self.epoch = self.disk.records.apply(ports.BeginEpoch("hub", self.clock.now().wall))
        return Hub(self, self._core(self.epoch, self.limits, self.random))

    def kill_hub(self) -> None:
        if self.hub.alive:
            self.hub.kill()
            self.disk.cut()

    def restart_hub(self) -> None:
        if not self.hub.alive:
            self.checks.waiting_before.clear()
            self.checks.passed.clear()
            self.hub = self._new_hub()
            self.hub.start(self.limits.resume_grace_seconds)
            for caller in self.callers:
                self.clock.after(self.random.random(), caller.ask_again)

    def tell_callers(self, hub: Hub, what: str, items: Sequence[Any]) -> None:
        """It may be lost on the way; whoever still waits asks again."""
        for item in items:
            identifier = item if isinstance(item, bytes) else item.id
            invocation = self.invocations[identifier]
            if self.random.random() < 0.97:
                caller = self.callers[invocation.caller - 1]
                self.clock.after(self.random.uniform(0.0, 0.003), caller.told, what, item)

    # -- what is called ------------------------------------------------------------------------------------------------

    def invocation(self, caller: int, version: int) -> NewInvocation:
        identifier = len(self.invocations).to_bytes(22, "big")
        digest = b"r%015d" % len(self.invocations)
        options = OPTIONS[version]
        item = NewInvocation(identifier, version, caller, b"x" * 10, digest, 0.0, tries_left=options.tries)
        item.timeout_seconds = options.timeout_seconds
        self.invocations[identifier] = item
        return item

    def work(self, invocation: NewInvocation, random: Random) -> tuple[float, float | None]:
        """How long this attempt runs, and when its worker stops it."""
        return _SECONDS[invocation.version] * random.choice((0.5, 1.0, 3.0)), invocation.timeout_seconds

    def stubborn(self, job: Job) -> bool:
        """A worker that does not hold this job's timeout: the core must."""
        return job.fence % 16 == 0

    def never_twice(self, version: int) -> bool:
        return OPTIONS[version].never_twice

    def access_epoch(self, caller: int) -> int:
        return self.disk.records.catalog.accounts[caller].access_epoch

    # -- workers -------------------------------------------------------------------------------------------------------

    def add_worker(self, versions: tuple[int, ...] | None = None, gpu: bool | None = None) -> Worker:
        self._boots += 1
        if versions is None:
            everything = tuple(OPTIONS)
            some = tuple(sorted(self.random.sample(everything, self.random.randint(2, 5))))
            versions = everything if self.random.random() < 0.5 else some
        has_gpu = self.random.random() < 0.4 if gpu is None else gpu
        worker = Worker(self, f"w{self._boots}", self.random, versions, has_gpu)
        self.workers.append(worker)
        worker.start()
        return worker
