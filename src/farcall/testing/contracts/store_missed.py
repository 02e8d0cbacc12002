"""Calls that no worker was there for."""

from __future__ import annotations

from farcall.hub.ports import (
    NONE_MISSED,
    DeleteFunction,
    EndMissed,
    MissedCalls,
    MissedItem,
    MissedRow,
    NoteMissed,
    NoteTold,
    Outcome,
    PublishVersions,
)
from farcall.testing.contracts.desk import START, Desk, WithDesk, version_spec


class MissedContract(WithDesk):
    async def test_missed_calls_of_others_are_counted_from_the_first_on(self, desk: Desk) -> None:
        version, function = desk.version.version, desk.version.function
        first, own, unknown = await desk.store.do(
            NoteMissed(
                [
                    MissedItem(version, desk.bob, 2, START + 1),
                    MissedItem(version, desk.alice, 5, START + 2),
                    MissedItem(999, desk.bob, 1, START + 3),
                ]
            )
        )
        assert first == MissedRow(function, MissedCalls(2, START + 1), None)
        assert (own, unknown) == (Outcome.MISSING, Outcome.MISSING)
        [again] = await desk.store.do(NoteMissed([MissedItem(version, desk.bob, 3, START + 9)]))
        assert again == MissedRow(function, MissedCalls(5, START + 1), None)
        assert await desk.store.missed() == [again]

    async def test_all_versions_of_a_function_count_together(self, desk: Desk) -> None:
        spec = version_spec("alice/physics/fall", digest=b"2" * 16)
        [newer] = await desk.store.do(PublishVersions(desk.alice, [spec], START))
        await desk.store.do(NoteMissed([MissedItem(desk.version.version, desk.bob, 1, START + 1)]))
        await desk.store.do(NoteMissed([MissedItem(newer.version, desk.bob, 1, START + 2)]))
        assert [row.missed for row in await desk.store.missed()] == [MissedCalls(2, START + 1)]
        assert await desk.store.do(EndMissed([newer.version])) == [desk.version.function]
        assert await desk.store.missed() == []

    async def test_once_it_is_served_again_counting_begins_anew_and_who_was_told_stays(self, desk: Desk) -> None:
        version, function = desk.version.version, desk.version.function
        assert await desk.store.do(NoteTold(function, START)) is Outcome.MISSING
        await desk.store.do(NoteMissed([MissedItem(version, desk.bob, 2, START + 1)]))
        assert await desk.store.do(NoteTold(function, START + 2)) is Outcome.OK
        assert await desk.store.do(EndMissed([version, 999])) == [function]
        assert await desk.store.do(EndMissed([version])) == []
        [row] = await desk.store.do(NoteMissed([MissedItem(version, desk.bob, 1, START + 5)]))
        assert row == MissedRow(function, MissedCalls(1, START + 5), START + 2)
        assert MissedCalls(0, None) == NONE_MISSED

    async def test_nobody_misses_a_deleted_function(self, desk: Desk) -> None:
        item = MissedItem(desk.version.version, desk.bob, 1, START + 1)
        await desk.store.do(NoteMissed([item]))
        await desk.store.do(DeleteFunction("alice/physics/fall", START + 2))
        assert await desk.store.missed() == []
        assert await desk.store.do(NoteMissed([item])) == [Outcome.MISSING]
