"""Workers that are here, and the bytes that are referred to."""

from __future__ import annotations

import time
from collections.abc import Sequence

from farcall.hub.ports import (
    Accept,
    CollectBlobs,
    CreateAccount,
    EndPresence,
    Expunge,
    Outcome,
    PinBlob,
    PutLink,
    PutPresence,
)
from farcall.testing.contracts.desk import START, Desk, WithDesk

A, B, C = ("blake3:" + letter * 64 for letter in "abc")


def presence(desk: Desk, boot: str, versions: Sequence[int], at: float, state: str = "ready") -> PutPresence:
    return PutPresence(boot, desk.alice, "laptop", "hub-a", 2, {"cpus": 4, "gpu": True}, versions, state, at)


class PresenceContract(WithDesk):
    async def test_presence_says_who_serves_what(self, desk: Desk) -> None:
        assert await desk.store.do(presence(desk, "boot-1", [1, 2], START)) is Outcome.OK
        await desk.store.do(presence(desk, "boot-2", [2], START + 1))
        first, second = await desk.store.presences()
        assert (first.boot, first.versions, first.slots, first.account_handle) == ("boot-1", (1, 2), 2, "alice")
        assert first.resources == {"cpus": 4, "gpu": True}
        assert second.boot == "boot-2"
        assert [row.boot for row in await desk.store.presences(1)] == ["boot-1"]
        assert [row.boot for row in await desk.store.presences(2)] == ["boot-1", "boot-2"]

    async def test_presence_put_again_replaces_what_is_served_and_keeps_the_first_time(self, desk: Desk) -> None:
        await desk.store.do(presence(desk, "boot-1", [1, 2], START))
        await desk.store.do(presence(desk, "boot-1", [3], START + 5, state="draining"))
        [row] = await desk.store.presences()
        assert (row.versions, row.state, row.connected_at, row.seen_at) == ((3,), "draining", START, START + 5)
        assert await desk.store.presences(1) == []

    async def test_who_is_away_is_still_here_and_who_is_gone_or_lost_is_not(self, desk: Desk) -> None:
        for boot in ("boot-1", "boot-2", "boot-3"):
            await desk.store.do(presence(desk, boot, [1], START))
        for boot, state in (("boot-1", "away"), ("boot-2", "gone"), ("boot-3", "lost")):
            assert await desk.store.do(EndPresence(boot, state, START + 2)) is Outcome.OK
        assert await desk.store.do(EndPresence("boot-9", "gone", START)) is Outcome.MISSING
        [away] = await desk.store.presences(1)
        assert (away.boot, away.state, away.seen_at) == ("boot-1", "away", START + 2)
        assert len(await desk.store.presences(1, include_gone=True)) == 3
        assert len(await desk.store.presences(include_gone=True)) == 3

    async def test_a_blob_is_readable_by_who_pinned_it_until_the_pin_expires(self, desk: Desk) -> None:
        now = time.time()
        await desk.store.do(PinBlob(A, 10, desk.bob, now + 100))
        await desk.store.do(PinBlob(B, 10, desk.bob, now - 100))
        assert await desk.store.blob_readable(A, desk.bob)
        assert not await desk.store.blob_readable(A, desk.alice)
        assert not await desk.store.blob_readable(B, desk.bob)
        await desk.store.do(PinBlob(A, 10, desk.bob, now - 100))
        assert await desk.store.blob_readable(A, desk.bob)

    async def test_a_blob_is_readable_by_the_parties_of_an_invocation_that_names_it(self, desk: Desk) -> None:
        carol = await desk.store.do(CreateAccount("carol", "", False, START))
        item, other = desk.new(blobs=(A,)), desk.new()
        desk.store.write(Accept([item, other]))
        done = [desk.completion(item, 5, blobs=(B,), result=b"x" * 5_000), desk.completion(other, 5, blobs=(C,))]
        assert await desk.complete(*done) == [Outcome.OK] * 2
        late = (await desk.accepted())[0]
        assert await desk.complete(desk.completion(late, 5, blobs=(A, C))) == [Outcome.OK]
        for digest in (A, B, C):
            readers = [await desk.store.blob_readable(digest, who) for who in (desk.alice, desk.bob, carol)]
            assert readers == [True, True, False]

    async def test_a_limited_token_reads_what_it_pinned_and_what_is_named_within_its_limits(self, desk: Desk) -> None:
        store, now = desk.store, time.time()
        await desk.accepted(1, blobs=(A,))
        await store.do(PinBlob(B, 10, desk.bob, now + 100))
        await store.do(PinBlob(C, 10, desk.bob, now + 100, token=7))
        name = desk.version.name
        root = name.rpartition("/")[0]

        async def readable(token: int, *only: str) -> list[bool]:
            return [await store.blob_readable(digest, desk.bob, token, only) for digest in (A, B, C)]

        assert await readable(7) == [True, True, True]
        assert await readable(7, name) == [True, False, True]
        assert await readable(7, "bob", root) == [True, False, True]
        assert await readable(8, "bob/x") == [False, False, False]
        assert await readable(8, name + "x", name + "/x") == [False, False, False]
        assert not await store.blob_readable(A, 99, 7, [name])
        await store.do(PutLink("alice/shelf/one", desk.version.function, True, desk.alice, START))
        await store.do(PutLink("alice/drawer/one", desk.version.function, False, desk.alice, START))
        assert await readable(8, "alice/shelf") == [True, False, False]
        assert await readable(8, "alice/drawer") == [False, False, False]

    async def test_blobs_of_refused_inserts_and_stale_results_are_not_referred_to(self, desk: Desk) -> None:
        [item] = await desk.accepted()
        await desk.accept(
            desk.new(id=item.id, request_digest=b"x" * 16, blobs=(A,)), desk.new(access_epoch=9, blobs=(B,))
        )
        assert await desk.complete(desk.completion(item, 5)) == [Outcome.OK]
        assert await desk.complete(desk.completion(item, 6, blobs=(C,))) == [Outcome.STALE]
        for digest in (A, B, C):
            assert not await desk.store.blob_readable(digest, desk.bob)
            await desk.store.do(PinBlob(digest, 10, desk.bob, START))
        assert await desk.store.do(CollectBlobs(START + 1, 10)) == [A, B, C]

    async def test_only_what_has_neither_reference_nor_live_pin_is_collected(self, desk: Desk) -> None:
        for digest, expires_at in ((A, START + 10), (B, START + 100), (C, START + 10)):
            await desk.store.do(PinBlob(digest, 10, desk.bob, expires_at))
        [item] = await desk.accepted(1, blobs=(C,))
        assert await desk.store.do(CollectBlobs(START, 10)) == []
        assert await desk.store.do(CollectBlobs(START + 50, 10)) == [A]
        assert await desk.store.do(CollectBlobs(START + 50, 10)) == []
        assert await desk.complete(desk.completion(item, 5)) == [Outcome.OK]
        assert await desk.store.do(Expunge(desk.clock + 1_000, 10)) == 1
        assert await desk.store.do(CollectBlobs(START + 500, 1)) == [B]
        assert await desk.store.do(CollectBlobs(START + 500, 1)) == [C]
