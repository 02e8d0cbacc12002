"""One worker and what comes of calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from farcall.domain.states import AttemptState
from farcall.payload.decode import decode
from farcall.wire import frames
from farcall.worker import EventKind

from .peer import serving

LAB = """
import asyncio, logging, os, sys, time, typing
import farcall.authoring as farcall

@farcall.function
def add(a: int, b: int = 1) -> int:
    return a + b

@farcall.function
def fails(x: float):
    return inner(x)

def inner(x):
    raise ValueError(f"bad {x}")

@farcall.function
def talks(n: int) -> str:
    print("hello", n)
    os.write(1, b"from below\\n")
    logging.getLogger("lab").warning("careful")
    print("oh", file=sys.stderr)
    farcall.progress(0.5, "half")
    return farcall.current().id

@farcall.function
async def waits(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "done"

@farcall.function
def half(share: typing.Annotated[float, farcall.Range(0, 1)]) -> float:
    return share / 2

@farcall.function
def unsendable():
    return {"x": [1, object()]}

@farcall.function
def leaves():
    sys.exit(3)
"""

pytestmark = pytest.mark.anyio


async def test_a_call_is_run_and_its_result_sent(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        outcome = await served.hub.outcome(await served.hub.offer("add", a=1, b=2))
        assert outcome.state == AttemptState.SUCCEEDED
        assert decode(outcome.result) == 3
        assert served.said(EventKind.READY)[0].names[0] == "alice/add"


async def test_registration_tells_the_machine_and_publication_the_interfaces_but_no_code(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB, slots=2, labels={"gpu": 1}, namespace="physics") as served:
        (register,) = served.hub.of(frames.Register)
        assert (register.name, register.slots, register.credit) == ("here", 2, 1024)
        assert {"cpus", "memory_gb", "python", "platform", "gpu"} <= register.resources.keys()
        (publish,) = served.hub.of(frames.Publish)
        assert [function.name for function in publish.functions][:2] == ["physics/add", "physics/fails"]
        assert publish.functions[0].document["parameters"][1]["default"] == 1
        assert "return" not in repr(publish)


async def test_the_implementation_digest_depends_on_the_owners_secret(tmp_path: Path) -> None:
    digests = set()
    for secret in (b"a" * 32, b"b" * 32, b"a" * 32):
        async with serving(tmp_path, LAB, secret=secret) as served:
            digests.add(served.hub.of(frames.Publish)[0].functions[0].implementation)
    assert len(digests) == 2


async def test_what_the_function_raises_is_a_result_with_a_traceback_free_of_ours_and_of_source(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        outcome = await served.hub.outcome(await served.hub.offer("fails", x=1.5))
        failure = outcome.failure
        assert outcome.state == AttemptState.FAILED
        assert failure is not None
        assert (failure.code, failure.remote_type, failure.message) == ("function_error", "ValueError", "bad 1.5")
        assert failure.traceback.splitlines() == [
            "Traceback (most recent call last):",
            '  File "lab.py", line 11, in fails',
            '  File "lab.py", line 14, in inner',
            "ValueError: bad 1.5",
        ]
        assert served.said(EventKind.FUNCTION_ERROR)[0].names == ("alice/fails",)


async def test_output_is_captured_in_order_and_told_before_the_outcome(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        key = await served.hub.offer("talks", n=3)
        outcome = await served.hub.outcome(key)
        assert served.hub.printed(key) == [
            ("stdout", "hello 3\n"),
            ("log", "WARNING lab: careful\n"),
            ("stderr", "oh\n"),
            ("stdout", "from below\n"),
        ]
        (progress,) = served.hub.of(frames.Progress)
        assert (progress.items[0].fraction, progress.items[0].stage) == (0.5, "half")
        assert decode(outcome.result).startswith("inv_")
        kinds = [type(frame) for frame in served.hub.frames]
        assert kinds.index(frames.Logs) < kinds.index(frames.Finished)


async def test_an_async_function_is_awaited(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        outcome = await served.hub.outcome(await served.hub.offer("waits", seconds=0.01))
        assert decode(outcome.result) == "done"


async def test_a_result_that_cannot_travel_names_the_place(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        outcome = await served.hub.outcome(await served.hub.offer("unsendable"))
        assert outcome.failure is not None
        assert outcome.failure.code == "bad_result"
        assert 'result["x"][1]: object' in outcome.failure.message


async def test_sys_exit_ends_the_call_and_not_the_process(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        outcome = await served.hub.outcome(await served.hub.offer("leaves"))
        assert outcome.failure is not None
        assert (outcome.failure.code, outcome.failure.remote_type) == ("function_error", "SystemExit")
        assert not served.said(EventKind.PROCESS_DIED)


async def test_arguments_that_do_not_fit_are_refused_by_the_worker_too(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        outcome = await served.hub.outcome(await served.hub.offer("add", a="x"))
        assert outcome.failure is not None
        assert outcome.failure.code == "invalid_arguments"
        assert "args.a" in outcome.failure.message


async def test_arguments_out_of_their_bounds_are_refused_by_the_worker_too(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        outcome = await served.hub.outcome(await served.hub.offer("half", share=2.0))
        assert outcome.failure is not None
        assert (outcome.failure.code, outcome.failure.message) == (
            "invalid_arguments",
            "share: 2.0 is greater than the maximum of 1",
        )


async def test_an_offer_of_an_unknown_version_is_returned(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB) as served:
        item = served.hub.item("add", a=1)
        item.version = 999
        await served.hub.say(frames.Offer([item]))
        returned = await served.hub.until(served.hub.returned)
        assert returned == {item.id: "unknown_version"}


async def test_a_burst_over_two_slots_gives_each_its_own_result(tmp_path: Path) -> None:
    async with serving(tmp_path, LAB, slots=2) as served:
        items = [served.hub.item("add", a=number, b=1) for number in range(1000)]
        await served.hub.say(frames.Offer(items))
        await served.hub.until(lambda: len(served.hub.finished) == 1000)
        for number, item in enumerate(items):
            assert decode(served.hub.finished[item.id, item.fence].result) == number + 1
