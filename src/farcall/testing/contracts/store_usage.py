"""What was used: sums of what was recorded, each end exactly once. Limits, and taking bodies out of records."""

from __future__ import annotations

import pytest

from farcall.domain.errors import Failure
from farcall.domain.states import InvocationState
from farcall.hub.ports import (
    Accept,
    CollectBlobs,
    Complete,
    Erase,
    Expunge,
    Outcome,
    PinBlob,
    PublishVersions,
    SetLimits,
    UsageFilter,
    UsageRow,
)
from farcall.testing.contracts.desk import START, Desk, WithDesk, version_spec

A, B = ("blake3:" + letter * 64 for letter in "ab")
TODAY = int(START) // 86_400
APART = UsageFilter(by_day=True, by_function=True, by_version=True, by_caller=True)


async def total(desk: Desk) -> UsageRow:
    """Everything in one row."""
    [row] = await desk.store.usage(UsageFilter())
    return row


class UsageContract(WithDesk):
    @pytest.mark.parametrize("told", [True, False], ids=["with its invocation", "by its id alone"])
    @pytest.mark.parametrize("size", [10, 5_000])
    async def test_an_end_is_charged_once_to_its_day_version_and_caller(
        self, desk: Desk, told: bool, size: int
    ) -> None:
        items = await desk.accepted(300, arguments=b"a" * size)
        ends = [
            desk.completion(
                item,
                5,
                result=b"r" * 2 * size,
                cpu_seconds=0.5,
                finished_at=START,
                invocation=item if told else None,
            )
            for item in items
        ]
        assert await desk.complete(*ends) == [Outcome.OK] * 300
        row = UsageRow(TODAY, "alice/physics/fall", 1, "bob", 300, 0, 225.0, 150.0, 300 * size, 600 * size)
        assert await desk.store.usage(APART) == [row]
        assert await desk.complete(*ends) == [Outcome.DUPLICATE] * 300
        assert await desk.store.usage(APART) == [row]

    @pytest.mark.parametrize("told", [True, False], ids=["with its invocation", "by its id alone"])
    async def test_what_is_accepted_and_ends_in_one_commit_is_charged_once(self, desk: Desk, told: bool) -> None:
        known = (await desk.accepted())[0]
        items = [known, *(desk.new() for _ in range(20))]
        ends = [desk.completion(item, 5, invocation=item if told else None) for item in items]
        desk.store.write(Accept(items, lazy=True))
        desk.store.write(Complete(ends[:10]))
        desk.store.write(Complete(ends))
        await desk.complete(*ends[5:15])
        assert (await total(desk)).invocations == 21
        assert (await total(desk)).bytes_in == sum(len(item.arguments) for item in items)
        assert (await total(desk)).bytes_out == sum(len(end.result) for end in ends)

    @pytest.mark.parametrize("told", [True, False], ids=["with its invocation", "by its id alone"])
    async def test_many_callers_and_days_in_one_commit_are_told_apart(self, desk: Desk, told: bool) -> None:
        ends = []
        for n in range(60):
            [item] = await desk.accepted(1, caller=(desk.bob, desk.alice)[n % 2])
            at = START + n % 3 * 86_400
            ends.append(desk.completion(item, 5, finished_at=at, invocation=item if told else None))
        assert await desk.complete(*ends) == [Outcome.OK] * 60
        rows = await desk.store.usage(UsageFilter(by_day=True, by_caller=True))
        assert [(row.day, row.caller, row.invocations, row.run_seconds) for row in rows] == [
            (TODAY + day, caller, 10, 7.5) for day in range(3) for caller in ("alice", "bob")
        ]

    async def test_what_was_not_recorded_is_not_charged(self, desk: Desk) -> None:
        [item] = await desk.accepted()
        other = desk.completion(desk.new(), 5)
        foreign = desk.completion(item, 9, request_digest=b"another request.")
        assert await desk.complete(other, foreign) == [Outcome.MISSING, Outcome.STALE]
        assert await desk.store.usage(UsageFilter()) == []
        outcomes = await desk.complete(desk.completion(item, 5), desk.completion(item, 6))
        assert outcomes == [Outcome.OK, Outcome.STALE]
        assert (await total(desk)).invocations == 1

    async def test_whatever_did_not_succeed_counts_as_a_failure(self, desk: Desk) -> None:
        items = await desk.accepted(4)
        states = [InvocationState.SUCCEEDED, InvocationState.FAILED, InvocationState.CANCELLED, InvocationState.EXPIRED]
        await desk.complete(
            *[desk.completion(item, 5, state=state, result=b"") for item, state in zip(items, states, strict=True)]
        )
        row = await total(desk)
        assert (row.invocations, row.failures, row.bytes_out) == (4, 3, 0)

    async def test_blobs_count_by_their_size(self, desk: Desk) -> None:
        await desk.store.do(PinBlob(A, 1_000, desk.bob, START))
        await desk.store.do(PinBlob(B, 50_000, desk.alice, START))
        items = await desk.accepted(2, arguments=b"a" * 10, blobs=(A,))
        ends = [desk.completion(item, 5, result=b"r" * 20, blobs=(A, B), invocation=item) for item in items]
        assert await desk.complete(*ends) == [Outcome.OK] * 2
        row = await total(desk)
        assert (row.bytes_in, row.bytes_out) == (2 * 1_010, 2 * 51_020)

    async def test_usage_is_narrowed_and_told_apart_as_asked(self, desk: Desk) -> None:
        [g] = await desk.store.do(PublishVersions(desk.alice, [version_spec("alice/g")], START))
        [h] = await desk.store.do(PublishVersions(desk.bob, [version_spec("bob/h")], START))
        for days, version, caller in (
            (0, desk.version, desk.bob),
            (1, desk.version, desk.bob),
            (1, g, desk.bob),
            (1, h, desk.alice),
            (2, desk.version, desk.alice),
        ):
            [item] = await desk.accepted(1, version=version.version, caller=caller)
            await desk.complete(desk.completion(item, 5, finished_at=START + days * 86_400))

        async def seen(**query: object) -> list[tuple[object, ...]]:
            rows = await desk.store.usage(UsageFilter(**query))  # type: ignore[arg-type]
            return [(row.day and row.day - TODAY, row.function, row.caller, row.invocations) for row in rows]

        assert await seen() == [(None, None, None, 5)]
        assert await seen(by_function=True) == [
            (None, "alice/g", None, 1),
            (None, "alice/physics/fall", None, 3),
            (None, "bob/h", None, 1),
        ]
        assert await seen(caller=desk.bob, by_day=True) == [(0, None, None, 1), (1, None, None, 2)]
        assert await seen(owners=[desk.alice], by_caller=True) == [(None, None, "alice", 1), (None, None, "bob", 3)]
        assert await seen(owners=[desk.bob], caller=desk.bob) == []
        assert await seen(owners=(desk.alice, desk.bob)) == [(None, None, None, 5)]
        assert await seen(owners=()) == []
        assert await seen(function="alice/physics") == [(None, None, None, 3)]
        assert await seen(function="alice/physics/f", by_day=True) == []
        assert await seen(since=TODAY + 1, until=TODAY + 1, by_caller=True) == [
            (None, None, "alice", 1),
            (None, None, "bob", 2),
        ]
        assert await seen(by_function=True, limit=1, skip=1) == [(None, "alice/physics/fall", None, 3)]

    async def test_what_has_not_ended_is_listed_by_caller(self, desk: Desk) -> None:
        first, second, third = await desk.accepted(3)
        await desk.accepted(1, caller=desk.alice)
        await desk.complete(desk.completion(second, 5))
        unfinished = await desk.store.unfinished(desk.bob)
        assert unfinished == [(first.id, "alice/physics/fall"), (third.id, "alice/physics/fall")]

    async def test_limits_are_kept_and_change_access(self, desk: Desk) -> None:
        assert await desk.store.do(SetLimits(desk.bob, '{"in_flight":2}', START)) is Outcome.OK
        assert await desk.store.do(SetLimits(999, "{}", START)) is Outcome.MISSING
        row = await desk.store.account(key=desk.bob)
        assert row is not None
        assert (row.limits, row.access_epoch) == ('{"in_flight":2}', 2)
        assert await desk.accept(desk.new(access_epoch=1)) == [Outcome.DENIED]

    @pytest.mark.parametrize("size", [10, 5_000])
    async def test_erasing_takes_bodies_and_words_and_leaves_the_record(self, desk: Desk, size: int) -> None:
        await desk.store.do(PinBlob(A, 10, desk.bob, START - 1))
        done, failed, running = await desk.accepted(3, arguments=b"a" * size, blobs=(A,))
        said = Failure("function_error", "bad word: secret", "hint", "ValueError", "secret")
        await desk.complete(
            desk.completion(done, 5, result=b"r" * size),
            desk.completion(failed, 5, state=InvocationState.FAILED, result=b"", failure=said),
        )
        charged = await total(desk)
        outcomes = [await desk.store.do(Erase(item.id, START + 9)) for item in (done, failed, running, done)]
        assert outcomes == [Outcome.OK, Outcome.OK, Outcome.STALE, Outcome.DUPLICATE]
        assert await desk.store.do(Erase(desk.identifier(), START)) is Outcome.MISSING
        for item in (done, failed):
            row = await desk.store.invocation(item.id)
            assert row is not None
            assert (row.arguments, row.result, row.erased_at) == (b"", b"", START + 9)
            assert "secret" not in repr(row.failure)
            assert (row.failure and row.failure.code) == (None if item is done else "function_error")
        untouched = await desk.store.invocation(running.id)
        assert untouched is not None
        assert (untouched.arguments, untouched.erased_at) == (running.arguments, None)
        assert await total(desk) == charged
        assert await desk.store.do(CollectBlobs(START, 10)) == []  # what has not ended refers to it
        await desk.complete(desk.completion(running, 5))
        await desk.store.do(Erase(running.id, START))
        assert await desk.store.do(CollectBlobs(START, 10)) == [A]

    async def test_retention_does_not_change_what_was_charged(self, desk: Desk) -> None:
        [item] = await desk.accepted()
        await desk.complete(desk.completion(item, 5))
        charged = await total(desk)
        assert await desk.store.do(Expunge(desk.clock + 1_000, 10)) == 1
        assert await total(desk) == charged
