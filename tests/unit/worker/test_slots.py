"""Processes that die, hang, stall and are killed: always one attempt's affair."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from farcall.domain.states import AttemptState
from farcall.payload.decode import decode
from farcall.wire import frames
from farcall.worker import EventKind

from .peer import serving

LAB = """
import ctypes, os, signal, subprocess, sys, time
import farcall.authoring as farcall

@farcall.function
def add(a: int, b: int = 1) -> int:
    return a + b

@farcall.function
def exits(code: int):
    print("last words", flush=True)
    os._exit(code)

@farcall.function
def crashes():
    ctypes.string_at(0)

@farcall.function
def sleeps(seconds: float) -> str:
    time.sleep(seconds)
    return "slept"

@farcall.function
def spins():
    try:
        while True:
            pass
    finally:
        print("interrupted")

@farcall.function
def stubborn():
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass

@farcall.function
def c_loop():
    sum(iter(int, 1))

@farcall.function
def forks() -> int:
    if os.fork() == 0:
        return 1
    time.sleep(0.2)
    return 2

@farcall.function
def floods():
    sys.stdout.flush()
    for _ in range(40):
        os.write(1, b"x" * 100_000)
    return "done"

@farcall.function
def prints_from_children() -> str:
    subprocess.run(["echo", "from a child"], check=True)
    return "done"

@farcall.function
def process() -> int:
    return os.getpid()

@farcall.function
def late_value():
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        return "after all"
"""

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")]


async def test_a_crash_is_one_attempts_loss_and_its_neighbours_are_returned(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        hub = served.hub
        for _ in range(3):  # so that durations are known, and items are sent ahead
            await hub.outcome(await hub.offer("add", a=1))
        served.worker._work.generations[-1].pool.estimates.measured(1, 0.0)
        items = [hub.item("exits", code=3), *(hub.item("add", a=number) for number in range(5))]
        await hub.say(frames.Offer(items))
        outcome = await hub.until(lambda: hub.finished.get((items[0].id, items[0].fence)))
        assert outcome.state == AttemptState.LOST
        assert outcome.failure is not None
        assert outcome.failure.code == "process_died"
        assert "exit code 3" in outcome.failure.message
        assert hub.returned() == {item.id: "neighbour_died" for item in items[1:]}
        assert hub.printed(frames.AttemptKey(items[0].id, 0)) == [("stdout", "last words\n")]
        await hub.outcome(await hub.offer("add", a=1))


async def test_a_segfault_is_named(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        key = await served.hub.offer("crashes")
        outcome = await served.hub.outcome(key)
        assert outcome.state == AttemptState.LOST
        assert outcome.failure is not None
        assert "SIGSEGV" in outcome.failure.message
        assert any("Segmentation fault" in text for _, text in served.hub.printed(key))


async def test_a_slot_whose_process_keeps_dying_is_restarted_ever_more_slowly_and_works_again(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        for _ in range(4):
            await served.hub.outcome(await served.hub.offer("exits", code=1))
        assert len(served.said(EventKind.PROCESS_DIED)) == 4
        outcome = await served.hub.outcome(await served.hub.offer("add", a=1))
        assert decode(outcome.result) == 2


async def test_long_calls_are_announced_and_short_ones_are_not(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        short = await served.hub.offer("add", a=1)
        await served.hub.outcome(short)
        long = await served.hub.offer("sleeps", seconds=0.3)
        await served.hub.outcome(long)
        assert served.hub.started() == {long.id}


@pytest.mark.parametrize("name", ["spins", "sleeps"])
async def test_a_running_call_is_interrupted_by_cancel_and_the_process_lives_on(tmp_path: Path, name: str) -> None:
    async with serving(tmp_path, LAB) as served:
        hub = served.hub
        key = await hub.offer(name, **({"seconds": 60.0} if name == "sleeps" else {}))
        await hub.until(lambda: key.id in hub.started())
        await hub.say(frames.CancelAttempts([key]))
        outcome = await hub.outcome(key)
        assert outcome.state == AttemptState.CANCELLED
        await hub.outcome(await hub.offer("add", a=1))
        assert not served.said(EventKind.PROCESS_DIED)
        if name == "spins":
            assert hub.printed(key) == [("stdout", "interrupted\n")]


@pytest.mark.parametrize("name", ["stubborn", "c_loop"])
async def test_what_does_not_stop_is_killed_after_the_grace(tmp_path: Path, name: str) -> None:
    async with serving(tmp_path, LAB, kill_grace_seconds=0.3) as served:
        hub = served.hub
        key = await hub.offer(name)
        await hub.until(lambda: key.id in hub.started())
        before = time.monotonic()
        await hub.say(frames.CancelAttempts([key]))
        outcome = await hub.outcome(key)
        assert outcome.state == AttemptState.CANCELLED
        assert 0.25 < time.monotonic() - before < 3
        await hub.outcome(await hub.offer("add", a=1))


async def test_a_cancelled_call_that_its_process_never_begins_is_given_back_after_the_grace(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB, kill_grace_seconds=0.3) as served:
        hub = served.hub
        pid = decode((await hub.outcome(await hub.offer("process"))).result)
        os.kill(pid, signal.SIGSTOP)  # as one whose threads, or whose machine, let nothing else run
        key = await hub.offer("add", a=1)
        await hub.say(frames.CancelAttempts([key]))
        assert await hub.until(hub.returned, 5) == {key.id: "neighbour_died"}
        assert decode((await hub.outcome(await hub.offer("add", a=1))).result) == 2


async def test_an_offer_while_a_killed_process_has_not_ended_yet_waits_for_the_next_one(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        hub = served.hub
        for _ in range(3):  # so that it is known to be quick, and something would be sent behind it
            await hub.outcome(await hub.offer("sleeps", seconds=0.0))
        hanging = await hub.offer("sleeps", seconds=60.0)
        await hub.until(lambda: hanging.id in hub.started())
        served.worker._work.generations[-1].pool.busy[0].slot.kill()  # type: ignore[union-attr]  # busy: there is one
        item = hub.item("sleeps", seconds=0.0)
        served.worker._work.offer(frames.Offer([item]))
        assert decode((await hub.outcome(frames.AttemptKey(item.id, item.fence))).result) == "slept"
        assert (await hub.outcome(hanging)).state == AttemptState.LOST


async def test_a_value_given_back_in_spite_of_the_interrupt_counts(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        key = await served.hub.offer("late_value")
        await served.hub.until(lambda: key.id in served.hub.started())
        await served.hub.say(frames.CancelAttempts([key]))
        outcome = await served.hub.outcome(key)
        assert (outcome.state, decode(outcome.result)) == (AttemptState.SUCCEEDED, "after all")


@pytest.mark.parametrize("name", ["spins", "stubborn"])
async def test_a_timeout_counts_from_the_start_and_fails_the_attempt(tmp_path: Path, name: str) -> None:
    async with serving(tmp_path, LAB) as served:
        hub = served.hub
        blocking = await hub.offer("sleeps", seconds=0.5)
        key = await hub.offer(name, limit=0.3)
        await hub.outcome(blocking)
        assert (key.id, key.fence) not in hub.finished
        outcome = await hub.outcome(key)
        assert outcome.state == AttemptState.FAILED
        assert outcome.failure is not None
        assert outcome.failure.code == "invocation_timeout"
        assert "0.3 s" in outcome.failure.message


async def test_what_waits_behind_a_long_call_moves_to_a_free_slot(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB, slots=2) as served:
        hub = served.hub
        for _ in range(5):
            await hub.outcome(await hub.offer("sleeps", seconds=0.0))
        items = [hub.item("sleeps", seconds=seconds) for seconds in (2.0, 0.0, 0.0, 0.0, 0.0, 0.0)]
        await hub.say(frames.Offer(items))
        before = time.monotonic()
        await hub.until(lambda: len(hub.finished) == 10)
        assert time.monotonic() - before < 1.0
        assert (items[0].id, items[0].fence) not in hub.finished


async def test_recall_gives_back_what_has_not_started_even_if_a_slot_holds_it(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        hub = served.hub
        for _ in range(5):
            await hub.outcome(await hub.offer("sleeps", seconds=0.0))
        items = [hub.item("sleeps", seconds=seconds) for seconds in (0.5, 0.0, 0.0, 0.0)]
        await hub.say(frames.Offer(items))
        await asyncio.sleep(0.1)
        await hub.say(frames.Recall([frames.AttemptKey(item.id, item.fence) for item in (items[0], items[2])]))
        await hub.until(lambda: len(hub.finished) == 8)
        assert hub.returned() == {items[2].id: "recalled"}


async def test_cancelling_what_has_not_started_does_not_touch_what_runs(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        hub = served.hub
        running = await hub.offer("sleeps", seconds=0.4)
        waiting = await hub.offer("add", a=1)
        await hub.say(frames.CancelAttempts([waiting]))
        assert (await hub.outcome(waiting)).state == AttemptState.CANCELLED
        assert (await hub.outcome(running)).state == AttemptState.SUCCEEDED


async def test_cancelling_what_is_not_here_is_confirmed_since_it_does_not_run(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        key = frames.AttemptKey(b"x" * 22, 77)
        await served.hub.say(frames.CancelAttempts([key]))
        assert (await served.hub.outcome(key)).state == AttemptState.CANCELLED


async def test_a_fork_that_comes_back_does_not_answer(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        outcome = await served.hub.outcome(await served.hub.offer("forks"))
        assert decode(outcome.result) == 2
        assert decode((await served.hub.outcome(await served.hub.offer("add", a=1))).result) == 2


async def test_native_output_larger_than_any_pipe_does_not_block(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        key = await served.hub.offer("floods")
        assert (await served.hub.outcome(key)).state == AttemptState.SUCCEEDED
        assert sum(len(text) for _, text in served.hub.printed(key)) == 4_000_000


async def test_output_of_child_processes_is_captured(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        key = await served.hub.offer("prints_from_children")
        await served.hub.outcome(key)
        assert served.hub.printed(key) == [("stdout", "from a child\n")]


async def test_children_that_are_forked_print_without_disturbing_the_channel(tmp_path: Path) -> None:
    lab = LAB + (
        "\nimport multiprocessing\n"
        "def child(n):\n    print('child', n, flush=True)\n    return n\n"
        "@farcall.function\n"
        "def spreads() -> int:\n"
        "    with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "        return sum(pool.map(child, range(20)))\n"
    )
    async with serving(tmp_path, lab) as served:
        key = await served.hub.offer("spreads")
        assert decode((await served.hub.outcome(key)).result) == 190
        lines = "".join(text for _, text in served.hub.printed(key)).split("\n")
        assert sorted(lines) == sorted(["", *(f"child {number}" for number in range(20))])
