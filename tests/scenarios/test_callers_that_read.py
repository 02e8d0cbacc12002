"""Callers that make one call after another, while threads, Ctrl-C and the death of hubs get in their way."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time

import pytest

from tests.scenarios.world import World

SOURCE = """
    import farcall

    @farcall.function
    def double(x: int) -> int:
        return 2 * x
"""

CALLER = """
    import threading, time
    import farcall

    double = farcall.get("alice/double")
    counts = [0, 0, 0]
    wrong, over = [], threading.Event()

    def work(place):
        while not over.is_set():
            counts[place] += 1
            if double(counts[place]) != 2 * counts[place]:
                wrong.append(counts[place])
            if place:
                time.sleep(0.05)  # the main thread is mostly alone, and sometimes not

    threads = [threading.Thread(target=work, args=(place,)) for place in (1, 2)]
    for thread in threads:
        thread.start()
    interrupts = 0
    while interrupts < 21:
        try:
            print("calling", flush=True)
            work(0)
        except KeyboardInterrupt:
            interrupts += 1
    over.set()
    for thread in threads:
        thread.join(30)
    over.clear()
    assert [double(number) for number in range(100)] == [2 * number for number in range(100)]
    print(wrong, sum(thread.is_alive() for thread in threads), min(counts), flush=True)
"""


@pytest.mark.slow
def test_calls_in_turn_go_on_over_hubs_that_are_killed_and_over_ctrl_c(world: World) -> None:
    world.write("lab.py", SOURCE)
    world.serve("w1", "lab.py", slots=2)
    caller = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CALLER)],
        env=world.environment("alice"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert caller.stdout is not None
    try:
        for count in range(21):
            assert caller.stdout.readline() == "calling\n", caller.communicate(timeout=10)
            time.sleep(0.15 + count % 5 * 0.011)
            if count % 7 == 3:
                world.kill_hub()
                world.start_hub()
            caller.send_signal(signal.SIGINT)
        out, err = caller.communicate(timeout=60)
    finally:
        caller.kill()
    assert (caller.returncode, err) == (0, "")
    wrong, stuck, fewest = out.rsplit(maxsplit=2)
    assert (wrong, stuck) == ("[]", "0")
    assert int(fewest) > 10
    states = listed(world)
    assert set(states) <= {"succeeded", "cancelled"}
    world.kill_hub()
    world.start_hub()
    assert listed(world) == states
    assert sum(row["invocations"] for row in world.get("/v1/usage", "alice")["items"]) == len(states)


def listed(world: World) -> list[str]:
    """The states of all that Alice called, newest first; some were filed, and some not yet."""
    states: list[str] = []
    path = "/v1/invocations?role=caller&limit=500"
    page = world.get(path, "alice")
    while page["next"]:
        states += [item["status"] for item in page["items"]]
        page = world.get(f"{path}&cursor={page['next']}", "alice")
    return states + [item["status"] for item in page["items"]]
