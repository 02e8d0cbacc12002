"""Lease, complete, requeue, cancel: what may become of an invocation, and what is refused as stale."""

from __future__ import annotations

from farcall.domain.errors import Failure
from farcall.domain.states import InvocationState
from farcall.hub.ports import Accept, Complete, FlagCancel, Lease, LeaseItem, Outcome, Requeue, RequeueItem
from farcall.testing.contracts.desk import Desk, WithDesk, ids

OK, DUPLICATE, STALE, MISSING = Outcome.OK, Outcome.DUPLICATE, Outcome.STALE, Outcome.MISSING


async def lease(desk: Desk, identifier: bytes, fence: int, attempt: int = 1) -> Outcome:
    [outcome] = await desk.store.do(Lease([LeaseItem(identifier, fence, "boot-1", attempt, desk.clock)]))
    assert isinstance(outcome, Outcome)
    return outcome


async def requeue(desk: Desk, identifier: bytes, fence: int, tries_left: int = 2, attempt: int = 1) -> Outcome:
    item = RequeueItem(identifier, fence, tries_left, attempt, "boot-1", "lost", desk.clock)
    [outcome] = await desk.store.do(Requeue([item]))
    assert isinstance(outcome, Outcome)
    return outcome


class AttemptsContract(WithDesk):
    async def test_a_completion_is_recorded_once(self, desk: Desk) -> None:
        [item] = await desk.accepted()
        first = desk.completion(item, 5)
        assert await desk.complete(first) == [OK]
        assert await desk.complete(first) == [DUPLICATE]
        assert await desk.complete(desk.completion(item, 6, result=b"another")) == [STALE]
        assert await desk.complete(desk.completion(item, 0, state=InvocationState.CANCELLED)) == [STALE]
        row = await desk.store.invocation(item.id)
        assert row is not None
        assert (row.state, row.result, row.worker) == (InvocationState.SUCCEEDED, first.result, "boot-1")
        assert (row.started_at, row.finished_at, row.run_seconds) == (first.started_at, first.finished_at, 0.75)

    async def test_a_failure_comes_back_as_it_was(self, desk: Desk) -> None:
        [item] = await desk.accepted()
        failure = Failure("function_error", "no ✓", "hint", "builtins.ValueError", "Traceback…", [("args[0]", "bad")])
        done = desk.completion(item, 5, state=InvocationState.FAILED, result=b"", failure=failure)
        assert await desk.complete(done) == [OK]
        row = await desk.store.invocation(item.id)
        assert row is not None
        assert row.failure == failure
        [[settlement], going_on, unknown] = await desk.store.settlements([item.id], desk.bob)
        assert (settlement.failure, settlement.state) == (failure, InvocationState.FAILED)
        assert (going_on, unknown) == ([], [])

    async def test_one_command_may_hold_good_stale_and_unknown_completions(self, desk: Desk) -> None:
        fresh, finished, leased, other = await desk.accepted(4)
        assert await desk.complete(desk.completion(finished, 3)) == [OK]
        assert await lease(desk, leased.id, 10) is OK
        unknown = desk.new()
        outcomes = await desk.complete(
            desk.completion(fresh, 5),
            desk.completion(finished, 4),
            desk.completion(leased, 9),
            desk.completion(unknown, 5),
            desk.completion(finished, 3),
            desk.completion(other, 0, state=InvocationState.EXPIRED),
            desk.completion(fresh, 5),
        )
        assert outcomes == [OK, STALE, STALE, MISSING, DUPLICATE, OK, DUPLICATE]
        assert await desk.state(leased.id) is InvocationState.RUNNING
        assert await desk.state(other.id) is InvocationState.EXPIRED

    async def test_a_lost_attempt_can_no_longer_complete(self, desk: Desk) -> None:
        [item] = await desk.accepted()
        assert await requeue(desk, item.id, 5) is OK
        assert await desk.complete(desk.completion(item, 5)) == [STALE]
        assert await desk.state(item.id) is InvocationState.QUEUED
        assert await desk.complete(desk.completion(item, 6, attempt=2)) == [OK]
        row = await desk.store.invocation(item.id)
        assert row is not None
        assert (row.attempt, row.tries_left) == (2, 2)

    async def test_a_lease_is_remembered_until_there_is_an_outcome(self, desk: Desk) -> None:
        first, second = await desk.accepted(2)
        assert await lease(desk, first.id, 5) is OK
        assert await lease(desk, first.id, 5) is OK
        assert await lease(desk, second.id, 6, attempt=3) is OK
        assert [(row.invocation.id, row.fence, row.worker, row.attempts) for row in await desk.store.leased()] == [
            (first.id, 5, "boot-1", 1),
            (second.id, 6, "boot-1", 3),
        ]
        assert await desk.state(first.id) is InvocationState.RUNNING
        assert await desk.complete(desk.completion(first, 5)) == [OK]
        assert await requeue(desk, second.id, 6, tries_left=1) is OK
        assert await desk.store.leased() == []
        [queued] = await desk.claim()
        assert (queued.invocation.id, queued.fence, queued.attempts) == (second.id, 0, 1)
        assert queued.invocation.tries_left == 1

    async def test_what_is_not_final_is_found_by_its_id(self, desk: Desk) -> None:
        waiting, leased, finished, other = await desk.accepted(4)
        assert await lease(desk, leased.id, 6, attempt=2) is OK
        assert await desk.complete(desk.completion(finished, 5)) == [OK]
        asked = [leased.id, desk.identifier(), finished.id, waiting.id, waiting.id]
        rows = {row.invocation.id: row for row in await desk.store.queued(asked)}
        assert set(rows) == {waiting.id, leased.id}
        assert (rows[leased.id].fence, rows[leased.id].attempts, rows[leased.id].worker) == (6, 2, "boot-1")
        assert (rows[waiting.id].fence, rows[waiting.id].invocation.arguments) == (0, waiting.arguments)
        assert await desk.store.queued([]) == []
        assert [row.invocation.id for row in await desk.store.queued([other.id])] == [other.id]

    async def test_leases_with_old_fences_or_of_finished_ones_are_stale(self, desk: Desk) -> None:
        item, finished = await desk.accepted(2)
        assert await desk.complete(desk.completion(finished, 5)) == [OK]
        assert await lease(desk, finished.id, 9) is STALE
        assert await lease(desk, item.id, 9) is OK
        assert await lease(desk, item.id, 8) is STALE
        assert await requeue(desk, item.id, 8) is STALE
        assert await requeue(desk, item.id, 9) is OK
        assert await requeue(desk, item.id, 9) is STALE
        assert await lease(desk, item.id, 9) is STALE
        assert await lease(desk, desk.identifier(), 9) is MISSING
        assert await requeue(desk, desk.identifier(), 9) is MISSING
        assert await requeue(desk, finished.id, 9) is STALE

    async def test_a_requeue_is_told_in_the_timeline(self, desk: Desk) -> None:
        [item] = await desk.accepted()
        await requeue(desk, item.id, 5, tries_left=1)
        [note] = await desk.store.notes(item.id)
        assert (note.what, note.at) == ("requeued", desk.clock)
        assert note.detail == {"worker": "boot-1", "attempt": 1, "tries_left": 1, "reason": "lost"}

    async def test_a_flagged_invocation_is_never_leased_again(self, desk: Desk) -> None:
        item, finished = await desk.accepted(2)
        assert await desk.complete(desk.completion(finished, 5)) == [OK]
        flags = FlagCancel([item.id, finished.id, desk.identifier(), item.id], desk.clock)
        assert await desk.store.do(flags) == [OK, STALE, MISSING, DUPLICATE]
        assert await lease(desk, item.id, 9) is STALE
        [queued] = await desk.claim()
        assert queued.cancelled
        row = await desk.store.invocation(item.id)
        assert row is not None
        assert row.cancel_requested_at == desk.clock
        assert await desk.complete(desk.completion(item, 0, state=InvocationState.CANCELLED)) == [OK]
        assert await desk.store.do(FlagCancel([item.id], desk.clock)) == [STALE]

    async def test_commands_take_effect_in_the_order_in_which_they_were_written(self, desk: Desk) -> None:
        item = desk.new()
        answers: list[object] = []
        for command in (
            Accept([item], lazy=True),
            Requeue([RequeueItem(item.id, 5, 2, 1, "boot-1", "lost", desk.clock)]),
            Complete([desk.completion(item, 5)]),
            Complete([desk.completion(item, 6)]),
            Complete([desk.completion(item, 6)]),
            FlagCancel([item.id], desk.clock),
        ):
            desk.store.write(command, answers.append)
        assert await desk.accept(item) == [DUPLICATE]
        assert answers == [[OK], [OK], [STALE], [OK], [DUPLICATE], [STALE]]

    async def test_a_completion_behind_a_denied_insert_finds_nothing(self, desk: Desk) -> None:
        item = desk.new(access_epoch=5)
        desk.store.write(Accept([item], lazy=True))
        assert await desk.complete(desk.completion(item, 5)) == [MISSING]
        assert await desk.store.invocation(item.id) is None

    async def test_the_end_of_a_request_that_was_refused_does_not_end_the_one_whose_id_it_took(
        self, desk: Desk
    ) -> None:
        [first] = await desk.accepted()
        thief = desk.new(id=first.id, request_digest=b"another request!")
        desk.store.write(Accept([thief], lazy=True))
        stolen = desk.completion(first, 5, result=b"wrong", request_digest=thief.request_digest)
        assert await desk.complete(stolen) == [STALE]
        later = desk.completion(first, 6, result=b"wrong", request_digest=thief.request_digest)
        assert await desk.complete(later) == [STALE]
        assert await desk.complete(desk.completion(first, 7, request_digest=first.request_digest)) == [OK]

    async def test_a_completion_behind_a_repeated_insert_completes_the_older_one(self, desk: Desk) -> None:
        first, second, third = await desk.accepted(3)
        fresh = desk.new()
        assert await requeue(desk, second.id, 7) is OK
        desk.store.write(Accept([first, second, fresh, third], lazy=True))
        outcomes = await desk.complete(
            desk.completion(first, 5, result=b"x" * 5_000),
            desk.completion(second, 7),
            desk.completion(fresh, 5),
            desk.completion(first, 5),
        )
        assert outcomes == [OK, STALE, OK, DUPLICATE]
        row = await desk.store.invocation(first.id)
        assert row is not None
        assert (row.result, row.arguments) == (b"x" * 5_000, first.arguments)
        assert ids(await desk.claim()) == ids([second, third])
