"""The contract of the Blobs port."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable

import pytest
from blake3 import blake3

from farcall.hub.ports import BlobMismatch, Blobs, Fill
from farcall.hub.pouring import poured

LIMIT = 10 << 20


def digest_of(data: bytes) -> str:
    return "blake3:" + blake3(data).hexdigest()


def pieces(parts: Iterable[bytes]) -> Fill:
    async def one_by_one() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    return poured(one_by_one())


async def all_of(blobs: Blobs, digest: str, start: int = 0) -> bytes:
    return b"".join([bytes(chunk) async for chunk in blobs.chunks(digest, start)])


class BlobsContract:
    """Inherit, and give a fixture `blobs`: empty."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    def blobs(self) -> Blobs:
        raise NotImplementedError("return an empty blob store")

    def leftovers(self, blobs: Blobs) -> list[str]:
        """Whatever a failed upload may have left behind; an adapter that cannot tell returns nothing."""
        return []

    @pytest.mark.parametrize("size", [0, 1, 1_000, (1 << 20) + 7, 5 << 20])
    async def test_what_was_put_comes_back(self, blobs: Blobs, size: int) -> None:
        data = random.Random(size).randbytes(size)
        parts = [data[at : at + 65_536] for at in range(0, size, 65_536)]
        assert await blobs.put(pieces(parts), None, LIMIT) == (digest_of(data), size)
        assert await blobs.size(digest_of(data)) == size
        assert await all_of(blobs, digest_of(data)) == data
        assert await all_of(blobs, digest_of(data), start=size // 2) == data[size // 2 :]

    async def test_putting_the_same_bytes_again_changes_nothing(self, blobs: Blobs) -> None:
        expected = digest_of(b"same")
        for parts in ([b"same"], [b"sa", b"", b"me"]):
            assert await blobs.put(pieces(parts), expected, LIMIT) == (expected, 4)
        assert await all_of(blobs, expected) == b"same"

    async def test_the_same_bytes_put_at_the_same_time_are_there_once(self, blobs: Blobs) -> None:
        data = bytes(3 << 20)
        answers = await asyncio.gather(*[blobs.put(pieces([data]), None, LIMIT) for _ in range(4)])
        assert set(answers) == {(digest_of(data), len(data))}
        assert await all_of(blobs, digest_of(data)) == data

    async def test_other_bytes_than_announced_are_refused_and_leave_nothing(self, blobs: Blobs) -> None:
        expected = digest_of(b"announced")
        with pytest.raises(BlobMismatch):
            await blobs.put(pieces([b"something else"]), expected, LIMIT)
        assert await blobs.size(expected) is None
        assert await blobs.size(digest_of(b"something else")) is None
        assert self.leftovers(blobs) == []

    async def test_other_bytes_under_the_digest_of_known_ones_are_refused_and_change_nothing(
        self, blobs: Blobs
    ) -> None:
        digest, _ = await blobs.put(pieces([b"known"]), None, LIMIT)
        with pytest.raises(BlobMismatch):
            await blobs.put(pieces([b"wrong"]), digest, LIMIT)
        assert await all_of(blobs, digest) == b"known"
        assert await blobs.size(digest_of(b"wrong")) is None
        assert self.leftovers(blobs) == []

    async def test_an_upload_that_is_cancelled_leaves_nothing(self, blobs: Blobs) -> None:
        sent = asyncio.Event()

        async def stuck() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield bytes(2 << 20)
            sent.set()
            await asyncio.Event().wait()

        uploading = asyncio.ensure_future(blobs.put(poured(stuck()), None, LIMIT))
        await sent.wait()
        uploading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await uploading
        assert self.leftovers(blobs) == []

    async def test_more_than_the_limit_is_refused_and_leaves_nothing(self, blobs: Blobs) -> None:
        data = bytes(1_001)
        with pytest.raises(OverflowError):
            await blobs.put(pieces([data[:600], data[600:]]), None, 1_000)
        assert await blobs.size(digest_of(data)) is None
        assert await blobs.put(pieces([data]), None, 1_001) == (digest_of(data), 1_001)
        assert self.leftovers(blobs) == []

    async def test_an_upload_that_breaks_off_leaves_nothing(self, blobs: Blobs) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield bytes(2 << 20)
            raise ConnectionResetError("gone")

        with pytest.raises(ConnectionResetError):
            await blobs.put(poured(broken()), None, LIMIT)
        assert await blobs.size(digest_of(bytes(2 << 20))) is None
        assert self.leftovers(blobs) == []

    async def test_what_is_not_there_is_said_not_to_be(self, blobs: Blobs) -> None:
        unknown = digest_of(b"never put")
        assert await blobs.size(unknown) is None
        with pytest.raises(KeyError):
            await all_of(blobs, unknown)

    async def test_deleting_is_idempotent(self, blobs: Blobs) -> None:
        digest, _ = await blobs.put(pieces([b"short-lived"]), None, LIMIT)
        await blobs.delete(digest)
        await blobs.delete(digest)
        assert await blobs.size(digest) is None

    @pytest.mark.parametrize("text", ["", "blake3:", "../../etc/passwd", "blake3:../" + "a" * 61, "sha256:" + "a" * 64])
    async def test_what_is_no_digest_is_never_looked_up(self, blobs: Blobs, text: str) -> None:
        assert await blobs.size(text) is None
        await blobs.delete(text)
        with pytest.raises(KeyError):
            await all_of(blobs, text)
        with pytest.raises(BlobMismatch):
            await blobs.put(pieces([b"x"]), text, LIMIT)
