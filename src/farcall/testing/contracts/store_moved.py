"""Where names went: what is published under an old name is not made anew there."""

from __future__ import annotations

from typing import Any

from farcall.hub.ports import (
    DeleteFunction,
    DeleteNamespace,
    MakeNamespace,
    Outcome,
    PublishVersions,
    Removed,
    Rename,
    VersionRow,
)
from farcall.testing.contracts.desk import START, Desk, WithDesk, version_spec


class MovedContract(WithDesk):
    async def publish(self, desk: Desk, name: str) -> Any:
        return (await desk.store.do(PublishVersions(desk.alice, [version_spec(name, b"1" * 16)], START)))[0]

    async def test_an_old_name_leads_to_where_it_went_through_all_its_moves(self, desk: Desk) -> None:
        store = desk.store
        await self.publish(desk, "alice/a/f")
        assert await store.whither("alice/a/f") is None
        await store.do(Rename("alice/a", "alice/b", START))
        assert await store.whither("alice/a/f") == ("alice/a", "alice/b")
        await store.do(Rename("alice/b/f", "alice/b/g", START + 1))
        await store.do(Rename("alice/b", "alice/c", START + 2))
        assert await store.whither("alice/a/x") == ("alice/a", "alice/c")
        assert await store.whither("alice/b/f") == ("alice/b/f", "alice/c/g")
        assert await store.whither("alice/b/h") == ("alice/b", "alice/c")
        assert await self.publish(desk, "alice/b/h") is Outcome.STALE
        await store.do(Rename("alice/c", "alice/a", START + 3))
        assert await store.whither("alice/a/f") is None
        assert await store.whither("alice/c/g") == ("alice/c", "alice/a")

    async def test_a_name_that_is_made_or_given_up_is_free_and_so_is_one_whose_new_name_is_deleted(
        self, desk: Desk
    ) -> None:
        store = desk.store
        for path in ("alice/a/f", "alice/b/f", "alice/c/f", "alice/h"):
            await self.publish(desk, path)
        for path in ("alice/a", "alice/b", "alice/c"):
            await store.do(Rename(path, path + "2", START))
        await store.do(Rename("alice/h", "alice/h2", START))
        assert await store.do(MakeNamespace("alice/a", START)) is Outcome.OK
        assert isinstance(await self.publish(desk, "alice/a/f"), VersionRow)
        assert isinstance(await store.do(DeleteNamespace("alice/b2", True, START)), Removed)
        assert isinstance(await self.publish(desk, "alice/b/f"), VersionRow)
        assert isinstance(await store.do(DeleteFunction("alice/c2/f", START)), Removed)  # and its namespace with it
        assert isinstance(await self.publish(desk, "alice/c/f"), VersionRow)
        assert await self.publish(desk, "alice/h") is Outcome.STALE
        assert await store.do(DeleteFunction("alice/h", START)) == Removed()
        assert await store.do(DeleteFunction("alice/h", START)) is Outcome.MISSING
        assert isinstance(await self.publish(desk, "alice/h"), VersionRow)
        assert isinstance(await self.publish(desk, "alice/h2"), VersionRow)
