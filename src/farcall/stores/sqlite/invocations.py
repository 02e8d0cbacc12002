"""Commands about invocations beside the hot path. All run in the writer's thread, within its transaction."""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from farcall.domain.model import NewInvocation
from farcall.domain.states import InvocationState
from farcall.hub.ports import (
    AddNotes,
    Claim,
    Expunge,
    FlagCancel,
    Lease,
    LeaseItem,
    Note,
    Outcome,
    Queued,
    Requeue,
    RequeueItem,
)
from farcall.stores.sqlite.inflow import body_key
from farcall.stores.sqlite.queries import Speaker, Statements

_FIRST_FINAL = int(InvocationState.SUCCEEDED)
_LEASED = int(InvocationState.RUNNING)
_EXPUNGE_STEP = 500
_encode_json = msgspec.json.encode
_decode_json = msgspec.json.Decoder(list[Any]).decode


class InvocationCommands(Speaker):
    """Each method carries out one command and returns its outcome."""

    def lease(self, command: Lease) -> list[Outcome]:
        return [self._lease(item) for item in command.items]

    def _lease(self, item: LeaseItem) -> Outcome:
        found = self.one("state_of", item.id)
        if found is None:
            return Outcome.MISSING
        seq, state, fence, cancelled_at = found
        if state >= _FIRST_FINAL or item.fence < fence or cancelled_at is not None:
            return Outcome.STALE
        self.one("lease", seq, item.fence, item.worker, item.attempt)
        return Outcome.OK

    def requeue(self, command: Requeue) -> list[Outcome]:
        return [self._requeue(item) for item in command.items]

    def _requeue(self, item: RequeueItem) -> Outcome:
        found = self.one("state_of", item.id)
        if found is None:
            return Outcome.MISSING
        seq, state, fence, _ = found
        if state >= _FIRST_FINAL or item.fence < fence:
            return Outcome.STALE
        self.one("requeue", seq, item.fence + 1, item.tries_left, item.attempt, item.worker)
        self.add_notes(AddNotes([requeue_note(item)]))
        return Outcome.OK

    def flag_cancel(self, command: FlagCancel) -> list[Outcome]:
        return [self._flag_cancel(identifier, command.at) for identifier in command.ids]

    def _flag_cancel(self, identifier: bytes, at: float) -> Outcome:
        found = self.one("state_of", identifier)
        if found is None:
            return Outcome.MISSING
        seq, state, _, cancelled_at = found
        if state >= _FIRST_FINAL:
            return Outcome.STALE
        if cancelled_at is not None:
            return Outcome.DUPLICATE
        self.one("flag_cancel", seq, at)
        return Outcome.OK

    def add_notes(self, command: AddNotes) -> list[Outcome]:
        flat: list[Any] = []
        for note in command.items:
            flat += (note.id, note.at, note.what, _encode_json(note.detail).decode())
        self.statements.add_notes.run(self.connection, flat)
        return [Outcome.OK] * len(command.items)

    def claim(self, command: Claim) -> list[Queued]:
        after = self.one("find_invocation", command.after) if command.after else None
        lane = command.lane
        text = self.one("claim", lane.version, lane.priority, lane.caller, after[0] if after else 0, command.limit)
        return queued_rows(self.connection, self.statements, text)

    def expunge(self, command: Expunge) -> int:
        """Walks in the order of acceptance, from where every body is known to be gone."""
        start = below = self.one("expunged_below")
        gapless = True
        done = 0
        while done < command.limit:
            page = self.all("expunge_candidates", start, _EXPUNGE_STEP)
            passed: list[int] = []
            for seq, created_at, finished_at, has_bodies in page:
                if created_at >= command.before or done >= command.limit:
                    page = []
                    break
                expunged = finished_at is not None and finished_at < command.before
                if expunged:
                    passed.append(seq)
                    done += has_bodies
                gapless = gapless and expunged
                if gapless:
                    below = seq + 1
                start = seq + 1
            keys = _encode_json(passed).decode()
            for name in ("expunge", "expunge_bodies", "expunge_references"):
                self.one(name, keys)
            if not page:
                break
        self.one("set_expunged_below", below)
        return done


def requeue_note(item: RequeueItem) -> Note:
    """What the timeline says of an attempt that ended without an outcome."""
    detail = {"worker": item.worker, "attempt": item.attempt, "tries_left": item.tries_left, "reason": item.reason}
    return Note(item.id, item.at, "requeued", detail)


def queued_rows(connection: apsw.Connection, statements: Statements, text: str) -> list[Queued]:
    """What the statements `claim` and `leased` answer, as values."""
    unhex = bytes.fromhex
    rows = []
    for (
        seq, identifier, version, caller, arguments, digest, created_at, priority, timeout_seconds, expires_at,
        queue, tries_left, blobs, key, attempt, fence, worker, cancelled, elsewhere, state,
    ) in _decode_json(text):  # fmt: skip
        body = unhex(arguments)
        if elsewhere:
            body = connection.execute(statements["body"], (body_key(seq, result=False),)).get
        invocation = NewInvocation(
            unhex(identifier),
            version,
            caller,
            body,
            unhex(digest),
            created_at,
            priority,
            timeout_seconds,
            expires_at,
            bool(queue),
            tries_left,
            0,
            tuple(blobs),
            key,
        )
        leased = state == _LEASED
        rows.append(Queued(invocation, attempt, fence if leased else 0, worker if leased else "", bool(cancelled)))
    return rows
