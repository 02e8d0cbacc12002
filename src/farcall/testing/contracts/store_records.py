"""What callers and owners read: settlements, lists, timelines; and what retention takes away."""

from __future__ import annotations

from farcall.domain.states import InvocationState
from farcall.hub.ports import AddNotes, Expunge, InvocationFilter, Note, Outcome, Page, PublishVersions
from farcall.testing.contracts.desk import START, Desk, WithDesk, ids, version_spec


def found(page: Page) -> list[bytes]:
    return [row.id for row in page.items]


class RecordsContract(WithDesk):
    async def test_settlements_tell_ended_going_on_and_unknown_apart(self, desk: Desk) -> None:
        items = await desk.accepted(1_100)
        foreign = (await desk.accepted(1, caller=desk.alice))[0]
        assert await desk.complete(*[desk.completion(item, 5) for item in items[:600]]) == [Outcome.OK] * 600
        nobody = desk.identifier()
        asked = [foreign.id, nobody, *ids(items)]
        ended, going_on, unknown = await desk.store.settlements(asked, desk.bob)
        assert [settlement.id for settlement in ended] == ids(items[:600])
        assert (ended[0].result, ended[0].attempt) == (b"result of " + items[0].id, 1)
        assert going_on == ids(items[600:])
        assert unknown == [foreign.id, nobody]

    async def test_lists_are_newest_first_and_go_on_from_a_cursor(self, desk: Desk) -> None:
        items = await desk.accepted(7)
        newest = ids(reversed(items))
        first = await desk.store.invocations(InvocationFilter(limit=3))
        assert found(first) == newest[:3]
        second = await desk.store.invocations(InvocationFilter(limit=3, cursor=first.next))
        third = await desk.store.invocations(InvocationFilter(limit=3, cursor=second.next))
        assert (found(second), found(third)) == (newest[3:6], newest[6:])
        assert third.next is None

    async def test_a_list_that_fits_exactly_has_no_next_page(self, desk: Desk) -> None:
        await desk.accepted(3)
        assert (await desk.store.invocations(InvocationFilter(limit=3))).next is None

    async def test_lists_are_narrowed_by_caller_owner_function_state_and_time(self, desk: Desk) -> None:
        specs = [version_spec("alice/physics/falling"), version_spec("alice/other/g"), version_spec("bob/h")]
        falling, g = [row.version for row in (await desk.store.do(PublishVersions(desk.alice, specs[:2], START)))]
        [h] = [row.version for row in (await desk.store.do(PublishVersions(desk.bob, specs[2:], START)))]
        [a] = await desk.accepted()
        [b] = await desk.accepted(1, version=falling)
        [c] = await desk.accepted(1, version=g, caller=desk.alice)
        [d] = await desk.accepted(1, version=h, caller=desk.alice)
        assert await desk.complete(desk.completion(b, 5, state=InvocationState.FAILED)) == [Outcome.OK]

        async def listed(**query: object) -> list[bytes]:
            return found(await desk.store.invocations(InvocationFilter(**query)))  # type: ignore[arg-type]

        assert await listed() == ids([d, c, b, a])
        assert await listed(caller=desk.bob) == ids([b, a])
        assert await listed(owners=[desk.alice]) == ids([c, b, a])
        assert await listed(owners=[desk.alice], caller=desk.alice) == ids([c])
        assert await listed(owners=[desk.alice, desk.bob]) == ids([d, c, b, a])
        assert await listed(owners=[]) == []
        assert await listed(function="alice/physics") == ids([b, a])
        assert await listed(function="alice/physics/fall") == ids([a])
        assert await listed(function="alice", caller=desk.bob, state=InvocationState.QUEUED) == ids([a])
        assert await listed(state=InvocationState.FAILED) == ids([b])
        failed_or_queued = {"state": InvocationState.FAILED, "or_state": InvocationState.QUEUED}
        assert await listed(state=InvocationState.RUNNING, or_state=InvocationState.QUEUED) == ids([d, c, a])
        assert await listed(**failed_or_queued, caller=desk.bob) == ids([b, a])
        assert await listed(**failed_or_queued, function="alice") == ids([c, b, a])
        assert await listed(owners=[desk.bob], state=InvocationState.FAILED) == []
        assert await listed(since=c.created_at) == ids([d, c])
        assert await listed(since=c.created_at, owners=[desk.alice]) == ids([c])
        assert await listed(function="nobody") == []
        assert await listed(owners=[desk.alice], limit=2) == ids([c, b])

    async def test_an_unknown_invocation_is_none(self, desk: Desk) -> None:
        assert await desk.store.invocation(desk.identifier()) is None

    async def test_notes_are_told_in_the_order_of_their_times(self, desk: Desk) -> None:
        [item] = await desk.accepted()
        notes = [Note(item.id, at, f"what {at}", {"n": at, "ids": ["x"]}) for at in (3.0, 1.0, 2.0)]
        other = Note(desk.identifier(), 1.0, "elsewhere")
        assert await desk.store.do(AddNotes([*notes, other])) == [Outcome.OK] * 4
        assert await desk.store.notes(item.id) == [notes[1], notes[2], notes[0]]
        assert await desk.store.do(AddNotes([])) == []

    async def test_expunging_drops_bodies_of_what_finished_before_and_keeps_the_record(self, desk: Desk) -> None:
        items = await desk.accepted(5, arguments=b"a" * 3_000)
        large = b"r" * 4_000
        assert await desk.complete(*[desk.completion(item, 5, result=large) for item in items[1:4]]) == [Outcome.OK] * 3
        before = items[2].created_at + 2.1  # finished: 1 and 2, but not 3
        assert await desk.store.do(Expunge(before, 1)) == 1
        assert await desk.store.do(Expunge(before, 10)) == 1
        assert await desk.store.do(Expunge(before, 10)) == 0
        bodies = []
        for item in items:
            row = await desk.store.invocation(item.id)
            assert row is not None
            bodies.append((len(row.arguments), len(row.result)))
        assert bodies == [(3_000, 0), (0, 0), (0, 0), (3_000, 4_000), (3_000, 0)]
        assert await desk.state(items[1].id) is InvocationState.SUCCEEDED
        assert await desk.complete(desk.completion(items[0], 5), desk.completion(items[4], 5)) == [Outcome.OK] * 2
        assert await desk.store.do(Expunge(desk.clock + 1_000, 2)) == 2
        assert await desk.store.do(Expunge(desk.clock + 1_000, 2)) == 1
