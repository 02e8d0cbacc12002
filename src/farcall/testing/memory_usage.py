"""Usage in memory: as a store sums it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass

from farcall.domain.model import Completion, NewInvocation
from farcall.domain.states import InvocationState
from farcall.hub.ports import UsageFilter, UsageRow, VersionRow
from farcall.testing.memory_catalog import MemoryCatalog, at_or_below

_DAY_SECONDS = 86_400


@dataclass(slots=True)
class _Sums:
    invocations: int = 0
    failures: int = 0
    run_seconds: float = 0.0
    cpu_seconds: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0

    def add(self, other: _Sums) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class MemoryUsage:
    """By day, version and caller."""

    def __init__(self, catalog: MemoryCatalog) -> None:
        self._catalog = catalog
        self._sums: dict[tuple[int, int, int], _Sums] = {}

    def charge(self, invocation: NewInvocation, completion: Completion) -> None:
        """It has ended so."""
        key = (int(completion.finished_at) // _DAY_SECONDS, invocation.version, invocation.caller)
        self._sums.setdefault(key, _Sums()).add(
            _Sums(
                1,
                completion.state is not InvocationState.SUCCEEDED,
                completion.run_seconds,
                completion.cpu_seconds,
                len(invocation.arguments) + self._weight(invocation.blobs),
                len(completion.result) + self._weight(completion.blobs),
            )
        )

    def _weight(self, digests: Iterable[str]) -> int:
        return sum(self._catalog.sizes.get(digest, 0) for digest in set(digests))

    def rows(self, query: UsageFilter) -> list[UsageRow]:
        """As `Store.usage`."""
        told_apart: dict[tuple[int | None, str | None, int | None, str | None], _Sums] = {}
        for (day, key, caller), sums in self._sums.items():
            version = self._catalog.versions[key]
            if not _wanted(query, day, version, caller):
                continue
            group = (
                day if query.by_day else None,
                version.name if query.by_function else None,
                version.number if query.by_version else None,
                self._catalog.accounts[caller].handle if query.by_caller else None,
            )
            told_apart.setdefault(group, _Sums()).add(sums)
        rows = [UsageRow(*group, *astuple(sums)) for group, sums in told_apart.items()]
        rows.sort(key=lambda row: (row.day or 0, row.function or "", row.version or 0, row.caller or ""))
        return rows[query.skip : query.skip + query.limit]


def _wanted(query: UsageFilter, day: int, version: VersionRow, caller: int) -> bool:
    return (
        query.caller in (None, caller)
        and (query.owners is None or version.owner in query.owners)
        and (query.function is None or at_or_below(version.name, query.function))
        and query.since <= day <= query.until
    )
