"""The promises of a slot, on a real process: each attempt is run or given back, never both, and an interrupt hits
only the attempt that it names.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from farcall.guest.messages import Failed, Loaded, RunItem, Setup, Succeeded, Unloadable
from farcall.payload.decode import decode
from farcall.payload.encode import encode
from farcall.runtimes.deaths import explain_exit
from farcall.runtimes.ports import Death, Slot, Told
from farcall.runtimes.python_process import PythonProcess, PythonProcesses
from farcall.runtimes.spawning import INHERITS

LAB = """
import os, time
import farcall.authoring as farcall

@farcall.function
def echo(n: int) -> int:
    return n

@farcall.function
def brief(n: int) -> int:
    time.sleep(n % 3 * 0.0005)
    return n

@farcall.function
def sleeps(seconds: float):
    time.sleep(seconds)

@farcall.function
def exits(code: int):
    os._exit(code)
"""
ECHO, BRIEF, SLEEPS, EXITS = range(4)
WAIT_SECONDS = 20.0

pytestmark = pytest.mark.anyio
posix = pytest.mark.skipif(sys.platform == "win32", reason="only POSIX inherits descriptors and has these signals")


class Listener:
    def __init__(self) -> None:
        self.functions: Loaded | None = None
        self.ends: dict[int, Succeeded | Failed] = {}
        self.death: Death | None = None
        self.unloadable_because: Unloadable | None = None
        self.changed = asyncio.Event()

    def loaded(self, slot: Slot, loaded: Loaded) -> None:
        self.functions = loaded
        self.changed.set()

    def unloadable(self, slot: Slot, why: Unloadable) -> None:
        self.unloadable_because = why
        self.changed.set()

    def told(self, slot: Slot, messages: list[Told]) -> None:
        for message in messages:
            if isinstance(message, Succeeded | Failed):
                assert message.seq not in self.ends
                self.ends[message.seq] = message
        self.changed.set()

    def died(self, slot: Slot, death: Death) -> None:
        self.death = death
        self.changed.set()

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while not true():
                self.changed.clear()
                await self.changed.wait()


@contextlib.asynccontextmanager
async def slot_of(
    directory: Path, source: str = LAB, *, inherits: bool = INHERITS
) -> AsyncIterator[tuple[PythonProcess, Listener]]:
    file = directory / "lab.py"
    file.write_text(source)
    listener = Listener()
    setup = Setup([str(file)], b"s" * 32, "", 1 << 20, 1 << 30, 8)
    slot = PythonProcesses(setup, directory, inherits).slot(0, listener)
    slot.start()
    await listener.until(lambda: listener.functions or listener.unloadable_because)
    try:
        yield slot, listener
    finally:
        slot.kill()
        await listener.until(lambda: listener.death)
        assert not slot.directory.exists()


def item(seq: int, function: int, **arguments: object) -> RunItem:
    return RunItem(seq, function, b"i" * 22, encode(arguments), 1, "bob")


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


@posix
async def test_every_attempt_is_either_run_or_given_back_however_often_we_take_back(tmp_path: Path) -> None:
    chance = random.Random(7)
    async with slot_of(tmp_path) as (slot, listener):
        seq = 0
        given_back: set[int] = set()
        sent: set[int] = set()
        for _ in range(400):
            batch = [item(seq := seq + 1, chance.choice((ECHO, BRIEF)), n=seq) for _ in range(chance.randrange(1, 40))]
            sent.update(each.seq for each in batch)
            slot.send(batch)
            await asyncio.sleep(chance.choice((0, 0, 0.0005, 0.002)))
            given_back.update(slot.take_back())
        await listener.until(lambda: slot.outstanding == 0)
        assert given_back, "the test was too gentle"
        assert listener.ends.keys(), "the test was too rough"
        assert given_back.isdisjoint(listener.ends)
        assert given_back | listener.ends.keys() == sent
        for number, end in listener.ends.items():
            assert isinstance(end, Succeeded)
            assert decode(end.result) == number


@posix
async def test_an_interrupt_never_hits_another_attempt_than_the_one_it_names(tmp_path: Path) -> None:
    chance = random.Random(8)
    async with slot_of(tmp_path) as (slot, listener):
        interrupted: set[int] = set()
        for seq in range(1, 1500):
            slot.send([item(seq, BRIEF, n=seq)])
            if chance.random() < 0.5:
                await asyncio.sleep(chance.choice((0, 0.0002, 0.0005)))
                running = slot.running()
                target = seq if running is None else running[0]
                interrupted.add(target)
                assert slot.interrupt(target)  # perhaps too early, perhaps too late
            if slot.outstanding > 20:
                await listener.until(lambda: slot.outstanding == 0)
        await listener.until(lambda: slot.outstanding == 0)
        hit = {seq for seq, end in listener.ends.items() if isinstance(end, Failed)}
        assert hit, "the test was too gentle"
        assert hit <= interrupted
        assert {end.code for end in listener.ends.values() if isinstance(end, Failed)} <= {"cancelled"}
        assert listener.death is None


@posix
async def test_a_running_attempt_is_known_with_its_start_and_cannot_be_taken_back(tmp_path: Path) -> None:
    async with slot_of(tmp_path) as (slot, listener):
        slot.send([item(1, SLEEPS, seconds=0.3), item(2, ECHO, n=2)])
        await asyncio.sleep(0.15)
        running = slot.running()
        assert running is not None
        assert running[0] == 1
        assert 0 < time.monotonic() - running[1] < 0.3
        assert slot.take_back() == [2]
        await listener.until(lambda: slot.outstanding == 0)
        assert listener.ends.keys() == {1}


@posix
async def test_death_tells_what_had_started_and_what_had_not(tmp_path: Path) -> None:
    async with slot_of(tmp_path) as (slot, listener):
        slot.send([item(1, ECHO, n=1), item(2, EXITS, code=5), item(3, ECHO, n=3), item(4, ECHO, n=4)])
        await listener.until(lambda: listener.death)
        assert listener.ends.keys() == {1}
        assert listener.death is not None
        assert (listener.death.started, listener.death.unstarted) == ([2], [3, 4])
        assert "exit code 5" in listener.death.message


@contextlib.contextmanager
def standing_still(slot: PythonProcess) -> Iterator[int]:
    """The slot's process sees and does nothing within this block. Gives its id."""
    assert slot._spawned is not None
    pid = slot._spawned.process.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGCONT)


@posix
async def test_what_is_sent_to_an_idle_process_is_its_own_at_once_and_the_rest_can_be_taken_back(
    tmp_path: Path,
) -> None:
    async with slot_of(tmp_path) as (slot, listener):
        with standing_still(slot):
            slot.send([item(1, ECHO, n=1), item(2, ECHO, n=2), item(3, ECHO, n=3)])
            assert slot.take_back() == [2, 3]
        await listener.until(lambda: slot.outstanding == 0)
        # The process still holds what was taken back, and knows it only once it meets a later one.
        for seq in (4, 5, 6):
            slot.send([item(seq, ECHO, n=seq)])
            await listener.until(lambda: slot.outstanding == 0)
        assert listener.ends.keys() == {1, 4, 5, 6}


@posix
async def test_what_an_idle_process_was_sent_and_had_not_begun_when_it_died_never_began(tmp_path: Path) -> None:
    async with slot_of(tmp_path) as (slot, listener):
        slot.send([item(1, ECHO, n=1)])
        await listener.until(lambda: slot.outstanding == 0)
        with standing_still(slot) as pid:
            slot.send([item(2, ECHO, n=2), item(3, ECHO, n=3)])
            os.kill(pid, signal.SIGKILL)
        await listener.until(lambda: listener.death)
        assert listener.death is not None
        assert (listener.death.started, listener.death.unstarted) == ([], [2, 3])


@posix
async def test_an_interrupt_that_comes_before_the_attempt_began_stops_it(tmp_path: Path) -> None:
    async with slot_of(tmp_path) as (slot, listener):
        with standing_still(slot):
            slot.send([item(1, SLEEPS, seconds=60.0)])
            assert slot.interrupt(1)
        await listener.until(lambda: slot.outstanding == 0)
        end = listener.ends[1]
        assert isinstance(end, Failed)
        assert end.code == "cancelled"


@posix
async def test_a_closed_slot_runs_what_it_was_sent_and_ends(tmp_path: Path) -> None:
    async with slot_of(tmp_path) as (slot, listener):
        slot.send([item(1, SLEEPS, seconds=0.2), item(2, ECHO, n=2)])
        slot.close()
        await listener.until(lambda: listener.death)
        assert listener.ends.keys() == {1, 2}
        with pytest.raises(RuntimeError):
            slot.send([item(3, ECHO, n=3)])


@posix
async def test_a_closed_slot_ends_even_if_it_waits_behind_what_was_taken_back(tmp_path: Path) -> None:
    async with slot_of(tmp_path) as (slot, listener):
        with standing_still(slot):
            slot.send([item(1, ECHO, n=1), item(2, ECHO, n=2)])
            assert slot.take_back() == [2]
        await listener.until(lambda: slot.outstanding == 0)
        slot.close()
        await listener.until(lambda: listener.death)
        assert listener.ends.keys() == {1}


@posix
async def test_kill_reaches_the_processes_that_a_function_started(tmp_path: Path) -> None:
    lab = LAB + (
        "\nimport subprocess\n@farcall.function\ndef starts(path: str):\n"
        "    child = subprocess.Popen(['sleep', '60'])\n    open(path, 'w').write(str(child.pid))\n    child.wait()\n"
    )
    async with slot_of(tmp_path, lab) as (slot, listener):
        note = tmp_path / "pid"
        slot.send([item(1, 4, path=str(note))])
        for _ in range(200):
            await asyncio.sleep(0.01)
            if note.exists() and note.read_text():
                break
        slot.kill()
        await listener.until(lambda: listener.death)
        pid = int(note.read_text())
        for _ in range(100):
            if not lives(pid):
                break
            await asyncio.sleep(0.01)
        assert not lives(pid)


@posix
async def test_a_file_that_crashes_the_interpreter_while_loading_is_told_with_its_last_words(tmp_path: Path) -> None:
    file = tmp_path / "lab.py"
    file.write_text("import os\nos.write(2, b'no licence\\n')\nos._exit(9)\n")
    listener = Listener()
    slot = PythonProcesses(Setup([str(file)], b"s" * 32, "", 1 << 20, 1 << 30, 8), tmp_path).slot(0, listener)
    slot.start()
    await listener.until(lambda: listener.death)
    assert listener.death is not None
    assert not listener.death.was_loaded
    assert listener.death.last_words == "no licence\n"


@posix
def test_exits_are_explained_in_words() -> None:
    assert explain_exit(-signal.SIGSEGV, 0)[1] == (
        "The function's process was killed by SIGSEGV (a crash in native code)."
    )
    assert explain_exit(3, 0) == ("process_died", "The function's process ended by itself with exit code 3.")
    assert explain_exit(-signal.SIGKILL, -1)[0] == "out_of_memory"  # the kernel's count has grown since


async def test_where_descriptors_cannot_be_inherited_a_slot_runs_one_attempt_after_another(tmp_path: Path) -> None:
    async with slot_of(tmp_path, inherits=False) as (slot, listener):
        assert not slot.prefetches
        for seq in range(1, 20):
            slot.send([item(seq, ECHO, n=seq)])
            await listener.until(lambda: slot.outstanding == 0)
        assert slot.take_back() == []
        assert [decode(end.result) for end in listener.ends.values() if isinstance(end, Succeeded)] == [*range(1, 20)]
        slot.send([item(20, EXITS, code=4)])
        await listener.until(lambda: listener.death)
        assert listener.death is not None
        assert (listener.death.started, listener.death.unstarted) == ([20], [])


async def test_where_descriptors_cannot_be_inherited_a_closed_slot_runs_what_it_was_sent_and_ends(
    tmp_path: Path,
) -> None:
    async with slot_of(tmp_path, inherits=False) as (slot, listener):
        slot.send([item(1, SLEEPS, seconds=0.2)])
        slot.close()
        await listener.until(lambda: listener.death)
        assert listener.ends.keys() == {1}
