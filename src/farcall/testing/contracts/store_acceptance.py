"""Accept and claim: what is taken in, and how it is found again."""

from __future__ import annotations

from farcall.domain.model import NewInvocation
from farcall.domain.states import InvocationState
from farcall.hub.ports import Accept, Complete, Lane, Lease, LeaseItem, Outcome, SetDisabled
from farcall.testing.contracts.desk import Desk, WithDesk, ids

OK, DUPLICATE, CONFLICT = Outcome.OK, Outcome.DUPLICATE, Outcome.CONFLICT


class AcceptanceContract(WithDesk):
    async def test_an_accepted_invocation_is_there_as_it_was_given(self, desk: Desk) -> None:
        item = desk.new(
            priority=-3,
            timeout_seconds=1.5,
            expires_at=desk.clock + 60.125,
            queue=True,
            tries_left=5,
            blobs=("blake3:" + "ab" * 32, "blake3:" + "cd" * 32),
            key="a key ✓",
        )
        assert await desk.accept(item) == [OK]
        [queued] = await desk.claim(priority=-3)
        item.access_epoch = 0
        assert queued.invocation == item
        assert (queued.attempts, queued.fence, queued.worker, queued.cancelled) == (0, 0, "", False)
        row = await desk.store.invocation(item.id)
        assert row is not None
        assert (row.function, row.number, row.caller_handle, row.owner) == ("alice/physics/fall", 1, "bob", desk.alice)
        assert (row.state, row.arguments, row.result) == (InvocationState.QUEUED, item.arguments, b"")
        assert (row.created_at, row.expires_at, row.priority) == (item.created_at, item.expires_at, -3)
        assert row.options_timeout_seconds == 1.5

    async def test_accepting_the_same_request_again_changes_nothing(self, desk: Desk) -> None:
        [item] = await desk.accepted()
        assert await desk.accept(item) == [DUPLICATE]
        assert await desk.accept(item, item) == [DUPLICATE, DUPLICATE]
        assert ids(await desk.claim()) == [item.id]

    async def test_an_id_that_is_taken_by_another_request_is_a_conflict(self, desk: Desk) -> None:
        [item] = await desk.accepted()
        assert await desk.accept(desk.new(id=item.id, request_digest=b"x" * 16)) == [CONFLICT]
        assert await desk.accept(desk.new(id=item.id, request_digest=item.request_digest, caller=desk.alice)) == [
            CONFLICT
        ]
        [queued] = await desk.claim()
        assert queued.invocation.arguments == item.arguments

    async def test_the_same_id_twice_in_one_command_is_accepted_once(self, desk: Desk) -> None:
        item = desk.new()
        other = desk.new(id=item.id, request_digest=b"x" * 16)
        assert await desk.accept(item, item, other) == [OK, DUPLICATE, CONFLICT]

    async def test_a_bad_item_does_not_spoil_its_neighbours(self, desk: Desk) -> None:
        [known] = await desk.accepted()
        items = [
            desk.new(),
            desk.new(access_epoch=9),
            known,
            desk.new(),
            desk.new(version=99),
            desk.new(id=known.id, request_digest=b"x" * 16),
            desk.new(caller=77),
            desk.new(),
        ]
        assert await desk.accept(*items) == [
            OK,
            Outcome.DENIED,
            DUPLICATE,
            OK,
            Outcome.MISSING,
            CONFLICT,
            Outcome.DENIED,
            OK,
        ]
        assert ids(await desk.claim()) == [known.id, items[0].id, items[3].id, items[7].id]

    async def test_access_that_changed_before_the_commit_is_denied(self, desk: Desk) -> None:
        early, late = desk.new(), desk.new()
        desk.store.write(Accept([early]))
        desk.store.write(SetDisabled(desk.bob, True, desk.clock))
        assert await desk.accept(late) == [Outcome.DENIED]
        assert await desk.accept(desk.new(access_epoch=2)) == [Outcome.DENIED]
        await desk.store.do(SetDisabled(desk.bob, False, desk.clock))
        assert await desk.accept(desk.new(access_epoch=3)) == [OK]
        assert await desk.accept(early, late) == [DUPLICATE, Outcome.DENIED]

    async def test_bodies_of_every_size_come_back(self, desk: Desk) -> None:
        sizes = (0, 1, 2_047, 2_048, 2_049, 5_000, 1 << 20)
        items = [desk.new(arguments=bytes(size)) for size in sizes]
        assert await desk.accept(*items) == [OK] * len(sizes)
        assert [len(queued.invocation.arguments) for queued in await desk.claim()] == list(sizes)
        done = [desk.completion(item, 5, result=b"r" * size) for item, size in zip(items, sizes, strict=True)]
        assert await desk.complete(*done) == [OK] * len(sizes)
        for item, size in zip(items, sizes, strict=True):
            row = await desk.store.invocation(item.id)
            assert row is not None
            assert (len(row.arguments), len(row.result)) == (size, size)
        ended, _, _ = await desk.store.settlements(ids(items), desk.bob)
        assert [len(settlement.result) for settlement in ended] == list(sizes)

    async def test_a_large_body_that_was_refused_does_not_replace_the_accepted_one(self, desk: Desk) -> None:
        [item] = await desk.accepted(arguments=b"a" * 9_000)
        other = desk.new(id=item.id, arguments=b"b" * 9_000, request_digest=b"x" * 16)
        desk.store.write(Accept([other]))
        assert await desk.complete(desk.completion(item, 5, result=b"c" * 9_000)) == [OK]
        row = await desk.store.invocation(item.id)
        assert row is not None
        assert (row.arguments, row.result) == (b"a" * 9_000, b"c" * 9_000)

    async def test_a_claim_returns_the_oldest_of_the_lane_after_a_given_one(self, desk: Desk) -> None:
        items = await desk.accepted(10)
        others = await desk.accepted(2, priority=1) + await desk.accepted(2, caller=desk.alice)
        assert ids(await desk.claim(3)) == ids(items[:3])
        assert ids(await desk.claim(3, after=items[2].id)) == ids(items[3:6])
        assert ids(await desk.claim(100, after=items[8].id)) == ids(items[9:])
        assert await desk.claim(after=items[9].id) == []
        assert ids(await desk.claim(2, after=desk.identifier())) == ids(items[:2])
        assert await desk.claim(0) == []
        lanes = dict(await desk.store.lanes())
        version = desk.version.version
        assert lanes == {(version, 0, desk.bob): 10, (version, 1, desk.bob): 2, (version, 0, desk.alice): 2}
        assert not set(ids(others)) & set(ids(await desk.claim()))

    async def test_a_claim_sees_what_was_accepted_before_it_and_not_what_comes_after(self, desk: Desk) -> None:
        before, after = desk.new(), desk.new()
        desk.store.write(Accept([before]))
        claimed = desk.claim()
        assert ids(await claimed) == [before.id]
        desk.store.write(Accept([after]))
        assert ids(await desk.claim()) == [before.id, after.id]

    async def test_the_order_of_acceptance_holds_whatever_the_clock_says(self, desk: Desk) -> None:
        items = [desk.new(created_at=at) for at in (50.0, 10.0, 10.0, 90.0)]
        assert await desk.accept(*items) == [OK] * 4
        assert ids(await desk.claim(2)) == ids(items[:2])
        assert ids(await desk.claim(9, after=items[1].id)) == ids(items[2:])

    async def test_only_queued_ones_are_claimed(self, desk: Desk) -> None:
        done, leased, waiting = await desk.accepted(3)
        assert await desk.complete(desk.completion(done, 5)) == [OK]
        await desk.store.do(Lease([LeaseItem(leased.id, 6, "boot-1", 1, desk.clock)]))
        assert ids(await desk.claim()) == [waiting.id]
        assert await desk.store.lanes() == [(Lane((desk.version.version, 0, desk.bob)), 1)]

    async def test_a_thousand_come_back_in_order(self, desk: Desk) -> None:
        items: list[NewInvocation] = []
        for _ in range(4):
            items += await desk.accepted(257)
        assert ids(await desk.claim(5_000)) == ids(items)

    async def test_lazy_ones_are_committed_without_anything_behind_them(self, desk: Desk) -> None:
        item = desk.new()
        assert await desk.store.do(Accept([item], lazy=True)) == [OK]
        assert await desk.state(item.id) is InvocationState.QUEUED

    async def test_an_insert_and_its_completion_written_together_leave_one_finished_record(self, desk: Desk) -> None:
        item = desk.new(arguments=b"a" * 3_000, blobs=("blake3:" + "ab" * 32,))
        answers: list[object] = []
        desk.store.write(Accept([item], lazy=True), answers.append)
        desk.store.write(Complete([desk.completion(item, 5)]), answers.append)
        assert await desk.complete(desk.completion(item, 5), desk.completion(item, 6)) == [DUPLICATE, Outcome.STALE]
        assert answers == [[OK], [OK]]
        row = await desk.store.invocation(item.id)
        assert row is not None
        assert (row.state, row.result, row.attempt) == (InvocationState.SUCCEEDED, b"result of " + item.id, 1)
        assert row.arguments == item.arguments
        assert await desk.claim() == []
