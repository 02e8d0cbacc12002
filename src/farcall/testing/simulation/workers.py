"""A worker as the hub sees it: slots, a queue, an outbox, a lease by its own clock. It may die or be frozen."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from farcall.domain.errors import Failure
from farcall.domain.states import AttemptState
from farcall.hub.dispatch.effects import Offered
from farcall.hub.dispatch.events import Finish
from farcall.testing.simulation.links import Link

if TYPE_CHECKING:
    from farcall.testing.simulation.world import World

Key = tuple[bytes, int]


@dataclass(slots=True)
class Job:
    """One attempt at the worker."""

    id: bytes
    fence: int
    version: int
    seconds: float
    timeout: float | None
    running: bool = False
    stopping: bool = False


class Worker:
    """One boot. `resources` and `versions` are what it advertises; `careless` forgets what it kills at a lapse."""

    def __init__(self, world: World, boot: str, random: Random, versions: tuple[int, ...], gpu: bool) -> None:
        self.world = world
        self.boot = boot
        self.random = random
        self.versions = versions
        self.slots = random.choice((1, 1, 2, 3))
        self.credit = self.slots + random.choice((0, 0, 2, 6))
        self.largest_credit = self.credit  # offers may be on their way when it becomes smaller
        self.resources: dict[str, int | float | str | bool] = {"cpu": 4, "gpu": "a100"} if gpu else {"cpu": 4}
        self.careless = random.random() < 0.5
        self.slow = random.random() < 0.15
        self.alive = True
        self.frozen = False
        self.leaving = False
        self.link: Link | None = None
        self.jobs: dict[Key, Job] = {}
        self.queue: deque[Job] = deque()
        self.busy = 0
        self.outbox: dict[Key, Finish] = {}
        self.lease_until = 0.0
        self._welcome = False
        self._buffered: list[tuple[Link, str, tuple[Any, ...]]] = []
        self._asleep: list[tuple[Any, tuple[Any, ...]]] = []

    # -- its process ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._dial()
        self._beat()

    def die(self) -> None:
        """Killed: everything it held is gone, and its name with it."""
        self.alive = False
        for job in list(self.jobs.values()):
            if job.running:
                self.world.checks.stopped(self, job)
        self.jobs.clear()
        self.queue.clear()
        if self.link is not None:
            self.link.cut()

    def freeze(self) -> None:
        self.frozen = True

    def thaw(self) -> None:
        """Continued: its clock has gone on, so it looks at its lease before anything else."""
        if not self.frozen or not self.alive:
            return
        self.frozen = False
        self._lapse()
        heard, self._buffered = self._buffered, []
        for link, what, payload in heard:
            self.hear(link, what, payload)
        woken, self._asleep = self._asleep, []
        for call, arguments in woken:
            call(*arguments)

    def _later(self, seconds: float, call: Any, *arguments: Any) -> None:
        self.world.clock.after(seconds, self._unless_frozen, call, arguments)

    def _unless_frozen(self, call: Any, arguments: tuple[Any, ...]) -> None:
        if not self.alive:
            return
        if self.frozen:
            self._asleep.append((call, arguments))
        else:
            call(*arguments)

    # -- its channel ---------------------------------------------------------------------------------------------------

    def _dial(self) -> None:
        if self.link is not None and self.link.open:
            return
        hub = self.world.hub
        if not hub.alive:
            self._later(0.2 + self.random.random() * 0.5, self._dial)
            return
        link = self.link = Link(self.world.clock, self.random, self, hub)
        if self.slow:
            link.latency = 0.3
        self._welcome = False
        resume = [*self.jobs, *self.outbox]
        link.to_hub("register", self.world.clock.mono, self, resume)

    def link_ended(self, link: Link) -> None:
        self._unless_frozen(self._link_ended, (link,))

    def _link_ended(self, link: Link) -> None:
        if self.alive and self.link is link:
            self.link = None
            self._later(self.random.choice((0.01, 0.5, 2.0)) * self.random.random(), self._dial)

    def _say(self, what: str, *payload: Any) -> None:
        if self.link is not None and self._welcome:
            self.link.to_hub(what, *payload)

    def _beat(self) -> None:
        self._say("heartbeat", self.world.clock.mono)
        self._lapse()
        self._later(self.world.limits.lease_seconds / 4, self._beat)

    def hear(self, link: Link, what: str, payload: tuple[Any, ...]) -> None:
        if not self.alive or self.link is not link:
            return
        if self.frozen:
            self._buffered.append((link, what, payload))
        elif what == "welcome":
            self._welcome = True
            self._renew(payload[0])
            running = [key for key, job in self.jobs.items() if job.running]
            if running:
                self._say("started", running)
            if self.outbox:
                self._say("finished", list(self.outbox.values()))
            self._start_next()
        elif what == "heartbeat_seen":
            self._renew(payload[0])
        elif what == "offer":
            self._offered(payload[0])
        elif what == "recall":
            self._recalled(payload[0])
        elif what == "stop":
            self._stop(payload[0])
        elif what == "acknowledge":
            for key in (*payload[0], *payload[1]):
                self.outbox.pop(key, None)

    # -- its lease -----------------------------------------------------------------------------------------------------

    def _renew(self, sent: float) -> None:
        self.lease_until = max(self.lease_until, sent + self.world.limits.lease_seconds)
        self.world.clock.at(self.lease_until, self._unless_frozen, self._lapse, ())
        self._start_next()

    @property
    def lapsed(self) -> bool:
        return self.world.clock.mono >= self.lease_until

    def _lapse(self) -> None:
        """Nobody vouches for it any more: kill what runs, drop what waits, and dial anew to say what is left."""
        if not self.lapsed:
            return
        held = bool(self.jobs)
        for job in self.queue:
            del self.jobs[(job.id, job.fence)]
        self.queue.clear()
        for job in list(self.jobs.values()):
            if job.running:
                self._end(job, AttemptState.LOST, Failure("worker_lost", "The lease lapsed."), said=not self.careless)
        if self.link is not None and held:
            self.link.cut()  # also if it only just registered: what it said to hold is no more

    # -- what it runs --------------------------------------------------------------------------------------------------

    def _offered(self, items: Sequence[Offered]) -> None:
        for item in items:
            key = (item.invocation.id, item.fence)
            seconds, timeout = self.world.work(item.invocation, self.random)
            job = Job(*key, item.invocation.version, seconds, timeout)
            self.jobs[key] = job
            self.queue.append(job)
        self.world.checks.offered_to(self)
        self._start_next()

    def _start_next(self) -> None:
        while self.queue and self.busy < self.slots and not self.lapsed and not self.frozen:
            job = self.queue.popleft()
            job.running = True
            self.busy += 1
            self.world.checks.began(self, job)
            if job.seconds > 0.01 or self.random.random() < 0.2:
                self._say("started", [(job.id, job.fence)])
            if job.timeout is not None and job.seconds > job.timeout:
                self._later(job.timeout, self._timed_out, job)
            else:
                self._later(job.seconds, self._ended, job)

    def _ended(self, job: Job) -> None:
        if not job.running:
            return
        chance = self.random.random()
        if chance < self.world.crash_rate:
            failure = Failure("process_died", "It crashed.")
            self._give_back_neighbours("neighbour_died")
            self._end(job, AttemptState.LOST, failure)
        elif chance > 0.93:
            self._end(job, AttemptState.FAILED, Failure("function_error", "It raised."))
        else:
            self._end(job, AttemptState.SUCCEEDED, None)

    def _timed_out(self, job: Job) -> None:
        if job.running and not self.world.stubborn(job):
            self._end(job, AttemptState.FAILED, Failure("invocation_timeout", "It ran too long."))

    def _end(self, job: Job, state: AttemptState, failure: Failure | None, said: bool = True) -> None:
        job.running = False
        self.busy -= 1
        self.world.checks.stopped(self, job)
        del self.jobs[(job.id, job.fence)]
        if said:
            self._put(Finish(job.id, job.fence, state, b"%d" % job.fence, failure, min(job.seconds, 1.0)))
        self._start_next()

    def _put(self, finish: Finish) -> None:
        self.outbox[(finish.id, finish.fence)] = finish
        self._say("finished", [finish])
        if self.random.random() < 0.02:
            self._say("finished", [finish])

    def _stop(self, keys: Sequence[Key]) -> None:
        for key in keys:
            job = self.jobs.get(key)
            if job is None or job.stopping:
                continue
            job.stopping = True
            if job.running:
                self._later(self.random.choice((0.001, 0.4)), self._killed, job)
            else:
                self.queue.remove(job)
                del self.jobs[key]
                self._put(Finish(job.id, job.fence, AttemptState.CANCELLED))

    def _killed(self, job: Job) -> None:
        if job.running:
            self._end(job, AttemptState.CANCELLED, None)

    def _recalled(self, keys: Sequence[Key]) -> None:
        jobs = [self.jobs[key] for key in keys if key in self.jobs]
        self._give_back([job for job in jobs if not job.running], "recalled")

    def _give_back_neighbours(self, reason: str) -> None:
        self._give_back(list(self.queue)[: self.random.randint(0, 2)], reason)

    def _give_back(self, jobs: Sequence[Job], reason: str) -> None:
        if not jobs:
            return
        for job in jobs:
            self.queue.remove(job)
            del self.jobs[(job.id, job.fence)]
        self._say("returned", [(job.id, job.fence, reason) for job in jobs])

    # -- what an operator does with it ---------------------------------------------------------------------------------

    def change_credit(self, credit: int) -> None:
        if not self.frozen:
            self.largest_credit = max(credit, self.largest_credit)
            self.credit = credit
            self._say("credit", credit)

    def leave(self) -> None:
        """Drain: nothing new, give back what waits, and go when the rest is acknowledged."""
        if self.frozen or not self.alive:
            return
        self.leaving = True
        self._say("leaving")
        self._give_back(list(self.queue), "draining")
        self._later(0.5, self._leave_if_done)

    def _leave_if_done(self) -> None:
        if self.jobs or self.outbox:
            self._later(0.5, self._leave_if_done)
        else:
            self.die()
