"""The hot path of one transaction: inserts and completions, gathered and written as few statements.

An insert whose completion follows in the same transaction becomes one insert of the finished row. Whoever wants to see
rows in the transaction calls `flush` first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from farcall.domain.model import Completion, NewInvocation
from farcall.domain.states import InvocationState
from farcall.hub.ports import Outcome
from farcall.stores.sqlite.filing import AcceptOrder, Filing
from farcall.stores.sqlite.queries import Speaker, Statements
from farcall.stores.sqlite.usage import charge

# What is larger lies in a table of its own, so that completing an invocation does not rewrite its arguments.
INLINE_BYTES = 2_048

_QUEUED = int(InvocationState.QUEUED)
_FIRST_FINAL = int(InvocationState.SUCCEEDED)
# Places in a row of insert_invocations.
_SEQ, _ID, _CALLER, _STATE, _DIGEST, _ATTEMPT, _FENCE, _WORKER = 0, 1, 3, 4, 6, 12, 13, 14
_STARTED, _FINISHED, _RUN, _FAILURE, _RESULT, _BLOBS, _CPU = 15, 16, 17, 18, 20, 21, 23

Slot = tuple[list[Outcome], int]
_encode_json = msgspec.json.encode
_encode_failure = msgspec.msgpack.encode


def body_key(seq: int, *, result: bool) -> int:
    """Where a large body of this invocation lies."""
    return 2 * seq + result


class Admission(Speaker):
    """Whether the caller's access is still what it was when it was checked.

    What was read is remembered over transactions: only this writer changes it, and it says so by `forget`.
    """

    def __init__(self, connection: apsw.Connection, statements: Statements) -> None:
        super().__init__(connection, statements)
        self._access: dict[int, tuple[int, int] | None] = {}
        self._versions: dict[int, bool] = {}

    def admits(self, version: int, caller: int, access_epoch: int) -> bool:
        """False also if the version, or the caller, does not exist."""
        access = self._access.get(caller)
        if access is None:
            access = self._access[caller] = self.one("access_of", caller)
        return access is not None and access == (access_epoch, 0) and self.version_exists(version)

    def version_exists(self, version: int) -> bool:
        known = self._versions.get(version)
        if known is None:
            known = self._versions[version] = self.one("version_exists", version) is not None
        return known

    def forget(self) -> None:
        """Accounts or versions have changed, or what was read was rolled back."""
        self._access.clear()
        self._versions.clear()


class Inflow:
    """One transaction's inserts and completions."""

    def __init__(self, admission: Admission, order: AcceptOrder, filing: Filing) -> None:
        self._connection = admission.connection
        self._statements = admission.statements
        self._admission = admission
        self._order = order
        self._filing = filing
        self._rows: dict[bytes, list[Any]] = {}
        self._slots: list[tuple[Slot, NewInvocation, list[Any]]] = []
        # Completions that were merged into a row of this transaction: to be done over if the row is not inserted.
        self._merged: dict[bytes, list[tuple[Slot, Completion]]] = {}
        self._updates: dict[bytes, tuple[Slot, Completion]] = {}
        self._bodies: list[Any] = []
        self._references: list[tuple[str, int]] = []
        self._ended: list[Completion] = []  # of what is filed: to be charged once they are written

    # -- gathering -----------------------------------------------------------------------------------------------------

    def accept(self, items: Sequence[NewInvocation]) -> list[Outcome]:
        """The outcomes are right after the next `flush`."""
        outcomes = [Outcome.OK] * len(items)
        rows, slots, order, admits = self._rows, self._slots, self._order, self._admission.admits
        for index, item in enumerate(items):
            if not admits(item.version, item.caller, item.access_epoch):
                outcomes[index] = self._refused(item)
                rows, slots = self._rows, self._slots
                continue
            if item.id in rows or item.id in self._updates:
                self.flush()
                rows, slots = self._rows, self._slots
            order.last = seq = order.last + 1
            arguments: bytes | None = item.arguments
            if len(item.arguments) > INLINE_BYTES:
                self._bodies += (body_key(seq, result=False), item.arguments)
                arguments = None
            row = [
                seq,
                item.id,
                item.version,
                item.caller,
                _QUEUED,
                item.priority,
                item.request_digest,
                item.created_at,
                item.timeout_seconds,
                item.expires_at,
                item.queue,
                item.tries_left,
                0,
                0,
                "",
                None,
                None,
                0.0,
                None,
                arguments,
                b"",
                _encode_json(item.blobs).decode() if item.blobs else None,
                item.key or None,
                0.0,
            ]
            if item.blobs:
                self._references += [(digest, seq) for digest in item.blobs]
            rows[item.id] = row
            slots.append(((outcomes, index), item, row))
        return outcomes

    def complete(self, items: Sequence[Completion]) -> list[Outcome]:
        """The outcomes are right after the next `flush`."""
        outcomes = [Outcome.OK] * len(items)
        for index, item in enumerate(items):
            row = self._rows.get(item.id)
            if row is not None and (item.blobs or row[_BLOBS] is not None):
                self.flush()
            elif row is not None:
                self._merge(row, (outcomes, index), item)
                continue
            if item.id in self._updates:
                self.flush()
            self._updates[item.id] = ((outcomes, index), item)
        return outcomes

    def _merge(self, row: list[Any], slot: Slot, item: Completion) -> None:
        outcomes, index = slot
        self._merged.setdefault(item.id, []).append((slot, item))
        if item.request_digest and item.request_digest != row[_DIGEST]:
            outcomes[index] = Outcome.STALE
            return
        if row[_STATE] >= _FIRST_FINAL:
            outcomes[index] = Outcome.DUPLICATE if item.fence and item.fence == row[_FENCE] else Outcome.STALE
            return
        row[_STATE] = int(item.state)
        row[_ATTEMPT] = item.attempt
        row[_FENCE] = item.fence
        row[_WORKER] = item.worker
        row[_STARTED] = item.started_at
        row[_FINISHED] = item.finished_at
        row[_RUN] = item.run_seconds
        row[_CPU] = item.cpu_seconds
        row[_FAILURE] = None if item.failure is None else _encode_failure(item.failure)
        row[_RESULT] = self._result_of(row[_SEQ], item)

    def _result_of(self, seq: int, item: Completion) -> bytes | None:
        if item.blobs:
            self._references += [(digest, seq) for digest in item.blobs]
        if len(item.result) <= INLINE_BYTES:
            return item.result
        self._bodies += (body_key(seq, result=True), item.result)
        return None

    def _refused(self, item: NewInvocation) -> Outcome:
        """What was accepted before stays so, whatever became of the permission."""
        self.flush()
        found = self._connection.execute(self._statements["find_invocation"], (item.id,)).get
        if found is not None:
            return _same_request(found, item)
        return Outcome.DENIED if self._admission.version_exists(item.version) else Outcome.MISSING

    # -- writing -------------------------------------------------------------------------------------------------------

    def insert_ended(self, inserts: Sequence[NewInvocation], ends: Sequence[Completion]) -> list[list[Outcome]] | None:
        """Insert and end of one call, by a single statement that is a transaction of its own.

        None: that is not all that there is to do, and nothing was done.
        """
        if len(inserts) != 1 or len(ends) != 1 or inserts[0].blobs or ends[0].blobs or self._filing.is_due():
            return None
        outcomes = [self.accept(inserts), self.complete(ends)]
        row = self._rows.get(ends[0].id)
        if row is None or self._bodies:
            return None
        return outcomes if self._statements.insert_invocations.run(self._connection, row) else None

    def flush(self) -> None:
        """Write what was gathered; afterwards the outcomes are right and the rows can be seen."""
        if self._rows:
            self._insert()
        self._put_bodies()
        if self._updates:
            self._update()
        self._put_bodies()
        if self._ended:
            charge(self._connection, self._statements, self._ended)
            self._ended = []
        if self._references:
            self._refer()

    def file(self, *, anyhow: bool = False) -> None:
        """File what was accepted, if enough has come together; everything has been flushed."""
        if anyhow or self._filing.is_due():
            self._filing.catch_up()

    def _put_bodies(self) -> None:
        if self._bodies:
            self._statements.put_bodies.run(self._connection, self._bodies)
            self._bodies = []

    def _insert(self) -> None:
        rows, slots = self._rows, self._slots
        self._rows, self._slots = {}, []
        merged, self._merged = self._merged, {}
        flat: list[Any] = []
        for row in rows.values():
            flat += row
        if self._statements.insert_invocations.run(self._connection, flat) != len(rows):
            self._redo_refused(slots, merged)

    def _redo_refused(
        self,
        slots: list[tuple[Slot, NewInvocation, list[Any]]],
        merged: dict[bytes, list[tuple[Slot, Completion]]],
    ) -> None:
        """Some ids were there before: find which, undo what was gathered for them, complete the older rows instead."""
        find = self._statements["find_invocation"]
        refused: set[int] = set()
        again: list[tuple[Slot, Completion]] = []
        for (outcomes, index), item, row in slots:
            found = self._connection.execute(find, (item.id,)).get
            if found[0] == row[_SEQ]:
                continue
            outcomes[index] = _same_request(found, item)
            refused.add(row[_SEQ])
            again += merged.get(item.id, ())
        keys, bodies = self._bodies[::2], self._bodies[1::2]
        self._bodies = []
        for key, body in zip(keys, bodies, strict=True):
            if key >> 1 not in refused:
                self._bodies += (key, body)
        self._references = [pair for pair in self._references if pair[1] not in refused]
        for slot, completion in again:
            self._complete_one(slot, completion)

    def _update(self) -> None:
        updates, self._updates = self._updates, {}
        keys: list[Any] = []
        for _, item in updates.values():
            keys += (item.id, item.fence, item.request_digest)
        unfit, filed, naming = self._statements.check_completions.totals(self._connection, keys)
        if unfit:
            for slot, item in updates.values():
                self._complete_one(slot, item)
            return
        if filed < len(updates) and (filed or naming or any(item.blobs for _, item in updates.values())):
            self._filing.catch_up()  # so all of these are charged here, and blobs by what is known of them now
            filed = len(updates)
        flat: list[Any] = []
        heavy: list[Completion] = []
        for _, item in updates.values():
            if item.blobs or len(item.result) > INLINE_BYTES:
                heavy.append(item)
                flat += _values(item, None if len(item.result) > INLINE_BYTES else item.result)
            else:
                flat += _values(item, item.result)
        self._statements.complete_invocations.run(self._connection, flat)
        if filed:
            self._ended += [item for _, item in updates.values()]
        for item in heavy:
            seq = self._connection.execute(self._statements["find_invocation"], (item.id,)).get[0]
            self._result_of(seq, item)

    def _complete_one(self, slot: Slot, item: Completion) -> None:
        outcomes, index = slot
        outcomes[index] = self._try_complete(item)

    def _try_complete(self, item: Completion) -> Outcome:
        found = self._connection.execute(self._statements["completable"], (item.id,)).get
        if found is None:
            return Outcome.MISSING
        seq, state, fence, digest, naming = found
        if item.request_digest and item.request_digest != digest:
            return Outcome.STALE  # the end of another request, which had the same id and was refused
        if state >= _FIRST_FINAL:
            return Outcome.DUPLICATE if item.fence and item.fence == fence else Outcome.STALE
        if item.fence and item.fence < fence:
            return Outcome.STALE
        if item.blobs or naming:
            self._put_bodies()
            self._filing.catch_up()
        self._statements.complete_invocations.run(self._connection, _values(item, self._result_of(seq, item)))
        if seq <= self._filing.filed_to:
            self._ended.append(item)
        return Outcome.OK

    def _refer(self) -> None:
        references, self._references = self._references, []
        for digest, seq in references:
            self._connection.execute(self._statements["put_blob"], (digest, None))
            self._connection.execute(self._statements["refer_to_blob"], (digest, seq))


def _same_request(found: tuple[int, bytes, int], item: NewInvocation) -> Outcome:
    _, digest, caller = found
    same = digest == item.request_digest and caller == item.caller
    return Outcome.DUPLICATE if same else Outcome.CONFLICT


def _values(item: Completion, result: bytes | None) -> tuple[Any, ...]:
    return (
        item.id,
        item.fence,
        int(item.state),
        item.attempt,
        item.worker,
        item.started_at,
        item.finished_at,
        item.run_seconds,
        None if item.failure is None else _encode_failure(item.failure),
        result,
        item.cpu_seconds,
    )
