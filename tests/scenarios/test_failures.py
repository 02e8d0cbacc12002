"""Stories in which something breaks, and nothing is lost."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

import farcall
from tests.scenarios.world import World, wait_until

COUNTER = """
    import os, time
    from pathlib import Path
    import farcall

    RAN = Path(__file__).with_name("ran")

    @farcall.function
    def square(x: int, seconds: float = 0.0) -> int:
        with RAN.open("a") as ran:
            ran.write(f"{x} {os.getpid()}\\n")
        time.sleep(seconds)
        return x * x
"""


def connect(world: World, who: str = "bob") -> farcall.Client:
    return farcall.connect(world.url, world.tokens[who])


def shared_square(world: World) -> farcall.Client:
    """Alice has shared everything with Bob; his client."""
    done = world.farcall("share", "alice/square", "bob", who="alice")
    assert done.returncode == 0, done.stderr
    return connect(world)


def test_a_map_survives_the_death_of_one_of_two_workers(world: World) -> None:
    source = str(world.write("work.py", COUNTER))
    world.serve("one", source)
    world.serve("two", source)
    with shared_square(world) as client:
        square = client.get("alice/square")
        calls = square.map(range(200), [0.02] * 200)
        results = []
        for place, value in enumerate(calls):
            results.append(value)
            if place == 40:
                world.processes["two"].kill()
    assert results == [x * x for x in range(200)]
    records = [world.get(f"/v1/invocations/{call.id}", "bob") for call in calls.invocations]
    assert {record["worker"] for record in records} == {"one", "two"}
    assert max(record["attempt"] for record in records) >= 2, "nothing was running on the worker that died"


def test_a_hub_killed_in_the_middle_of_5000_invocations_loses_none_and_records_none_twice(world: World) -> None:
    source = str(world.write("work.py", COUNTER))
    world.serve("one", source, slots=2)
    world.hub_settings["FARCALL_HUB_RESUME_GRACE_SECONDS"] = "30"  # on a busy machine the worker takes its time
    with shared_square(world) as client:
        square = client.get("alice/square")
        answers: list[int] = []
        failures: list[BaseException] = []

        def run() -> None:
            try:
                answers.extend(square.map(range(5000), [0.001] * 5000))
            except BaseException as error:
                failures.append(error)

        caller = threading.Thread(target=run)
        caller.start()
        wait_until(lambda: _lines(world) > 500, 30, "500 of them have run")
        world.kill_hub()
        ran_at_kill = _lines(world)
        time.sleep(0.5)
        world.start_hub()
        caller.join(60)
        assert not caller.is_alive(), "the map did not finish"
    assert ran_at_kill < 5000, "the hub was killed too late to matter"
    assert not failures, failures
    assert answers == [x * x for x in range(5000)]
    seen = 0
    cursor = ""
    identifiers = set()
    while True:
        page = world.get(f"/v1/invocations?limit=500{cursor}", "bob")
        for item in page["items"]:
            assert item["status"] == "succeeded", item
            identifiers.add(item["id"])
            seen += 1
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == len(identifiers) == 5000


def _lines(world: World) -> int:
    path = world.directory / "ran"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_submitted_invocations_survive_hub_and_caller(world: World) -> None:
    source = str(world.write("work.py", COUNTER))
    world.serve("one", source)
    with shared_square(world) as client:
        square = client.get("alice/square")
        identifiers = [square.submit(x, 0.05).id for x in range(30)]
    world.kill_hub()
    world.start_hub()
    with connect(world) as client:
        assert [client.invocation(identifier).result(30) for identifier in identifiers] == [x * x for x in range(30)]


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP on this system")
def test_a_worker_stopped_past_its_lease_has_its_late_result_refused(world: World) -> None:
    source = str(world.write("work.py", COUNTER))
    world.serve("one", source)
    with shared_square(world) as client:
        square = client.get("alice/square")
        invocation = square.submit(7, 2.0)
        identifier = invocation.id
        wait_until(lambda: _lines(world) == 1, 10, "it runs")
        world.serve("two", source)
        everyone = [world.processes["one"].pid, *world.child_processes("one")]
        for pid in everyone:
            os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: not world.worker("one"), 15, "the hub gives the worker up")
        assert invocation.result(30) == 49
        for pid in everyone:
            os.kill(pid, signal.SIGCONT)
        wait_until(lambda: world.worker("one"), 15, "the worker that was stopped serves again")
        record = world.get(f"/v1/invocations/{identifier}", "bob")
        assert (record["worker"], record["attempt"], record["status"]) == ("two", 2, "succeeded")
        assert square(3) == 9


def test_an_invocation_whose_only_worker_was_lost_fails_when_the_grace_is_over(world: World) -> None:
    source = str(world.write("work.py", COUNTER))
    world.serve("one", source)
    with shared_square(world) as client:
        invocation = client.get("alice/square").submit(7, 30.0)
        wait_until(lambda: _lines(world) == 1, 10, "it runs")
        world.processes["one"].kill()
        with pytest.raises(farcall.WorkerLost):
            invocation.result(15)


def test_a_worker_cut_off_and_back_within_the_grace_keeps_its_result(world: World) -> None:
    cable = world.cable()
    source = str(world.write("work.py", COUNTER))
    world.serve("one", source, url=cable.url)
    with shared_square(world) as client:
        square = client.get("alice/square")
        invocation = square.submit(5, 1.0)
        wait_until(lambda: _lines(world) == 1, 10, "it runs")
        cable.cut()
        time.sleep(0.8)
        cable.mend()
        assert invocation.result(20) == 25
        record = world.get(f"/v1/invocations/{invocation.id}", "bob")
    assert record["attempt"] == 1
    assert _lines(world) == 1, "it ran twice"


def test_an_endless_loop_is_cancelled_hard(world: World) -> None:
    source = world.write(
        "stubborn.py",
        """
        import signal
        import farcall

        @farcall.function
        def stubborn() -> int:
            while True:
                try:
                    while True:
                        pass
                except KeyboardInterrupt:
                    pass

        @farcall.function
        def polite() -> int:
            return 1
        """,
    )
    world.serve("one", str(source))
    with connect(world, "alice") as client:
        invocation = client.get("alice/stubborn").submit()
        identifier = invocation.id
        wait_until(lambda: world.get(f"/v1/invocations/{identifier}", "alice")["status"] == "running", 10, "it runs")
        assert invocation.cancel()
        with pytest.raises(farcall.InvocationCancelled):
            invocation.result(20)
        assert world.get(f"/v1/invocations/{identifier}", "alice")["status"] == "cancelled"
        assert client.get("alice/polite")() == 1
