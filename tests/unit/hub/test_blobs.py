from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from farcall.domain.errors import Refused
from farcall.hub.blobs import BlobRoom
from farcall.hub.ports import Fill
from farcall.hub.pouring import poured
from farcall.stores.blobs import FileBlobs

from .conftest import House

pytestmark = pytest.mark.anyio


def of(data: bytes) -> Fill:
    async def whole() -> AsyncIterator[bytes]:
        yield data

    return poured(whole())


async def read(room: BlobRoom, house: House, handle: str, digest: str) -> bytes:
    _, chunks = await room.open(await house.subject(handle), digest)
    return b"".join([bytes(chunk) async for chunk in chunks])


@pytest.fixture
def room(house: House, tmp_path: Path) -> BlobRoom:
    return BlobRoom(house.store, FileBlobs(tmp_path), limit_bytes=100, pin_seconds=60)


async def test_who_uploaded_reads_and_nobody_else_learns_that_it_exists(house: House, room: BlobRoom) -> None:
    digest, size = await room.upload(await house.subject("alice"), of(b"data"))
    assert size == 4
    assert await read(room, house, "alice", digest) == b"data"
    with pytest.raises(Refused) as hidden:
        await read(room, house, "bob", digest)
    with pytest.raises(Refused) as missing:
        await read(room, house, "bob", "blake3:" + "0" * 64)
    assert hidden.value.failure.code == missing.value.failure.code == "not_found"
    assert hidden.value.failure.message.replace(digest, "") == missing.value.failure.message.replace(
        "blake3:" + "0" * 64, ""
    )


async def test_a_limited_token_reads_what_it_uploaded_and_what_its_own_attempts_need_and_nothing_else_of_its_account(
    house: House, tmp_path: Path
) -> None:
    alice = await house.subject("alice")
    published = [await house.publish("alice", name) for name in ("in/f", "out/f")]
    needed: set[int] = set()
    room = BlobRoom(house.store, FileBlobs(tmp_path), needing=lambda account, digest: needed)
    made = await house.accounts.tokens.create(alice, only=["alice/in"])
    house.tokens["limited"] = made.token
    limited = await house.subject("limited")
    account_wide, _ = await room.upload(alice, of(b"secret"))
    own, _ = await room.upload(limited, of(b"own"))
    assert await read(room, house, "limited", own) == b"own"
    assert await read(room, house, "alice", own) == b"own"
    for versions, readable in ((set(), False), ({published[1].version}, False), ({published[0].version}, True)):
        needed.clear()
        needed.update(versions)
        if readable:
            assert await read(room, house, "limited", account_wide) == b"secret"
        else:
            with pytest.raises(Refused, match="There is no blob"):
                await read(room, house, "limited", account_wide)
    other = await house.accounts.tokens.create(alice, only=["alice/in"])
    house.tokens["other"] = other.token
    needed.clear()
    with pytest.raises(Refused, match="There is no blob"):
        await read(room, house, "other", own)


async def test_who_uploads_what_another_has_gets_it_too(house: House, room: BlobRoom) -> None:
    digest, _ = await room.upload(await house.subject("alice"), of(b"data"))
    again, _ = await room.upload(await house.subject("bob"), of(b"data"))
    assert again == digest
    assert await read(room, house, "bob", digest) == b"data"


async def test_a_worker_reads_what_its_attempt_needs(house: House, tmp_path: Path) -> None:
    bob = await house.subject("bob")
    needed: set[tuple[int, str]] = set()
    room = BlobRoom(
        house.store,
        FileBlobs(tmp_path),
        needing=lambda account, digest: [1] if (account, digest) in needed else [],
    )
    digest, _ = await room.upload(await house.subject("alice"), of(b"data"))
    needed.add((bob.key, digest))
    assert await read(room, house, "bob", digest) == b"data"


async def test_uploads_are_bounded_and_need_a_scope(house: House, room: BlobRoom) -> None:
    alice = await house.subject("alice")
    with pytest.raises(Refused, match="at most 100 bytes"):
        await room.upload(alice, of(b"x" * 101))
    made = await house.accounts.tokens.create(alice, scopes=["manage"])
    with pytest.raises(Refused, match="may not upload"):
        await room.upload(await house.accounts.authenticate(made.token), of(b"x"))


@pytest.mark.parametrize("digest", ["", "blake3:", "../../etc/passwd", "blake3:" + "G" * 64, "sha256:" + "0" * 64])
async def test_what_is_no_digest_is_not_found(house: House, room: BlobRoom, digest: str) -> None:
    with pytest.raises(Refused, match="no blob"):
        await room.open(await house.subject("alice"), digest)


async def test_collection_takes_what_nobody_holds_any_more(house: House, room: BlobRoom) -> None:
    alice = await house.subject("alice")
    digest, _ = await room.upload(alice, of(b"data"))
    assert await room.collect(time.time()) == 0
    assert await room.collect(time.time() + 3600) == 1
    with pytest.raises(Refused, match="no blob"):
        await read(room, house, "alice", digest)


async def test_what_is_uploaded_again_while_it_is_collected_stays_or_its_upload_fails(
    house: House, tmp_path: Path
) -> None:
    """The row is gone from the store before the file is: an upload in between must not be left with nothing."""
    blobs = FileBlobs(tmp_path)
    room = BlobRoom(house.store, blobs, pin_seconds=60)
    alice = await house.subject("alice")
    digest, _ = await room.upload(alice, of(b"data"))
    deleting, go_on = asyncio.Event(), asyncio.Event()
    real = blobs.delete

    async def slow(digest: str) -> None:
        deleting.set()
        await go_on.wait()
        await real(digest)

    blobs.delete = slow  # type: ignore[method-assign] # a pause at the worst moment
    other, _ = await room.upload(alice, of(b"other"))
    collecting = asyncio.ensure_future(room.collect(time.time() + 3600))
    await deleting.wait()
    uploads = [asyncio.ensure_future(room.upload(alice, of(data))) for data in (b"data", b"other")]
    await asyncio.sleep(0.05)
    go_on.set()
    await collecting
    outcomes = await asyncio.gather(*uploads, return_exceptions=True)
    kept = [outcome[0] for outcome in outcomes if not isinstance(outcome, BaseException)]
    lost = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert len(kept) == len(lost) == 1
    assert await read(room, house, "alice", kept[0])
    assert isinstance(lost[0], Refused)
    assert lost[0].failure.code == "hub_unavailable"
    assert {digest, other} > set(kept)
