"""A core on the table: events go in by hand, effects are looked at, commits succeed when the test says so."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, TypeVar

from farcall.domain.model import Completion, FunctionOptions, NewInvocation
from farcall.domain.states import AttemptState
from farcall.hub.dispatch import effects, events
from farcall.hub.dispatch.core import Core
from farcall.hub.dispatch.effects import Effect, Offered
from farcall.hub.dispatch.events import Event, Limits, Now

E = TypeVar("E")
LIMITS = Limits(lease_seconds=10, lease_margin_seconds=2, resume_grace_seconds=30, no_worker_grace_seconds=5)


class Table:
    """`said` holds every effect since it was last cleared. The clock stands until `wait`."""

    def __init__(self, limits: Limits = LIMITS, epoch: int = 1) -> None:
        self.core = Core(epoch, limits, Random(1))
        self.mono = 1000.0
        self.wall = 5000.0
        self.said: list[Effect] = []
        self._made = 0

    # -- in ------------------------------------------------------------------------------------------------------------

    def feed(self, event: Event) -> list[Effect]:
        caused = self.core.handle(event, Now(self.mono, self.wall))
        self.said.extend(caused)
        return caused

    def wait(self, seconds: float) -> list[Effect]:
        self.mono += seconds
        self.wall += seconds
        return self.feed(events.Tick())

    def version(self, version: int = 1, **options: Any) -> None:
        facts = events.VersionFacts(version, f"alice/f{version}", FunctionOptions(**options))
        self.feed(events.VersionPublished(facts))

    def worker(
        self,
        name: str = "w1",
        versions: Sequence[int] = (1,),
        slots: int = 1,
        credit: int | None = None,
        **resources: int | float | str | bool,
    ) -> None:
        self.feed(events.WorkerJoined(name, 1, slots, slots if credit is None else credit, resources))
        self.feed(events.Served(name, versions))

    def make(self, count: int = 1, caller: int = 1, version: int = 1, **fields: Any) -> list[NewInvocation]:
        items = []
        for _ in range(count):
            self._made += 1
            identifier = self._made.to_bytes(22, "big")
            items.append(NewInvocation(identifier, version, caller, b"args", b"d" * 16, self.wall, **fields))
        return items

    def submit(
        self, count: int = 1, caller: int = 1, version: int = 1, eager: bool = True, commit: bool = True, **fields: Any
    ) -> list[bytes]:
        items = self.make(count, caller, version, **fields)
        ids = [item.id for item in items]
        self.feed(events.Submitted(version, items, eager, acknowledge=True))
        if commit:
            self.feed(events.AcceptCommitted(ids))
        return ids

    def finish(
        self, worker: str, offered: Offered, state: AttemptState = AttemptState.SUCCEEDED, **fields: Any
    ) -> None:
        fields.setdefault("run_seconds", 1.0)
        self.feed(events.Finished(worker, [events.Finish(offered.invocation.id, offered.fence, state, **fields)]))

    def commit(self) -> list[bytes]:
        """Every end that was proposed and not committed yet."""
        ids = [item.id for item in self.take_completions()]
        if ids:
            self.feed(events.CompleteCommitted(ids))
        return ids

    # -- out -----------------------------------------------------------------------------------------------------------

    def all(self, kind: type[E]) -> list[E]:
        return [effect for effect in self.said if isinstance(effect, kind)]

    def take(self, kind: type[E]) -> list[E]:
        """As `all`, and forget them."""
        found = self.all(kind)
        self.said = [effect for effect in self.said if not isinstance(effect, kind)]
        return found

    def offers(self, worker: str | None = None) -> list[Offered]:
        """What was offered since this was last asked."""
        mine = [effect for effect in self.all(effects.Offer) if worker in (None, effect.worker)]
        self.said = [effect for effect in self.said if effect not in mine]
        return [item for effect in mine for item in effect.items]

    def take_completions(self) -> list[Completion]:
        return [item for effect in self.take(effects.CommitComplete) for item in effect.items]

    def reasons(self, identifier: bytes) -> str:
        return "\n".join(f"{it.what}: {it.detail}" for it in self.core.explain(identifier, Now(self.mono, self.wall)))
