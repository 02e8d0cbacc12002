"""Usage: what invocations took that end after they were filed (`filing`). Also limits, and erasure."""

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
_Key = tuple[int, int, int]  # day, version, caller
_encode_json = msgspec.json.encode
_encode_failure = msgspec.msgpack.encode


def charge(connection: apsw.Connection, statements: Statements, ended: Sequence[Completion]) -> None:
    """Add up what these took; they are written, each with its bodies, and were not charged before."""
    sums: dict[_Key, list[Any]] = {}
    stored: list[Completion] = []
    # On the path of every call, and those of one caller mostly come in a row: their sums are local names.
    version = caller = count = failures = bytes_in = bytes_out = 0
    day_begins = day_ends = run_seconds = cpu_seconds = 0.0
    for item in ended:
        of = item.invocation
        if of is None or of.blobs or item.blobs:
            stored.append(item)
            continue
        if of.version != version or of.caller != caller or not day_begins <= item.finished_at < day_ends:
            key = (int(day_begins) // DAY_SECONDS, version, caller)
            _add(sums, key, count, failures, run_seconds, cpu_seconds, bytes_in, bytes_out)
            version, caller = of.version, of.caller
            day_begins = item.finished_at // DAY_SECONDS * DAY_SECONDS
            day_ends = day_begins + DAY_SECONDS
            count = failures = bytes_in = bytes_out = 0
            run_seconds = cpu_seconds = 0.0
        count += 1
        if item.state is not _SUCCEEDED:
            failures += 1
        run_seconds += item.run_seconds
        cpu_seconds += item.cpu_seconds
        bytes_in += len(of.arguments)
        bytes_out += len(item.result)
    key = (int(day_begins) // DAY_SECONDS, version, caller)
    _add(sums, key, count, failures, run_seconds, cpu_seconds, bytes_in, bytes_out)
    if sums:
        statements.add_usage.run(connection, [value for key, row in sums.items() for value in (*key, *row)])
    if stored:
        _charge_stored(connection, statements, stored)


def _add(sums: dict[_Key, list[Any]], key: _Key, count: int, *more: float) -> None:
    if not count:
        return
    row = sums.get(key)
    sums[key] = [count, *more] if row is None else [a + b for a, b in zip(row, (count, *more), strict=True)]


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
