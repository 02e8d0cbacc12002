"""Farcall: hub, worker and caller in separate processes; every call authenticated, checked, recorded with full sync."""

from __future__ import annotations

import os
from collections.abc import Iterable

import farcall
from bench.household import Household
from bench.peer import Peer


class Subject(Peer):
    title = "farcall"
    durable = "yes"
    checks_caller = True

    def start(self) -> None:
        household = Household(self.scratch, self.cleanup)
        household.open()
        household.serve("functions.py", "add")
        os.environ.update(FARCALL_HUB=household.url, FARCALL_TOKEN=household.bob)
        self._add = farcall.get("alice/add")

    def call(self, a: int, b: int) -> int:
        result: int = self._add(a, b)
        return result

    def gather(self, pairs: list[tuple[int, int]]) -> Iterable[int]:
        return self._add.map([a for a, _ in pairs], [b for _, b in pairs])
