"""Usage: what invocations took, summed in the transaction that records their end. Also limits, and erasure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from farcall.domain.errors import without_words
from farcall.domain.model import Completion
from farcall.domain.states import InvocationState
from farcall.hub.ports import Erase, Outcome, SetLimits
from farcall.stores.sqlite import rows
from farcall.stores.sqlite.queries import Speaker, Statements

DAY_SECONDS = 86_400
_SUCCEEDED = InvocationState.SUCCEEDED
_encode_json = msgspec.json.encode
_encode_failure = msgspec.msgpack.encode


def charge(connection: apsw.Connection, statements: Statements, ended: Sequence[Completion]) -> None:
    """Add up what these took; they are written, each with its bodies, and were not charged before."""
    sums: dict[tuple[int, int, int], list[Any]] = {}
    stored: list[Completion] = []
    for item in ended:
        of = item.invocation
        if of is None or of.blobs or item.blobs:
            stored.append(item)
            continue
        key = (int(item.finished_at) // DAY_SECONDS, of.version, of.caller)
        row = sums.get(key)
        if row is None:
            row = sums[key] = [*key, 0, 0, 0.0, 0.0, 0, 0]
        row[3] += 1
        if item.state is not _SUCCEEDED:
            row[4] += 1
        row[5] += item.run_seconds
        row[6] += item.cpu_seconds
        row[7] += len(of.arguments)
        row[8] += len(item.result)
    if sums:
        statements.add_usage.run(connection, [value for row in sums.values() for value in row])
    if stored:
        _charge_stored(connection, statements, stored)


def _charge_stored(connection: apsw.Connection, statements: Statements, ended: Sequence[Completion]) -> None:
    """The same for those of which only the rows say all."""
    statements.charge_stored.run(connection, [item.id for item in ended])
    for item in ended:
        if item.blobs:
            connection.execute(statements["charge_blobs"], (item.id, _encode_json(item.blobs).decode()))


class UsageCommands(Speaker):
    """Each method carries out one command and returns its outcome."""

    def set_limits(self, command: SetLimits) -> Outcome:
        found = self.one("set_limits", command.account, command.limits)
        return Outcome.MISSING if found is None else Outcome.OK

    def erase(self, command: Erase) -> Outcome:
        found = self.one("erasable", command.id)
        if found is None:
            return Outcome.MISSING
        seq, state, failure, erased_at = found
        if state < _SUCCEEDED:
            return Outcome.STALE
        if erased_at is not None:
            return Outcome.DUPLICATE
        if failure is not None:
            failure = _encode_failure(without_words(rows.failure(failure)))
        keys = _encode_json([seq]).decode()
        self.one("erase", seq, failure, command.at)
        self.one("expunge_bodies", keys)
        self.one("expunge_references", keys)
        return Outcome.OK
