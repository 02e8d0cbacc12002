"""Calls that no worker was there for, in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from farcall.hub.ports import (
    NONE_MISSED,
    EndMissed,
    MissedCalls,
    MissedItem,
    MissedRow,
    NoteMissed,
    NoteTold,
    Outcome,
)
from farcall.testing.memory_catalog import MemoryCatalog


class MemoryMissed:
    """By function."""

    def __init__(self, catalog: MemoryCatalog) -> None:
        self._catalog = catalog
        self._rows: dict[int, MissedRow] = {}

    @property
    def handlers(self) -> dict[type, Callable[[Any], Any]]:
        return {
            NoteMissed: lambda command: [self._note(item) for item in command.items],
            EndMissed: self._end,
            NoteTold: self._told,
        }

    def rows(self) -> list[MissedRow]:
        """As `Store.missed`."""
        there = {row.function for row in self._catalog.versions.values() if not row.deleted}
        return [row for key, row in sorted(self._rows.items()) if row.missed.calls and key in there]

    def _note(self, item: MissedItem) -> MissedRow | Outcome:
        version = self._catalog.versions.get(item.version)
        if version is None or version.deleted or version.owner == item.caller:
            return Outcome.MISSING
        row = self._rows.get(version.function) or MissedRow(version.function, NONE_MISSED, None)
        since = item.at if row.missed.since is None else row.missed.since
        row = replace(row, missed=MissedCalls(row.missed.calls + item.calls, since))
        self._rows[version.function] = row
        return row

    def _end(self, command: EndMissed) -> list[int]:
        versions = self._catalog.versions
        functions = {versions[key].function for key in command.versions if key in versions}
        ended = sorted(key for key in functions if key in self._rows and self._rows[key].missed.calls)
        for key in ended:
            self._rows[key] = replace(self._rows[key], missed=NONE_MISSED)
        return ended

    def _told(self, command: NoteTold) -> Outcome:
        if command.function not in self._rows:
            return Outcome.MISSING
        self._rows[command.function] = replace(self._rows[command.function], told_at=command.at)
        return Outcome.OK
