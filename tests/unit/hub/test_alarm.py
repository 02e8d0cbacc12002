from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from farcall.hub.alarm import Alarm

pytestmark = pytest.mark.anyio


async def test_it_rings_once_at_the_time_that_was_said_last_and_never_before() -> None:
    rung: list[float] = []
    alarm = Alarm(lambda: rung.append(time.monotonic()))
    start = time.monotonic()
    for delay in (0.2, 0.05, 0.1):
        alarm.set(start + delay)
    await asyncio.sleep(0.3)
    assert len(rung) == 1
    assert rung[0] >= start + 0.1


async def test_it_can_be_set_again_while_it_rings() -> None:
    rung: list[float] = []

    def ring() -> None:
        rung.append(time.monotonic())
        if len(rung) < 3:
            alarm.set(rung[-1] + 0.01)

    alarm = Alarm(ring)
    alarm.set(time.monotonic())
    await asyncio.sleep(0.2)
    assert len(rung) == 3
    assert all(later >= earlier + 0.01 for earlier, later in pairwise(rung))


async def test_what_was_stopped_does_not_ring() -> None:
    rung: list[int] = []
    alarm = Alarm(lambda: rung.append(1))
    alarm.set(time.monotonic() + 0.01)
    alarm.stop()
    await asyncio.sleep(0.05)
    assert rung == []
