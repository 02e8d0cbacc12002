"""What must be true after every event, told from outside: by what is said, committed and run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from farcall.domain.model import FENCE_COUNTER_BITS, Completion, NewInvocation, Settlement
from farcall.domain.states import AttemptState, InvocationState
from farcall.hub import ports
from farcall.hub.dispatch import effects, events
from farcall.hub.dispatch.events import LaneKey
from farcall.testing.simulation.audit import audit
from farcall.testing.simulation.disk import immediately
from farcall.testing.simulation.telling import line

if TYPE_CHECKING:
    from farcall.testing.simulation.hubs import Hub
    from farcall.testing.simulation.workers import Job, Worker
    from farcall.testing.simulation.world import World

Key = tuple[bytes, int]
TURNS = 2  # a waiting caller is passed at most so often by each other one
AUDIT_EVERY = 8


class Violation(AssertionError):
    """A rule was broken."""


class Checks:
    """The ledger of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.accepted: set[bytes] = set()  # durable, not ended
        self.ended: dict[bytes, Completion] = {}  # durable
        self.durable_in: dict[bytes, int] = {}  # the epoch in which the insert was committed
        self.promised: set[bytes] = set()
        self.flagged: set[bytes] = set()
        self.runs: dict[bytes, dict[int, Worker]] = {}  # id → fence → who runs it now
        self.begun: dict[bytes, list[int]] = {}  # id → fences that ever began
        self.ended_attempts: set[Key] = set()  # the hub wrote down that they ended without an outcome
        self.leased: set[Key] = set()  # durable
        self.fences: set[int] = set()
        self.unpromised: set[Key] = set()  # stopped before their insert was durable: it was refused, and may come again
        self.last_fence: dict[bytes, int] = {}
        self.events = 0
        self.told: dict[bytes, tuple[int, bytes]] = {}
        self.waiting_before: dict[LaneKey, int] = {}
        self.passed: dict[LaneKey, dict[LaneKey, int]] = {}
        self._by_effect: dict[type, Callable[[Hub, Any], None]] = {
            effects.Offer: self._offer,
            effects.Answer: lambda hub, effect: self.answered(effect.items),
            effects.Accepted: self._said_accepted,
            effects.Refuse: self._refused,
            effects.Acknowledge: self._acknowledged,
            effects.CancelAttempts: self._stopped,
        }

    def _broken(self, sentence: str) -> None:
        raise Violation(sentence)

    # -- around every event --------------------------------------------------------------------------------------------

    def handled(self, hub: Hub, event: events.Event, caused: Sequence[effects.Effect]) -> None:
        self.events += 1
        if self.world.trace is not None:
            self.world.trace(f"{self.world.clock.mono:10.4f} {line(event)}")
            for effect in caused:
                self.world.trace(f"{'':10}   → {line(effect)}")
        offers: dict[LaneKey, int] = {}
        for effect in caused:
            check = self._by_effect.get(type(effect))
            if check is not None:
                check(hub, effect)
            for invocation in self._placed(effect):
                key = (invocation.version, invocation.priority, invocation.caller)
                offers[key] = offers.get(key, 0) + 1
                version = hub.core.state.versions[invocation.version]
                if version.limit is not None and version.running > version.limit:
                    self._broken(f"version {version.id} is to run {version.running} at once, and may {version.limit}")
        self._turns(hub, offers)

    def _placed(self, effect: effects.Effect) -> list[NewInvocation]:
        """Those whose turn it was: offered now, or once their lease is durable."""
        if isinstance(effect, effects.CommitLease):
            return [self.world.invocations[row[0]] for row in effect.items]
        if isinstance(effect, effects.Offer):
            offered = [item.invocation for item in effect.items]
            return [item for item in offered if not item.key and not self.world.never_twice(item.version)]
        return []

    def settled(self, hub: Hub) -> None:
        """The effects of an event are carried out: everything accepted must be somewhere."""
        state = hub.core.state
        if hub.started and not state.recovering:
            for identifier in self.accepted - state.entries.keys():
                if identifier in state.orphans or identifier in state.unseen_cancels:
                    continue
                invocation = self.world.invocations[identifier]
                lane = state.lanes.get((invocation.version, invocation.priority, invocation.caller))
                if lane is None or not (lane.stored or lane.claiming):
                    self._broken(f"{identifier.hex()} was accepted, and is neither in the window nor in a lane")
        if self.events % AUDIT_EVERY == 0:
            audit(state)

    def _turns(self, hub: Hub, offers: dict[LaneKey, int]) -> None:
        """Callers who wait in memory are passed at most a turn by each other caller, and never by a lower priority."""
        if not offers and not self.waiting_before:
            return
        waiting: dict[LaneKey, int] = {}
        for version in hub.core.state.versions.values():
            for level in version.levels.values():
                for lane in level.ring:
                    for entry in lane.ready:
                        if entry.in_lane:
                            waiting[lane.key] = entry.fence
                            break
        for key in list(self.passed):
            if key in offers or key not in waiting:
                del self.passed[key]
        for key, count in offers.items():
            for other in waiting:
                if other[0] != key[0] or other == key or other in offers or other not in self.waiting_before:
                    continue
                if other[1] > key[1]:
                    self._broken(f"lane {other} waits, and lane {key} of a lower priority is served")
                if other[1] == key[1]:
                    passed = self.passed.setdefault(other, {})
                    passed[key] = passed.get(key, 0) + count
                    if passed[key] > TURNS:
                        self._broken(f"lane {other} waits, and lane {key} had {passed[key]} turns meanwhile")
        self.waiting_before = waiting

    # -- what the hub says ---------------------------------------------------------------------------------------------

    def _offer(self, hub: Hub, effect: effects.Offer) -> None:
        known = hub.core.state.workers[effect.worker]
        if len(known.open) > known.credit:
            self._broken(f"{effect.worker} is offered more than its credit")
        for item in effect.items:
            invocation = item.invocation
            key = (invocation.id, item.fence)
            if item.fence in self.fences:
                self._broken(f"fence {item.fence} is used again")
            if item.fence <= self.last_fence.get(invocation.id, 0):
                self._broken(f"fence {item.fence} of {invocation.id.hex()} is not larger than the one before")
            self.fences.add(item.fence)
            self.last_fence[invocation.id] = item.fence
            if self.world.never_twice(invocation.version) and key not in self.leased:
                self._broken(f"{invocation.id.hex()} must not run twice, and is offered before its lease is durable")
            state = hub.core.state
            entry = state.entries.get(invocation.id)
            if entry is None or entry.fence != item.fence or entry.attempt is not AttemptState.LEASED:
                self._broken(f"{invocation.id.hex()} is offered, and the core does not hold that attempt")
            elif entry.accepted:  # otherwise it may have been sent again, and the store has yet to say so
                if invocation.id in self.ended:
                    self._broken(f"{invocation.id.hex()} has ended, and is offered")
                if invocation.id in self.flagged:
                    self._broken(f"{invocation.id.hex()} is flagged as cancelled, and is offered")
            if state.recovering and invocation.id not in hub.heard_of:
                self._broken(f"{invocation.id.hex()} is offered although workers may come back with it")

    def answered(self, items: Sequence[Settlement]) -> None:
        for item in items:
            record = self.ended.get(item.id)
            if record is None:
                self._broken(f"{item.id.hex()} is answered before its end is committed")
            elif (int(record.state), record.result) != (item.state, item.result):
                self._broken(f"{item.id.hex()} is answered with something else than what is recorded")

    def _said_accepted(self, hub: Hub, effect: effects.Accepted) -> None:
        for identifier in effect.ids:
            if identifier not in self.accepted and identifier not in self.ended:
                self._broken(f"{identifier.hex()} is said to be accepted, and is not durable")
            self.promised.add(identifier)

    def _refused(self, hub: Hub, effect: effects.Refuse) -> None:
        for identifier in effect.ids:
            if effect.failure.code != "conflict" and self.durable_in.get(identifier) == hub.core.state.epoch:
                self._broken(f"{identifier.hex()} is refused, and is recorded")

    def _acknowledged(self, hub: Hub, effect: effects.Acknowledge) -> None:
        for identifier, fence in effect.items:
            record = self.ended.get(identifier)
            if record is None or record.fence != fence:
                self._broken(f"{identifier.hex()} is acknowledged, and this outcome is not recorded")
        for identifier, fence in effect.stale:
            entry = hub.core.state.entries.get(identifier)
            if entry is not None and entry.fence == fence and entry.attempt is not None:
                self._broken(f"the current attempt of {identifier.hex()} is called stale")

    def _stopped(self, hub: Hub, effect: effects.CancelAttempts) -> None:
        self.unpromised.update(key for key in effect.items if key[0] not in self.durable_in)

    # -- what is committed ---------------------------------------------------------------------------------------------

    def committed(self, command: ports.Command, outcome: Any) -> None:
        if isinstance(command, ports.Accept):
            for item, said in zip(command.items, outcome, strict=True):
                if said is ports.Outcome.OK:
                    self.accepted.add(item.id)
                    self.durable_in[item.id] = self.world.epoch
        elif isinstance(command, ports.Complete):
            for completion, said in zip(command.items, outcome, strict=True):
                if said is ports.Outcome.OK:
                    self._completed(completion)
        elif isinstance(command, ports.Lease):
            for lease, said in zip(command.items, outcome, strict=True):
                if said is ports.Outcome.OK:
                    self.leased.add((lease.id, lease.fence))
        elif isinstance(command, ports.Requeue):
            for requeue, said in zip(command.items, outcome, strict=True):
                if said is ports.Outcome.OK:
                    self.ended_attempts.add((requeue.id, requeue.fence))
        elif isinstance(command, ports.FlagCancel):
            for identifier, said in zip(command.ids, outcome, strict=True):
                if said is ports.Outcome.OK:
                    self.flagged.add(identifier)

    def _completed(self, completion: Completion) -> None:
        identifier = completion.id
        if identifier in self.ended:
            self._broken(f"{identifier.hex()} is recorded twice")
        self.accepted.discard(identifier)
        self.ended[identifier] = completion
        if (identifier, completion.fence) in self.ended_attempts:
            self._broken(f"{identifier.hex()}: a stale result is recorded")
        if completion.state is InvocationState.SUCCEEDED and completion.result != b"%d" % completion.fence:
            self._broken(f"{identifier.hex()}: the result is another attempt's")
        if completion.state is InvocationState.CANCELLED:
            for fence, worker in self.runs.get(identifier, {}).items():
                if not worker.lapsed and not self._excused(identifier, fence):
                    self._broken(f"{identifier.hex()}: its cancel is confirmed, and it runs on {worker.boot}")

    # -- what is run ---------------------------------------------------------------------------------------------------

    def began(self, worker: Worker, job: Job) -> None:
        if worker.busy > worker.slots:
            self._broken(f"{worker.boot} runs more than it has slots")
        before = self.begun.setdefault(job.id, [])
        record = self.ended.get(job.id)
        if record is not None and record.state is InvocationState.CANCELLED and not self._excused(job.id, job.fence):
            self._broken(f"{job.id.hex()} runs after its cancel was confirmed")
        if before and self.world.never_twice(job.version):
            self._broken(f"{job.id.hex()} must not run twice, and does")
        running = self.runs.setdefault(job.id, {})
        for fence, other in running.items():
            if not other.lapsed and not self._excused(job.id, fence) and not self._excused(job.id, job.fence):
                self._broken(f"{job.id.hex()} runs on {other.boot} and on {worker.boot} at once")
        before.append(job.fence)
        running[job.fence] = worker

    def stopped(self, worker: Worker, job: Job) -> None:
        self.runs.get(job.id, {}).pop(job.fence, None)

    def _excused(self, identifier: bytes, fence: int) -> bool:
        """An attempt from before its insert was durable: the hub died or refused meanwhile, and promised nothing."""
        durable = self.durable_in.get(identifier)
        return durable is None or fence >> FENCE_COUNTER_BITS < durable or (identifier, fence) in self.unpromised

    def offered_to(self, worker: Worker) -> None:
        outstanding = sum(not job.stopping for job in worker.jobs.values())
        if outstanding > worker.largest_credit:
            self._broken(f"{worker.boot} was offered more than its credit")

    # -- at the end ----------------------------------------------------------------------------------------------------

    def all_ended(self) -> None:
        """The faults are over and time enough has passed."""
        for identifier in self.accepted:
            self._broken(f"{identifier.hex()} was accepted, and never ends")
        for identifier in self.promised:
            if identifier not in self.ended:
                self._broken(f"{identifier.hex()} was promised, and is lost")
        for caller in self.world.callers:
            for identifier in caller.unanswered:
                self._broken(f"{identifier.hex()}: its caller is never told")
        self._charged_once()

    def _charged_once(self) -> None:
        """Usage is the sum of what was recorded."""
        rows = immediately(self.world.disk.records.usage(ports.UsageFilter(by_caller=True, by_version=True)))
        charged = (sum(row.invocations for row in rows), sum(row.failures for row in rows))
        failed = sum(end.state is not InvocationState.SUCCEEDED for end in self.ended.values())
        if charged != (len(self.ended), failed):
            self._broken(f"{charged} are charged, and {(len(self.ended), failed)} have ended")
        ran = sum(row.run_seconds for row in rows)
        if abs(ran - sum(end.run_seconds for end in self.ended.values())) > 1e-6 * len(self.ended):
            self._broken(f"{ran} seconds are charged, and not those that are recorded")
