"""The line to the hub: outbox, resume, leases, leaving."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from farcall.domain.states import AttemptState
from farcall.payload.decode import decode
from farcall.wire import frames
from farcall.worker import EventKind, ServeOptions, Worker

from .peer import PeerHub, serving

LAB = """
import os, time
import farcall.authoring as farcall

@farcall.function
def add(a: int, b: int = 1) -> int:
    return a + b

@farcall.function
def sleeps(seconds: float) -> int:
    print("pid", os.getpid(), flush=True)
    time.sleep(seconds)
    return os.getpid()
"""

pytestmark = pytest.mark.anyio


def start_worker(file: Path, hub: PeerHub, directory: Path) -> subprocess.Popen[bytes]:
    """A worker in a process of its own."""
    options = (
        f"({str(file)!r},), {hub.url!r}, 'token', slots=1, secret=b's' * 32, cache_directory=Path({str(directory)!r})"
    )
    code = "import sys; from pathlib import Path; from farcall.worker import ServeOptions, run; "
    return subprocess.Popen([sys.executable, "-c", f"{code}sys.exit(run(ServeOptions({options})))"])


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


async def test_outcomes_are_sent_again_after_a_reconnect_until_they_are_acknowledged(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        hub = served.hub
        hub.acknowledges = False
        key = await hub.offer("add", a=1)
        await hub.outcome(key)
        await hub.cut()
        await hub.until(lambda: hub.connections == 2 and hub.finished_times[key.id, key.fence] == 2)
        register = hub.of(frames.Register)[-1]
        assert [(item.id, item.fence) for item in register.resume] == [(key.id, key.fence)]
        await hub.say(frames.Acknowledge([key]))
        await asyncio.sleep(0.1)
        await hub.cut()
        await hub.until(lambda: hub.connections == 3 and len(hub.of(frames.Register)) == 3)
        assert hub.of(frames.Register)[-1].resume == []


async def test_an_attempt_that_runs_through_a_broken_line_is_resumed_and_finished(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        hub = served.hub
        key = await hub.offer("sleeps", seconds=0.6)
        await hub.until(lambda: key.id in hub.started())
        await hub.cut()
        outcome = await hub.outcome(key)
        assert outcome.state == AttemptState.SUCCEEDED
        assert [item.id for item in hub.of(frames.Register)[-1].resume] == [key.id]
        assert hub.printed(key)


async def test_a_stale_acknowledgement_drops_the_outcome_and_stops_what_still_runs(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        hub = served.hub
        hub.acknowledges = False
        finished = await hub.offer("add", a=1)
        await hub.outcome(finished)
        running = await hub.offer("sleeps", seconds=60.0)
        await hub.until(lambda: running.id in hub.started())
        await hub.say(frames.Acknowledge([], [finished, running]))
        outcome = await hub.outcome(running)
        assert outcome.state == AttemptState.CANCELLED
        assert [(item.id, item.fence) for item in served.worker._outbox.keys()]  # noqa: SIM118  # its keys() tells more than a dict's == [(running.id, running.fence)]


async def test_what_runs_is_killed_when_the_lease_lapses_without_acknowledged_heartbeats(tmp_path: Path) -> None:
    hub = PeerHub()
    hub.lease_seconds = 1.0
    await hub.start()
    async with serving(tmp_path, LAB, hub) as served:
        key = await hub.offer("sleeps", seconds=60.0)
        await hub.until(lambda: key.id in hub.started())
        pid = int(hub.printed(key)[0][1].split()[1])
        await asyncio.sleep(1.5)
        os.kill(pid, 0)  # heartbeats are acknowledged: it lives
        hub.hears_heartbeats = False
        await hub.until(lambda: served.said(EventKind.LEASE_LAPSED))
        outcome = await hub.outcome(key)
        assert outcome.state == AttemptState.LOST
        assert outcome.failure is not None
        assert outcome.failure.code == "worker_lost"
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        hub.hears_heartbeats = True
        await hub.until(lambda: hub.connections >= 2)
        assert decode((await hub.outcome(await hub.offer("add", a=1))).result) == 2
    await hub.stop()


async def test_heartbeats_go_on_while_every_slot_computes(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB, slots=2) as served:
        hub = served.hub
        await hub.say(frames.Offer([hub.item("sleeps", seconds=1.0) for _ in range(2)]))
        before = len(hub.of(frames.Heartbeat))
        await asyncio.sleep(1.0)
        assert len(hub.of(frames.Heartbeat)) - before >= 7


async def test_a_hub_that_comes_back_on_its_port_finds_the_worker_again(tmp_path: Path) -> None:
    hub = PeerHub()
    await hub.start()
    async with serving(tmp_path, LAB, hub) as served:
        await hub.stop()
        await hub.until(lambda: served.said(EventKind.RECONNECTING))
        await hub.start()
        await hub.until(lambda: hub.connections == 2 and len(hub.of(frames.Publish)) == 2)
        assert decode((await hub.outcome(await hub.offer("add", a=1))).result) == 2
    await hub.stop()


async def test_no_hub_at_all_is_said_in_a_sentence_with_exit_code_1(tmp_path: Path) -> None:
    file = tmp_path / "lab.py"
    file.write_text(LAB)
    events = []
    worker = Worker(
        ServeOptions((str(file),), "http://127.0.0.1:9", "token", slots=1, secret=b"s" * 32, on_event=events.append)
    )
    assert await worker.serve() == 1
    assert events[-1].kind is EventKind.FAILED
    assert "127.0.0.1:9" in events[-1].message


async def test_a_worker_none_of_whose_functions_is_published_ends_with_the_hubs_reason(tmp_path: Path) -> None:
    hub = PeerHub()
    hub.refuses_publications = True
    await hub.start()
    async with serving(tmp_path, LAB, hub) as served:
        assert await served.task == 1
        [failed] = served.said(EventKind.FAILED)
        assert failed.message == "The hub refused to publish what is here: nothing is served."
        assert failed.failure is not None
        assert failed.failure.message == "Not here."
        assert not served.said(EventKind.DISCONNECTED)  # it left; nothing broke
    await hub.stop()


async def test_a_drain_finishes_what_runs_returns_the_rest_and_waits_for_acknowledgements(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        hub = served.hub
        running = await hub.offer("sleeps", seconds=0.5)
        waiting = await hub.offer("add", a=1)
        await hub.until(lambda: running.id in hub.started())
        await hub.say(frames.Drain("be gone"))
        assert await served.task == 0
        assert hub.finished[running.id, running.fence].state == AttemptState.SUCCEEDED
        assert hub.returned() == {waiting.id: "draining"}
        kinds = [type(frame) for frame in hub.frames]
        assert kinds.index(frames.Leaving) < kinds.index(frames.Finished)
        assert kinds[-1] is frames.Goodbye


async def test_a_drain_does_not_wait_for_ever(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB, drain_seconds=0.3) as served:
        key = await served.hub.offer("sleeps", seconds=60.0)
        await served.hub.until(lambda: key.id in served.hub.started())
        served.worker.drain()
        assert await served.task == 0
        outcome = served.hub.finished[key.id, key.fence]
        assert outcome.state == AttemptState.LOST
        assert outcome.failure is not None
        assert outcome.failure.code == "worker_lost"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
async def test_sigterm_drains_a_real_worker_process_and_leaves_no_process_behind(tmp_path: Path) -> None:
    hub = PeerHub()
    await hub.start()
    file = tmp_path / "lab.py"
    file.write_text(LAB)
    process = start_worker(file, hub, tmp_path)
    try:
        await hub.until(lambda: hub.of(frames.Publish))
        key = await hub.offer("sleeps", seconds=0.5)
        await hub.until(lambda: key.id in hub.started())
        pid = int(hub.printed(key)[0][1].split()[1])
        process.send_signal(signal.SIGTERM)
        outcome = await hub.outcome(key)
        assert outcome.state == AttemptState.SUCCEEDED
        assert await asyncio.to_thread(process.wait, 10) == 0
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    finally:
        process.kill()
        process.wait()
        await hub.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="dying with the parent is Linux's")
async def test_guests_do_not_outlive_a_worker_that_is_killed(tmp_path: Path) -> None:
    hub = PeerHub()
    await hub.start()
    file = tmp_path / "lab.py"
    file.write_text(LAB)
    process = start_worker(file, hub, tmp_path)
    try:
        await hub.until(lambda: hub.of(frames.Publish))
        key = await hub.offer("sleeps", seconds=60.0)
        await hub.until(lambda: key.id in hub.started())
        pid = int(hub.printed(key)[0][1].split()[1])
    finally:
        process.kill()
        process.wait()
    await hub.until(lambda: not lives(pid))
    await hub.stop()


async def test_an_offer_that_overtakes_the_answer_to_publish_is_run_and_its_cancel_keeps_its_place(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, LAB) as served:
        hub = served.hub
        served.worker._conversation.publish()  # unanswered when the next frames are read
        served.worker._work.versions = {}
        run, cancelled = hub.item("add", a=1), hub.item("sleeps", seconds=60.0)
        for frame in (
            frames.Offer([run, cancelled]),
            frames.CancelAttempts([frames.AttemptKey(cancelled.id, cancelled.fence)]),
        ):
            served.worker._conversation.received(frame)
        await hub.until(lambda: len(hub.finished) == 2)
        assert hub.finished[run.id, run.fence].state == AttemptState.SUCCEEDED
        assert hub.finished[cancelled.id, cancelled.fence].state == AttemptState.CANCELLED
        assert set(hub.finished_times.values()) == {1}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
async def test_a_worker_that_was_stopped_past_its_lease_kills_what_it_ran_when_it_wakes(tmp_path: Path) -> None:
    hub = PeerHub()
    hub.lease_seconds = 1.0
    await hub.start()
    file = tmp_path / "lab.py"
    file.write_text(LAB)
    process = start_worker(file, hub, tmp_path)
    try:
        await hub.until(lambda: hub.of(frames.Publish))
        key = await hub.offer("sleeps", seconds=60.0)
        await hub.until(lambda: key.id in hub.started())
        pid = int(hub.printed(key)[0][1].split()[1])
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(1.5)
        assert lives(pid)
        process.send_signal(signal.SIGCONT)
        outcome = await hub.outcome(key)
        assert outcome.state == AttemptState.LOST
        assert not lives(pid)
        assert decode((await hub.outcome(await hub.offer("add", a=1))).result) == 2
    finally:
        process.kill()
        process.wait()
        await hub.stop()
