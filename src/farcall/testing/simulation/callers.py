"""A caller: submits, waits, resends what was not answered, cancels now and then."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec

from farcall.domain.model import NewInvocation
from farcall.hub.dispatch import events

if TYPE_CHECKING:
    from farcall.testing.simulation.world import World


class Caller:
    """`unanswered` are kept, in full, until their end is told or they are given up after a refusal."""

    def __init__(self, world: World, key: int, random: Random) -> None:
        self.world = world
        self.key = key
        self.random = random
        self.unanswered: dict[bytes, tuple[NewInvocation, bool, bool]] = {}

    def submit(self, version: int, count: int) -> None:
        random = self.random
        eager = random.random() < 0.6
        acknowledge = not eager or random.random() < 0.3
        priority = random.choice((0, 0, 0, 0, 5))
        queue = random.random() < 0.6
        expires = random.choice((None, None, None, 0.5, 4.0))
        keyed = random.random() < 0.1
        items = []
        for _ in range(count):
            item = self.world.invocation(self.key, version)
            item.priority = priority
            item.queue = queue
            item.expires_at = None if expires is None else self.world.clock.now().wall + expires
            item.key = item.id.hex() if keyed else ""
            items.append(item)
            self.unanswered[item.id] = (item, eager, acknowledge)
        self._send(items, eager, acknowledge)

    def _send(self, items: Sequence[NewInvocation], eager: bool, acknowledge: bool) -> None:
        copies = [msgspec.structs.replace(item) for item in items]
        delay = self.random.uniform(0.0, 0.005)
        self.world.clock.after(delay, self._arrive, self.world.hub, copies, eager, acknowledge)

    def _arrive(self, hub: Any, items: Sequence[NewInvocation], eager: bool, acknowledge: bool) -> None:
        if hub.alive:
            hub.submit(items, eager, acknowledge)

    def ask_again(self) -> None:
        """After a reconnect, and from time to time: which of the unanswered are unknown? They are sent again."""
        hub = self.world.hub
        if not hub.alive or not self.unanswered:
            return
        for identifier in hub.attach(list(self.unanswered), self.key):
            if identifier in self.unanswered:
                item, eager, acknowledge = self.unanswered[identifier]
                self._send([item], eager, acknowledge)

    def cancel(self) -> None:
        """Also of what ended meanwhile, and twice."""
        known = [item.id for item in self.world.invocations.values() if item.caller == self.key]
        if known and self.world.hub.alive:
            ids = self.random.sample(known, min(len(known), self.random.randint(1, 4)))
            self.world.hub.feed(events.CancelRequested(ids))

    def told(self, what: str, item: Any) -> None:
        if what == "settled":
            if self.unanswered.pop(item.id, None) is not None:
                self.world.checks.told[item.id] = (item.state, item.result)
        elif what == "refused" and item in self.unanswered:
            if self.random.random() < 0.5:
                del self.unanswered[item]
            # Otherwise it is asked for, and sent, again.
