"""Generators, large values, and files that change."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import numpy as np
import pytest

from farcall.domain.states import AttemptState
from farcall.payload.blobs import BlobSink
from farcall.payload.decode import decode
from farcall.payload.digests import digest_of
from farcall.payload.encode import encode
from farcall.wire import frames
from farcall.worker import EventKind

from .peer import PeerHub, serving

LAB = """
import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
import numpy as np
import farcall.authoring as farcall

@farcall.function
def add(a: int, b: int = 1) -> int:
    return a + b

@farcall.function
def counts(n: int) -> Iterator[int]:
    for number in range(n):
        yield number

@farcall.function
async def counts_later(n: int) -> AsyncIterator[int]:
    for number in range(n):
        await asyncio.sleep(0)
        yield number

@farcall.function
def breaks(n: int) -> Iterator[int]:
    yield from range(n)
    raise ValueError("enough")

@farcall.function
def doubled(x: np.ndarray) -> np.ndarray:
    return x * 2

@farcall.function
def total(x: np.ndarray) -> float:
    return float(x.sum())

@farcall.function
def size_of(file: Path) -> str:
    return f"{file.name} {len(file.read_bytes())} {file}"

@farcall.function
def many() -> list[int]:
    return list(range(10_000_000))
"""

pytestmark = pytest.mark.anyio


class Store(BlobSink):
    def __init__(self, hub: PeerHub) -> None:
        self._hub = hub

    def put(self, data: bytes | memoryview) -> str:
        digest = digest_of(data)
        self._hub.blobs[digest] = bytes(data)
        return digest


class Opened:
    def __init__(self, hub: PeerHub) -> None:
        self._hub = hub

    def open(self, digest: str, size: int) -> bytes:
        return self._hub.blobs[digest]


def items_of(hub: PeerHub, key: frames.AttemptKey) -> dict[int, object]:
    found: dict[int, object] = {}
    for frame in hub.of(frames.Stream):
        if frame.id == key.id:
            found.update({frame.first_seq + index: decode(item) for index, item in enumerate(frame.items)})
    return found


@pytest.mark.parametrize("name", ["counts", "counts_later"])
async def test_a_generator_sends_numbered_items_and_goes_no_further_than_the_window(tmp_path: Path, name: str) -> None:
    async with serving(tmp_path, LAB, stream_window=4) as served:
        hub = served.hub
        key = await hub.offer(name, n=10)
        await hub.until(lambda: len(items_of(hub, key)) == 4)
        await asyncio.sleep(0.2)
        assert len(items_of(hub, key)) == 4
        await hub.say(frames.StreamTaken(key.id, key.fence, 3))
        await hub.until(lambda: len(items_of(hub, key)) == 8)
        await hub.say(frames.StreamTaken(key.id, key.fence, 7))
        await hub.until(lambda: len(items_of(hub, key)) == 10)
        await asyncio.sleep(0.1)
        assert not hub.finished  # the outcome waits for the last items to be taken
        await hub.say(frames.StreamTaken(key.id, key.fence, 9))
        outcome = await hub.outcome(key)
        assert decode(outcome.result) == 10
        assert list(items_of(hub, key).items()) == [(number, number) for number in range(10)]


async def test_an_acknowledgement_that_does_not_advance_has_the_rest_sent_again(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB, stream_window=4) as served:
        hub = served.hub
        key = await hub.offer("counts", n=4)
        await hub.until(lambda: len(items_of(hub, key)) == 4)
        await hub.say(frames.StreamTaken(key.id, key.fence, 1))
        hub.frames.clear()
        await hub.say(frames.StreamTaken(key.id, key.fence, 1))
        await hub.until(lambda: items_of(hub, key))
        assert items_of(hub, key) == {2: 2, 3: 3}


async def test_items_that_nobody_took_are_sent_again_on_a_new_line(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB, stream_window=4) as served:
        hub = served.hub
        key = await hub.offer("counts", n=10)
        await hub.until(lambda: len(items_of(hub, key)) == 4)
        await hub.say(frames.StreamTaken(key.id, key.fence, 1))
        await hub.until(lambda: len(items_of(hub, key)) == 6)
        hub.frames.clear()
        await hub.cut()
        await hub.until(lambda: len(items_of(hub, key)) == 4)
        assert items_of(hub, key) == {number: number for number in range(2, 6)}


async def test_a_generator_that_waits_for_its_caller_can_be_cancelled(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB, stream_window=2) as served:
        hub = served.hub
        key = await hub.offer("counts", n=100)
        await hub.until(lambda: len(items_of(hub, key)) == 2)
        await hub.say(frames.CancelAttempts([key]))
        assert (await hub.outcome(key)).state == AttemptState.CANCELLED
        assert decode((await hub.outcome(await hub.offer("add", a=1))).result) == 2
        assert not served.said(EventKind.PROCESS_DIED)


async def test_a_generator_that_raises_fails_after_its_items(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        hub = served.hub
        key = await hub.offer("breaks", n=3)
        await hub.until(lambda: len(items_of(hub, key)) == 3)
        await hub.say(frames.StreamTaken(key.id, key.fence, 2))
        outcome = await hub.outcome(key)
        assert outcome.failure is not None
        assert outcome.failure.message == "enough"


async def test_large_arguments_are_fetched_once_and_large_results_are_sent_before_the_outcome(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        hub = served.hub
        x = np.arange(100_000.0)
        arguments = encode({"x": x}, blobs=Store(hub))
        (argument_digest,) = hub.blobs
        for name in ("total", "doubled", "total"):
            item = hub.item(name)
            item.arguments = arguments
            await hub.say(frames.Offer([item]))
            outcome = await hub.outcome(frames.AttemptKey(item.id, item.fence))
            if name == "total":
                assert decode(outcome.result) == x.sum()
            else:
                assert len(outcome.blobs) == 1
                np.testing.assert_array_equal(decode(outcome.result, blobs=Opened(hub)), x * 2)
        assert hub.blob_requests == [f"GET /v1/blobs/{argument_digest}", "POST /v1/blobs"]
    assert os.listdir(tmp_path / "cache") == []


async def test_a_blob_that_is_not_to_be_had_returns_the_attempt(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        hub = served.hub
        item = hub.item("total")
        item.arguments = encode({"x": np.arange(100_000.0)}, blobs=Store(hub))
        hub.blobs.clear()
        await hub.say(frames.Offer([item]))
        await hub.until(hub.returned)
        assert hub.returned() == {item.id: "blob_unavailable"}


async def test_a_file_arrives_as_a_file_and_is_gone_after_the_call(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        file = tmp_path / "data.csv"
        file.write_bytes(b"1,2,3\n")
        outcome = await served.hub.outcome(await served.hub.offer("size_of", file=file))
        name, size, path = decode(outcome.result).split(" ", 2)
        assert (name, size) == ("data.csv", "6")
        assert path != str(file)
        assert not os.path.exists(path)  # noqa: ASYNC240  # one look


async def test_a_result_too_large_for_a_frame_is_a_bad_result(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        outcome = await served.hub.outcome(await served.hub.offer("many"), 60)
        assert outcome.failure is not None
        assert outcome.failure.code == "bad_result"
        assert "the limit is" in outcome.failure.message


async def test_reload_serves_the_new_code_and_publishes_it(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB, reload=True) as served:
        hub = served.hub
        before = hub.versions["add"]
        (tmp_path / "lab.py").write_text(LAB.replace("a + b", "a * 100 + b"))
        await hub.until(lambda: served.said(EventKind.RELOADED) and hub.versions["add"] != before)
        outcome = await hub.outcome(await hub.offer("add", a=2, b=3))
        assert decode(outcome.result) == 203


async def test_what_was_accepted_for_the_old_code_still_runs_there_after_a_reload(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB, reload=True) as served:
        hub = served.hub
        before = hub.versions["add"]
        (tmp_path / "lab.py").write_text(LAB.replace("a + b", "a * 100 + b"))
        await hub.until(lambda: served.said(EventKind.RELOADED) and hub.versions["add"] != before)
        late = hub.item("add", a=2, b=3)
        late.version = before
        await hub.say(frames.Offer([late]))
        assert decode((await hub.outcome(frames.AttemptKey(late.id, late.fence))).result) == 5
        await hub.until(lambda: len(served.worker._work.generations) == 1, 10)
        again = hub.item("add", a=2, b=3)
        again.version = before
        await hub.say(frames.Offer([again]))
        await hub.until(lambda: again.id in hub.returned())


async def test_a_reload_that_does_not_import_keeps_the_old_code_and_says_why(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB, reload=True) as served:
        hub = served.hub
        (tmp_path / "lab.py").write_text(LAB + "\nthis is no python\n")
        await hub.until(lambda: served.said(EventKind.UNLOADABLE))
        assert "lab.py, line" in served.said(EventKind.UNLOADABLE)[0].message
        outcome = await hub.outcome(await hub.offer("add", a=2, b=3))
        assert decode(outcome.result) == 5


async def test_a_file_that_changed_without_reload_is_not_run_under_the_old_version(tmp_path: Path) -> None:
    lab = LAB + "\nimport os\n@farcall.function\ndef exits():\n    os._exit(1)\n"
    async with serving(tmp_path, lab) as served:
        hub = served.hub
        before = hub.versions["add"]
        file = tmp_path / "lab.py"
        file.write_text(lab.replace("a + b", "a * 100 + b"))
        os.utime(file)
        await hub.outcome(await hub.offer("exits"))
        await hub.until(lambda: hub.versions["add"] != before)
        outcome = await hub.outcome(await hub.offer("add", a=2, b=3))
        assert decode(outcome.result) == 203
