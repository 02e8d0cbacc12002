"""What happens to the process of a function, and to its neighbours."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest

import farcall
from tests.scenarios.town import Town
from tests.scenarios.world import wait_until

SOURCE = """
    import ctypes, os, resource, sys, threading, time
    from pathlib import Path
    import farcall

    HERE = Path(__file__).parent

    @farcall.function(namespace="open/processes", retry="never")
    def leaves(code: int) -> None:
        os._exit(code)

    @farcall.function(namespace="open/processes", retry="never")
    def exits() -> None:
        sys.exit(4)

    @farcall.function(namespace="open/processes", retry="never")
    def crashes() -> None:
        ctypes.string_at(0)

    @farcall.function(namespace="open/processes", retry="never")
    def hogs(limit_mib: int) -> int:
        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (limit_mib << 20, before[1]))
        try:
            return len(bytearray(limit_mib << 21))
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)

    @farcall.function(namespace="open/processes")
    def neighbour(label: str) -> int:
        started = HERE / f"{label}.{os.getpid()}"
        started.touch()
        while not (HERE / f"{label}.go").exists():
            time.sleep(0.005)
        return farcall.current().attempt

    @farcall.function(namespace="open/processes")
    def pid() -> int:
        return os.getpid()

    @farcall.function(namespace="open/processes")
    def spins(label: str) -> None:
        (HERE / label).touch()
        while True:
            pass

    @farcall.function(namespace="open/processes")
    def starves(seconds: float) -> str:
        def burn() -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                sum(range(1000))
        threads = [threading.Thread(target=burn) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        return "still here"

    @farcall.function(namespace="open/processes")
    def forks() -> int:
        child = os.fork()
        if child == 0:
            return -1
        os.waitpid(child, 0)
        return 1
"""


@pytest.fixture(scope="module", autouse=True)
def worker(town: Town) -> Iterator[str]:
    with town.serving(SOURCE, slots=2, name="processes") as name:
        yield name


def get(client: farcall.Client, name: str) -> farcall.RemoteFunction:
    return client.get(f"alice/open/processes/{name}")


@pytest.mark.parametrize(
    ("name", "args", "words"),
    [("leaves", (0,), "exit code 0"), ("leaves", (9,), "exit code 9"), ("crashes", (), "SIGSEGV")],
)
def test_a_process_that_dies_fails_its_call_and_no_other(
    town: Town, bob: farcall.Client, name: str, args: tuple[int, ...], words: str
) -> None:
    label = town.fresh("neighbour")
    beside = get(bob, "neighbour").submit(label)
    wait_until(lambda: list(town.directory.glob(f"{label}.*")), what="the neighbour runs")
    with pytest.raises(farcall.WorkerLost, match=words) as caught:
        get(bob, name)(*args)
    assert caught.value.code == "process_died"
    (town.directory / f"{label}.go").touch()
    assert beside.result(20) == 1, "the neighbour had to run again"
    assert town.processes["processes"].poll() is None


def test_sys_exit_is_the_function_s_own_failure(bob: farcall.Client) -> None:
    with pytest.raises(farcall.FunctionError) as caught:
        get(bob, "exits")()
    assert caught.value.remote_type == "SystemExit"


@pytest.mark.skipif(sys.platform != "linux", reason="address space limits are Linux's")
def test_a_function_that_wants_too_much_memory_raises_memory_error(bob: farcall.Client) -> None:
    with pytest.raises(MemoryError):
        get(bob, "hogs")(512)
    assert get(bob, "pid")() > 0


def test_a_slot_whose_process_was_killed_by_somebody_is_replaced(town: Town, bob: farcall.Client) -> None:
    label = town.fresh("killed")
    invocation = get(bob, "neighbour").submit(label)
    (started,) = wait_until(lambda: list(town.directory.glob(f"{label}.*")), what="it runs")
    os.kill(int(started.suffix[1:]), signal.SIGKILL)
    (town.directory / f"{label}.go").touch()
    assert invocation.result(20) == 2
    assert "SIGKILL" in invocation.explain()


def test_user_code_cannot_starve_the_heartbeats(bob: farcall.Client) -> None:
    invocations = [get(bob, "starves").submit(4.0) for _ in range(2)]
    assert [invocation.result(40) for invocation in invocations] == ["still here"] * 2
    assert [invocation.info()["attempt"] for invocation in invocations] == [1, 1]


def test_a_function_that_forks_gives_one_result(bob: farcall.Client) -> None:
    assert get(bob, "forks")() == 1


def test_an_endless_loop_ends_at_its_timeout(town: Town, bob: farcall.Client) -> None:
    with pytest.raises(farcall.InvocationTimeout):
        get(bob, "spins").options(timeout=0.3)(town.fresh("spins"))
    assert get(bob, "pid")() > 0


def test_a_worker_that_is_told_to_stop_finishes_what_runs_and_gives_back_the_rest(town: Town) -> None:
    source = """
        import time
        from pathlib import Path
        import farcall
        RAN = Path(__file__).with_name("drained")
        @farcall.function(namespace="open")
        def drained(x: int) -> int:
            with RAN.open("a") as ran:
                ran.write(f"{x}\\n")
            time.sleep(0.02)
            return farcall.current().attempt
    """
    with town.client() as client, town.serving(source) as first:
        calls = client.get("alice/open/drained").map(range(150))
        wait_until(lambda: len(town.lines("drained")) > 10, what="they run")
        with town.serving(source) as second:
            town.processes[first].send_signal(signal.SIGTERM)
            assert town.processes[first].wait(20) == 0
            assert list(calls) == [1] * 150, "what was given back counts as no try"
            workers = [town.record(call.id)["worker"] for call in calls.invocations]
        assert set(workers) == {first, second}
    assert sorted(map(int, town.lines("drained"))) == list(range(150)), "each ran once"


def test_a_draining_worker_finishes_a_long_call(town: Town, bob: farcall.Client) -> None:
    source = SOURCE.replace("open/processes", "open/draining")
    with town.serving(source) as name:
        label = town.fresh("long")
        invocation = bob.get("alice/open/draining/neighbour").submit(label)
        wait_until(lambda: list(town.directory.glob(f"{label}.*")), what="it runs")
        town.processes[name].send_signal(signal.SIGTERM)
        wait_until(lambda: "leaving" in town.log(name), what="the worker drains")
        (town.directory / f"{label}.go").touch()
        assert invocation.result(20) == 1
        assert town.processes[name].wait(20) == 0
