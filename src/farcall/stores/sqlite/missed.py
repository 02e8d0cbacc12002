"""Commands about calls that no worker was there for. They run in the writer's thread, within its transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from farcall.hub.ports import EndMissed, MissedCalls, MissedItem, MissedRow, NoteMissed, NoteTold, Outcome
from farcall.stores.sqlite.queries import Speaker

_encode_json = msgspec.json.encode


class MissedCommands(Speaker):
    """Each method carries out one command and returns its outcome."""

    @property
    def handlers(self) -> dict[type, Callable[[Any], Any]]:
        return {
            NoteMissed: lambda command: [self._note(item) for item in command.items],
            EndMissed: self.end_missed,
            NoteTold: self.note_told,
        }

    def _note(self, item: MissedItem) -> MissedRow | Outcome:
        found = self.one("note_missed", item.version, item.caller, item.calls, item.at)
        return Outcome.MISSING if found is None else missed_row(found)

    def end_missed(self, command: EndMissed) -> list[int]:
        return sorted(key for (key,) in self.all("end_missed", _encode_json(command.versions).decode()))

    def note_told(self, command: NoteTold) -> Outcome:
        return Outcome.MISSING if self.one("note_told", command.function, command.at) is None else Outcome.OK


def missed_row(row: tuple[Any, ...]) -> MissedRow:
    """A row of `missed`, as its statements give it."""
    function, calls, since, told_at = row
    return MissedRow(function, MissedCalls(calls, since), told_at)
