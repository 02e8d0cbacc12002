"""A writer that is killed: what was acknowledged is there, and nothing is there twice."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from pathlib import Path

import pytest

from farcall.domain.states import InvocationState
from farcall.hub.ports import InvocationFilter, Outcome, UsageFilter
from farcall.stores.sqlite import SqliteStore
from farcall.testing.contracts.desk import Desk

ROUNDS = 20
WRITER = Path(__file__).with_name("crashing_writer.py")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def directory(tmp_path: Path) -> Path:
    store = SqliteStore(tmp_path)
    store.open(asyncio.get_running_loop().call_soon_threadsafe)
    await Desk.set_up(store)
    await store.close()
    return tmp_path


async def write_until_killed(directory: Path, number: int, seconds: float) -> list[tuple[str, bytes]]:
    """What the process said was acknowledged; it is killed so many seconds after it first said something."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WRITER), str(directory), str(number), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    output = await process.stdout.readline()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        output += await process.stdout.read(1 << 16)
    process.kill()
    output += await process.stdout.read()
    await process.wait()
    told = []
    for line in output.decode().splitlines(keepends=True):
        if not line.endswith("\n"):
            continue
        what, identifier, outcome = line.split()
        assert int(outcome) == Outcome.OK, line
        told.append((what, bytes.fromhex(identifier)))
    return told


async def all_records(
    store: SqliteStore, caller: int | None = None
) -> list[tuple[bytes, InvocationState, bytes, bytes]]:
    records = []
    cursor: str | None = None
    while True:
        page = await store.invocations(InvocationFilter(limit=500, cursor=cursor, caller=caller))
        records += [(row.id, row.state, row.arguments, row.result) for row in page.items]
        cursor = page.next
        if cursor is None:
            return records


@pytest.mark.slow
async def test_whatever_was_acknowledged_is_there_after_a_kill_and_nothing_twice(directory: Path) -> None:
    dice = random.Random(11)
    accepted: set[bytes] = set()
    completed: set[bytes] = set()
    for number in range(ROUNDS):
        for what, identifier in await write_until_killed(directory, number, dice.uniform(0.0, 0.06)):
            (accepted if what == "accepted" else completed).add(identifier)
    assert len(completed) > 50 * ROUNDS, "the rounds were too short to say anything"
    store = SqliteStore(directory)
    store.open(asyncio.get_running_loop().call_soon_threadsafe)
    records = await all_records(store)
    found = {identifier: (state, arguments, result) for identifier, state, arguments, result in records}
    assert len(found) == len(records), "an id is there twice"
    assert accepted <= set(found), "an accepted one is lost"
    for identifier, (state, arguments, result) in found.items():
        assert arguments.startswith(identifier)
        assert state in (InvocationState.QUEUED, InvocationState.SUCCEEDED)
        assert result == (b"result of " + identifier if state is InvocationState.SUCCEEDED else b"")
        if identifier in completed:
            assert state is InvocationState.SUCCEEDED, "an acknowledged outcome is lost"
    assert sum(count for _, count in await store.lanes()) == sum(
        state is InvocationState.QUEUED for state, _, _ in found.values()
    )
    [used] = await store.usage(UsageFilter())
    ended = [(arguments, result) for state, arguments, result in found.values() if state is InvocationState.SUCCEEDED]
    assert used.invocations == len(ended), "an end is charged twice, or not at all"
    assert used.bytes_in == sum(len(arguments) for arguments, _ in ended)
    assert used.bytes_out == sum(len(result) for _, result in ended)
    [caller] = {row.caller for row in (await store.invocations(InvocationFilter())).items}
    assert len(await all_records(store, caller)) == len(found), "what is there is not found under its caller"
    await store.close()
