"""What files do beyond the contract of blobs."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from blake3 import blake3

from farcall.hub.ports import Fill, StoreFailed
from farcall.hub.pouring import poured
from farcall.stores.blobs import FileBlobs

resource = pytest.importorskip("resource", reason="limits of file sizes are POSIX")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def once(data: bytes) -> Fill:
    async def whole() -> AsyncIterator[bytes]:
        yield data

    return poured(whole())


async def test_what_an_upload_left_behind_is_removed_at_the_next_start(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path / "blobs")
    blobs.prepare()
    leftover = tmp_path / "blobs" / "unfinished" / "half"
    leftover.write_bytes(b"half of something")
    digest, _ = await blobs.put(once(b"whole"), None, 100)
    FileBlobs(tmp_path / "blobs").prepare()
    assert not leftover.exists()
    assert await blobs.size(digest) == 5


async def test_the_file_itself_can_be_had(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    digest, _ = await blobs.put(once(b"content"), None, 100)
    path = blobs.path(digest)
    assert path is not None
    assert path.read_bytes() == b"content"
    assert blobs.path("blake3:" + "0" * 64) is None
    assert blobs.path("../../etc/passwd") is None
    assert digest == "blake3:" + blake3(b"content").hexdigest()


async def test_a_disk_that_takes_no_more_is_the_stores_failure_and_leaves_nothing(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StoreFailed, match="cannot be written"):
            await blobs.put(once(bytes(200_000)), None, 1 << 20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((tmp_path / "unfinished").iterdir()) == []
    assert (await blobs.put(once(bytes(200_000)), None, 1 << 20))[1] == 200_000


async def test_a_stream_that_is_being_read_survives_the_deletion(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    data = bytes(3 << 20)
    digest, _ = await blobs.put(once(data), None, 1 << 30)
    reading = blobs.chunks(digest)
    first = bytes(await anext(reading))
    await blobs.delete(digest)
    assert first + b"".join([bytes(chunk) async for chunk in reading]) == data
    with pytest.raises(KeyError):
        await anext(blobs.chunks(digest))


async def test_announced_bytes_that_are_here_are_hashed_and_not_written_again(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    data = bytes(3 << 20)
    digest, _ = await blobs.put(once(data), None, 1 << 30)
    path = blobs.path(digest)
    assert path is not None
    before = path.stat()
    assert await blobs.put(once(data), digest, 1 << 30) == (digest, len(data))
    assert path.stat() == before
    with pytest.raises(OverflowError):
        await blobs.put(once(data), digest, 1 << 20)
    assert path.read_bytes() == data


@pytest.mark.parametrize("piece", [1, 1000, 300_000, 9 << 20])
async def test_pieces_of_any_size_are_put_together(tmp_path: Path, piece: int) -> None:
    data = os.urandom(20_000 if piece == 1 else 20 << 20)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(data), piece):
            yield data[start : start + piece]

    digest, size = await FileBlobs(tmp_path).put(poured(pieces()), None, 1 << 30)
    path = FileBlobs(tmp_path).path(digest)
    assert path is not None
    assert (size, path.read_bytes()) == (len(data), data)
    assert digest == "blake3:" + blake3(data).hexdigest()
