"""Which workers are here, and which of them are ready for which version: kept so that asking costs nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from farcall.domain.states import WorkerState


@dataclass(slots=True)
class Presence:
    """A worker as the hub sees it now. `names` are those of `versions`, in their order."""

    boot: str
    account: int
    handle: str
    name: str
    slots: int
    resources: dict[str, int | float | str | bool]
    state: WorkerState
    connected_at: float
    seen_at: float
    versions: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


class Presences:
    """All present workers. Each change answers with the names of functions that came to be served, or no longer are."""

    def __init__(self) -> None:
        self._by_boot: dict[str, Presence] = {}
        self._serving: dict[int, dict[str, Presence]] = {}
        self._ready: Counter[int] = Counter()

    def all(self) -> Iterable[Presence]:
        return self._by_boot.values()

    def get(self, boot: str) -> Presence | None:
        return self._by_boot.get(boot)

    def ready(self, version: int) -> int:
        """How many connected workers serve the version."""
        return self._ready[version]

    def serving(self, version: int) -> list[Presence]:
        """Connected or not, as long as they may return."""
        return list(self._serving.get(version, {}).values())

    def put(self, presence: Presence) -> list[str]:
        """A worker came, or came back."""
        before = self._counts(presence.versions)
        old = self._by_boot.pop(presence.boot, None)
        if old is not None:
            before |= self._counts(old.versions)
            self._drop(old)
        self._by_boot[presence.boot] = presence
        self._add(presence)
        names = dict(zip(presence.versions, presence.names, strict=True))
        if old is not None:
            names |= dict(zip(old.versions, old.names, strict=True))
        return self._turned(before, names)

    def serve(self, presence: Presence, versions: Sequence[int], names: Sequence[str]) -> list[str]:
        """The full list of what it serves from now on."""
        before = self._counts([*presence.versions, *versions])
        named = dict(zip(presence.versions, presence.names, strict=True)) | dict(zip(versions, names, strict=True))
        self._drop(presence)
        presence.versions, presence.names = list(versions), list(names)
        self._add(presence)
        return self._turned(before, named)

    def move(self, presence: Presence, state: WorkerState) -> list[str]:
        """Its state changes."""
        before = self._counts(presence.versions)
        self._drop(presence)
        presence.state = state
        self._add(presence)
        return self._turned(before, dict(zip(presence.versions, presence.names, strict=True)))

    def remove(self, boot: str) -> list[str]:
        """It will not come back under this boot."""
        presence = self._by_boot.pop(boot, None)
        if presence is None:
            return []
        before = self._counts(presence.versions)
        self._drop(presence)
        return self._turned(before, dict(zip(presence.versions, presence.names, strict=True)))

    def rename(self, names: dict[int, str]) -> None:
        """The functions of these versions have other names."""
        for presence in self._by_boot.values():
            presence.names = [
                names.get(version, name) for version, name in zip(presence.versions, presence.names, strict=True)
            ]

    def _counts(self, versions: Iterable[int]) -> dict[int, int]:
        return {version: self._ready[version] for version in versions}

    def _turned(self, before: dict[int, int], names: dict[int, str]) -> list[str]:
        return [names[version] for version, count in before.items() if bool(count) != bool(self._ready[version])]

    def _add(self, presence: Presence) -> None:
        for version in presence.versions:
            self._serving.setdefault(version, {})[presence.boot] = presence
            if presence.state is WorkerState.READY:
                self._ready[version] += 1

    def _drop(self, presence: Presence) -> None:
        for version in presence.versions:
            held = self._serving[version]
            held.pop(presence.boot, None)
            if not held:
                del self._serving[version]
            if presence.state is WorkerState.READY:
                self._ready[version] -= 1
                if not self._ready[version]:
                    del self._ready[version]
