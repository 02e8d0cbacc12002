"""Functions that reach for the channel of their own process. They harm nobody but themselves."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from farcall.domain.states import AttemptState
from farcall.payload.decode import decode
from farcall.wire import frames
from farcall.worker import EventKind

from .peer import serving

LAB = """
import os, socket, stat, struct, time
import farcall.authoring as farcall
from farcall.guest.channel import pack
from farcall.guest.messages import Succeeded, Yielded, Printed, Piece, Reported

def channel() -> int:
    for name in os.listdir("/proc/self/fd"):
        try:
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                return int(name)
        except OSError:
            pass
    raise LookupError

@farcall.function
def add(a: int, b: int = 1) -> int:
    return a + b

@farcall.function
def garbage():
    os.write(channel(), b"\\xff" * 64)
    time.sleep(60)

@farcall.function
def huge():
    os.write(channel(), (2**31).to_bytes(4, "little"))
    time.sleep(60)

@farcall.function
def answers_for_another():
    os.write(channel(), pack(Succeeded(999, b"\\x01", 0.0)))
    time.sleep(60)

@farcall.function
def answers_twice():
    os.write(channel(), pack(Succeeded(farcall.current()._output.seq, b"\\x07", 0.0)))
    return 8

@farcall.function
def impossible_duration():
    os.write(channel(), pack(Succeeded(farcall.current()._output.seq, b"\\x07", float("nan"))))
    time.sleep(60)

@farcall.function
def names_a_file_of_the_owner():
    os.write(channel(), pack(Succeeded(farcall.current()._output.seq, b"\\x07", 0.1, ["../../../../etc/passwd"])))
    time.sleep(60)

@farcall.function
def names_a_link():
    import glob
    spool = glob.glob(f"{os.environ['TMPDIR']}/farcall-worker-*/slot-*/spool")[0]
    os.symlink("/etc/passwd", os.path.join(spool, "ab" * 32))
    os.write(channel(), pack(Succeeded(farcall.current()._output.seq, b"\\x07", 0.1, ["blake3:" + "ab" * 32])))
    time.sleep(60)

@farcall.function
def closes_everything():
    os.closerange(3, 200)
    time.sleep(60)
"""

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]


@pytest.mark.parametrize(
    "name", ["garbage", "huge", "answers_for_another", "answers_twice", "impossible_duration", "closes_everything"]
)
async def test_a_process_that_breaks_the_rules_is_stopped_and_replaced(tmp_path: Path, name: str) -> None:
    async with serving(tmp_path, LAB) as served:
        outcome = await served.hub.outcome(await served.hub.offer(name))
        if name == "answers_twice":
            assert decode(outcome.result) == 7  # its own answer is its own to forge; the second one ends the process
        else:
            assert outcome.state == AttemptState.LOST
        await served.hub.until(lambda: served.said(EventKind.PROCESS_DIED))
        assert decode((await served.hub.outcome(await served.hub.offer("add", a=1))).result) == 2


@pytest.mark.parametrize("name", ["names_a_file_of_the_owner", "names_a_link"])
async def test_only_files_that_the_slot_wrote_can_be_sent_as_results(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    async with serving(tmp_path, LAB) as served:
        outcome = await served.hub.outcome(await served.hub.offer(name))
        assert outcome.failure is not None
        assert outcome.failure.code == "bad_result"
        assert served.hub.blob_requests == []


async def test_frames_after_a_hostile_process_are_still_in_order(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB, slots=2) as served:
        items = [served.hub.item("garbage"), *(served.hub.item("add", a=number) for number in range(50))]
        await served.hub.say(frames.Offer(items))
        await served.hub.until(lambda: len(served.hub.finished) + len(served.hub.returned()) >= 51)
        for number, item in enumerate(items[1:]):
            outcome = served.hub.finished.get((item.id, item.fence))
            assert outcome is None or decode(outcome.result) == number + 1
