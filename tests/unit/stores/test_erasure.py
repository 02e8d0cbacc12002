"""What was erased, or was kept for its time, is overwritten in the database's files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from farcall.domain.errors import Failure
from farcall.domain.states import InvocationState
from farcall.hub.ports import Erase, Expunge, Outcome
from farcall.stores.sqlite import SqliteStore, WriterLimits
from farcall.testing.contracts.desk import START, Desk

SIZES = (3, 150, 6_000)  # within a page, about as large as one, over many


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def secrets_in(directory: Path) -> int:
    files = [file for file in directory.iterdir() if file.name.startswith("farcall.db")]
    assert files
    return sum(file.read_bytes().count(b"SECRET") for file in files)


@pytest.mark.anyio
@pytest.mark.parametrize("by", ["hand", "retention"])
async def test_of_what_was_erased_nothing_is_left_in_the_files(tmp_path: Path, by: str) -> None:
    store = SqliteStore(tmp_path, WriterLimits(log_pages=64))
    store.open(asyncio.get_running_loop().call_soon_threadsafe)
    desk = await Desk.set_up(store)
    items = []
    for n in range(120):
        [item] = await desk.accepted(1, arguments=b"SECRET" * SIZES[n % 3])
        failed = n % 5 == 0 and by == "hand"  # retention leaves what failures said
        end = desk.completion(
            item,
            5,
            state=InvocationState.FAILED if failed else InvocationState.SUCCEEDED,
            result=b"" if failed else b"SECRET" * SIZES[(n + n // 3) % 3],
            failure=Failure("function_error", "SECRET") if failed else None,
        )
        assert await desk.complete(end) == [Outcome.OK]
        items.append(item)
    assert secrets_in(tmp_path)
    if by == "retention":
        assert await store.do(Expunge(desk.clock + 1_000, 1_000)) == 120
    else:
        for item in items:
            assert await store.do(Erase(item.id, START)) is Outcome.OK
    await store.close()
    assert secrets_in(tmp_path) == 0
