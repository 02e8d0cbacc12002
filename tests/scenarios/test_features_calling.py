"""What a caller can do with a function, one story each, with a real hub and a real worker."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import os
import signal
import threading
from collections.abc import Iterator

import pytest

import farcall
from tests.scenarios.town import Town
from tests.scenarios.world import wait_until

SOURCE = """
    import asyncio, logging, os, sys, time
    from pathlib import Path
    from typing import Annotated, AsyncIterator, Iterator
    import farcall

    HERE = Path(__file__).parent

    def note(name: str, text: object) -> None:
        with (HERE / name).open("a") as file:
            file.write(f"{text}\\n")

    @farcall.function(namespace="open/calling")
    def add(a: int, b: int = 1) -> int:
        \"\"\"The sum.\"\"\"
        return a + b

    @farcall.function(namespace="open/calling")
    def odd(x: int) -> int:
        if x % 2 == 0:
            raise ValueError(f"{x} is even")
        return x

    @farcall.function(namespace="open/calling")
    def wait(seconds: float, label: str = "") -> str:
        note("started", label)
        time.sleep(seconds)
        note("finished", label)
        return label

    @farcall.function(namespace="open/calling")
    async def later(x: int) -> int:
        await asyncio.sleep(0.001)
        return x * 10

    @farcall.function(namespace="open/calling")
    def count(to: int) -> Iterator[int]:
        yield from range(to)

    @farcall.function(namespace="open/calling")
    async def count_later(to: int) -> AsyncIterator[int]:
        for x in range(to):
            await asyncio.sleep(0)
            yield x

    @farcall.function(namespace="open/calling")
    def breaks_at(at: int) -> Iterator[int]:
        yield from range(at)
        raise LookupError("no more")

    @farcall.function(namespace="open/calling")
    def counted(label: str, to: int) -> Iterator[int]:
        for x in range(to):
            note(label, x)
            yield x

    @farcall.function(namespace="open/calling")
    def talks() -> None:
        print("to stdout")
        print("to stderr", file=sys.stderr)
        logging.getLogger("lab").warning("to logging")
        farcall.log.info("to farcall's log")
        os.write(1, b"from native code\\n")
        farcall.progress(0.25, "warming up")

    @farcall.function(namespace="open/calling")
    def talks_until(label: str) -> str:
        farcall.progress(0.5, "halfway")
        print("first line", flush=True)
        while not (HERE / label).exists():
            time.sleep(0.01)
        print("last line")
        return "said"

    @farcall.function(namespace="open/calling")
    def who() -> list[str]:
        here = farcall.current()
        return [here.id, here.caller, str(here.attempt)]

    @farcall.function(namespace="open/calling")
    def process() -> int:
        return os.getpid()
"""


@pytest.fixture(scope="module", autouse=True)
def worker(town: Town) -> Iterator[str]:
    with town.serving(SOURCE, slots=3, name="calling") as name:
        yield name


def get(client: farcall.Client, name: str) -> farcall.RemoteFunction:
    return client.get(f"alice/open/calling/{name}")


# -- one call ----------------------------------------------------------------------------------------------------------


def test_a_function_looks_and_feels_as_it_does_at_home(bob: farcall.Client) -> None:
    add = get(bob, "add")
    assert add(1) == 2
    assert add(1, b=5) == 6
    assert str(inspect.signature(add)) == "(a: int, b: int = 1) -> int"
    doc = inspect.getdoc(add) or ""
    assert doc.splitlines()[0] == "The sum."
    assert "owner     alice" in doc
    assert (add.name, add.owner) == ("alice/open/calling/add", "alice")


def test_the_catalog_is_reached_by_import_and_by_attributes(town: Town, bob: farcall.Client) -> None:
    assert bob.catalog.alice.open.calling.add(2, 3) == 5
    caller = town.python(
        """
        from farcall.catalog.alice.open.calling import add
        import farcall.catalog.alice.open.calling as calling
        print(add(2, 3), calling.later(4), farcall.get("alice/open/calling/add")(1))
        """
    )
    out, err = caller.communicate(timeout=30)
    assert (out.split(), err) == (["5", "40", "2"], "")


def test_a_submitted_call_has_id_status_result_and_record(town: Town, bob: farcall.Client) -> None:
    invocation = get(bob, "add").submit(20, 22)
    assert isinstance(invocation, concurrent.futures.Future)
    assert invocation.id.startswith("inv_")
    assert invocation.result(20) == 42
    assert invocation.status == "succeeded"
    assert not invocation.cancel()
    record = invocation.info()
    assert (record["status"], record["worker"], record["attempt"]) == ("succeeded", "calling", 1)
    assert concurrent.futures.wait([invocation], 1).done == {invocation}


def test_a_result_is_fetched_later_from_another_process(town: Town, bob: farcall.Client) -> None:
    identifier = get(bob, "wait").submit(0.3, "for later").id
    caller = town.python(f"print(farcall.invocation({identifier!r}).result(20))")
    assert caller.communicate(timeout=30)[0] == "for later\n"
    failed = get(bob, "odd").submit(2).id
    caller = town.python(
        f"""
        try:
            farcall.invocation({failed!r}).result(20)
        except ValueError as error:
            print(type(error).__name__, error.remote_type, error.invocation_id)
        """
    )
    assert caller.communicate(timeout=30)[0] == f"FunctionError ValueError {failed}\n"


def test_a_caller_that_disappears_leaves_its_submitted_calls_behind(town: Town, bob: farcall.Client) -> None:
    caller = town.python(
        """
        import os, signal
        wait = farcall.get("alice/open/calling/wait")
        print(*[wait.submit(0.2, f"orphan {n}").id for n in range(6)], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    identifiers = caller.communicate(timeout=30)[0].split()
    assert caller.returncode == -signal.SIGKILL
    assert [bob.invocation(one).result(20) for one in identifiers] == [f"orphan {n}" for n in range(6)]


def test_what_the_function_raised_is_caught_as_what_it_is(bob: farcall.Client) -> None:
    with pytest.raises(ValueError, match="2 is even") as caught:
        get(bob, "odd")(2)
    error = caught.value
    assert isinstance(error, farcall.FunctionError)
    assert (error.code, error.remote_type, error.function) == ("function_error", "ValueError", "alice/open/calling/odd")
    assert "in odd" in error.traceback
    assert "calling.py" in error.traceback


def test_a_function_knows_who_called_it(bob: farcall.Client) -> None:
    invocation = get(bob, "who").submit()
    assert invocation.result(20) == [invocation.id, "bob", "1"]


# -- inside event loops ------------------------------------------------------------------------------------------------


async def test_many_calls_are_awaited_at_once_in_a_running_loop(bob: farcall.Client) -> None:
    later = get(bob, "later")
    assert await asyncio.gather(*(later.aio(x) for x in range(200))) == [x * 10 for x in range(200)]
    with pytest.raises(ValueError, match="4 is even"):
        await get(bob, "odd").aio(4)


async def test_a_blocking_call_works_inside_a_running_loop(bob: farcall.Client) -> None:
    assert get(bob, "add")(1, 1) == 2


async def test_cancelling_a_task_cancels_its_call(town: Town, bob: farcall.Client) -> None:
    label = town.fresh("task")
    task = asyncio.ensure_future(get(bob, "wait").aio(60.0, label))
    while label not in town.lines("started"):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    query = "/v1/invocations?limit=1&function=alice/open/calling/wait"
    while town.get(query, "bob")["items"][0]["status"] != "cancelled":
        await asyncio.sleep(0.02)


# -- map ---------------------------------------------------------------------------------------------------------------


def test_a_map_gives_results_in_the_order_of_the_items(bob: farcall.Client) -> None:
    calls = get(bob, "add").map(range(500), range(500, 1000))
    assert len(calls) == 500
    assert list(calls) == [500 + 2 * x for x in range(500)]


def test_an_unordered_map_gives_what_is_ready_first(town: Town, bob: farcall.Client) -> None:
    calls = get(bob, "wait").map([0.8, 0.0, 0.0], ["slow", "quick", "quick"], ordered=False)
    assert list(calls) == ["quick", "quick", "slow"]


def test_a_bad_item_raises_in_place_while_the_others_go_on(bob: farcall.Client) -> None:
    calls = get(bob, "odd").map([1, 2, 3, "four", 5])
    outcomes: list[object] = []
    while True:
        try:
            outcomes.append(next(calls))
        except StopIteration:
            break
        except farcall.FarcallError as error:
            outcomes.append(error.code)
    assert outcomes == [1, "function_error", 3, "invalid_arguments", 5]


def test_a_map_puts_errors_in_place_if_asked(bob: farcall.Client) -> None:
    outcomes = list(get(bob, "odd").map([1, 2, 3], return_exceptions=True))
    assert outcomes[::2] == [1, 3]
    assert isinstance(outcomes[1], ValueError)


def test_a_map_of_an_endless_iterable_keeps_a_window_under_way(bob: farcall.Client) -> None:
    def forever() -> Iterator[int]:
        x = 0
        while True:
            taken.append(x)
            yield x
            x += 1

    taken: list[int] = []
    calls = get(bob, "add").map(forever(), window=16)
    assert [next(calls) for _ in range(40)] == list(range(1, 41))
    assert len(taken) <= 40 + 16
    calls.cancel()


async def test_a_map_is_iterated_asynchronously(bob: farcall.Client) -> None:
    assert [x async for x in get(bob, "later").map(range(50))] == [x * 10 for x in range(50)]
    assert sorted([x async for x in get(bob, "later").map(range(50), ordered=False)]) == [x * 10 for x in range(50)]


# -- streams -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["count", "count_later"])
def test_a_generator_function_is_iterated_as_it_yields(bob: farcall.Client, name: str) -> None:
    count = get(bob, name)
    assert list(count.stream(1000)) == list(range(1000))
    assert list(count(3)) == [0, 1, 2]
    assert list(count.stream(0)) == []


@pytest.mark.parametrize("name", ["count", "count_later"])
async def test_a_stream_is_iterated_asynchronously(bob: farcall.Client, name: str) -> None:
    assert [x async for x in get(bob, name).stream(300)] == list(range(300))
    assert await get(bob, name).aio(3) == [0, 1, 2]


def test_a_stream_raises_after_its_last_item_what_the_generator_raised(bob: farcall.Client) -> None:
    taken = []
    with pytest.raises(LookupError, match="no more"):
        for item in get(bob, "breaks_at").stream(7):
            taken.append(item)  # noqa: PERF402  # what came before the error counts
    assert taken == list(range(7))


def test_a_stream_runs_no_further_ahead_than_its_window(town: Town, bob: farcall.Client) -> None:
    label = town.fresh("produced")
    with get(bob, "counted").stream(label, 100_000) as stream:
        assert [next(stream) for _ in range(10)] == list(range(10))
        wait_until(lambda: len(town.lines(label)) >= 64, what="the window fills")
        identifier = stream.invocation.id
    town.reaches(identifier, "cancelled")
    assert len(town.lines(label)) < 1000, "it ran on while nobody took anything"


def test_a_stream_that_is_closed_stops_its_generator(town: Town, bob: farcall.Client) -> None:
    stream = get(bob, "count").stream(10_000_000)
    assert next(stream) == 0
    identifier = stream.invocation.id
    stream.close()
    assert town.reaches(identifier, "cancelled")["status"] == "cancelled"


def test_a_stream_of_another_function_is_refused_in_words(bob: farcall.Client) -> None:
    with pytest.raises(farcall.RequestError, match="gives one result"):
        get(bob, "add").stream(1)


def test_a_stream_goes_on_after_the_caller_was_cut_off(town: Town) -> None:
    cable = town.cable()
    with town.client(url=cable.url) as client:
        stream = get(client, "count").stream(3000)
        taken = [next(stream) for _ in range(100)]
        cable.cut()
        cable.mend()
        taken += stream
    assert taken == list(range(3000))


def test_a_stream_whose_worker_dies_after_delivery_is_broken(town: Town, bob: farcall.Client) -> None:
    source = """
        import os
        from typing import Iterator
        import farcall

        @farcall.function(namespace="open")
        def forever() -> Iterator[int]:
            while True:
                yield os.getppid()
    """
    with town.serving(source), town.serving(source):
        stream = bob.get("alice/open/forever").stream()
        os.kill(next(stream), signal.SIGKILL)
        with pytest.raises(farcall.StreamBroken):
            for _ in stream:
                pass


# -- logs, progress, explain -------------------------------------------------------------------------------------------


def test_what_a_function_prints_and_logs_is_kept(bob: farcall.Client) -> None:
    invocation = get(bob, "talks").submit()
    assert invocation.result(20) is None
    lines = list(invocation.logs(follow=True))
    said = {
        stream: "".join(line.text for line in lines if line.stream == stream) for stream in ("stdout", "stderr", "log")
    }
    assert "to stdout" in said["stdout"]
    assert "from native code" in said["stdout"]
    assert "to stderr" in said["stderr"]
    assert "to logging" in said["log"]
    assert "to farcall's log" in said["log"]


def test_logs_and_progress_are_followed_while_it_runs(town: Town, bob: farcall.Client) -> None:
    label = town.fresh("go")
    invocation = get(bob, "talks_until").submit(label)
    lines = invocation.logs(follow=True)
    assert next(lines).text.rstrip("\n") == "first line"
    wait_until(lambda: invocation.progress, what="progress arrives")
    assert invocation.progress == (0.5, "halfway")
    (town.directory / label).touch()
    assert [line.text.rstrip("\n") for line in lines] == ["last line"]
    assert invocation.result(20) == "said"


def test_explain_tells_where_it_ran(bob: farcall.Client) -> None:
    invocation = get(bob, "add").submit(1)
    invocation.result(20)
    told = invocation.explain()
    assert invocation.id in told
    assert "calling" in told
    assert "succeeded" in told


# -- cancelling --------------------------------------------------------------------------------------------------------


def test_running_and_queued_calls_are_cancelled(town: Town, bob: farcall.Client) -> None:
    wait = get(bob, "wait")
    labels = [town.fresh("busy") for _ in range(3)]
    running = [wait.submit(60.0, label) for label in labels]
    wait_until(lambda: set(labels) <= set(town.lines("started")), what="all slots are busy")
    unheard = town.fresh("never")
    queued = wait.submit(0.0, unheard)
    assert queued.status == "queued"
    assert queued.cancel()
    with pytest.raises(farcall.InvocationCancelled):
        queued.result(20)
    for invocation in running:
        assert invocation.cancel()
    for invocation in running:
        with pytest.raises(concurrent.futures.CancelledError):
            invocation.result(20)
        assert invocation.status == "cancelled"
        assert invocation.cancelled()
    assert get(bob, "add")(1) == 2
    assert unheard not in town.lines("started")
    assert not set(labels) & set(town.lines("finished"))


def test_ctrl_c_in_a_blocking_call_cancels_it(town: Town) -> None:
    label = town.fresh("interrupted")
    caller = town.python(
        f"""
        wait = farcall.get("alice/open/calling/wait")
        try:
            wait(60.0, {label!r})
        except KeyboardInterrupt:
            print("interrupted")
        """
    )
    wait_until(lambda: label in town.lines("started"), what="it runs")
    caller.send_signal(signal.SIGINT)
    assert caller.communicate(timeout=20)[0] == "interrupted\n"
    newest = town.get("/v1/invocations?limit=1&function=alice/open/calling/wait", "bob")["items"][0]
    town.reaches(newest["id"], "cancelled")
    assert label not in town.lines("finished")


# -- threads, forks, clients, executors --------------------------------------------------------------------------------


def test_many_threads_share_one_client(bob: farcall.Client) -> None:
    add = get(bob, "add")
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        results = list(threads.map(lambda x: [add(x, y) for y in range(20)], range(16)))
    assert results == [[x + y for y in range(20)] for x in range(16)]


def test_several_clients_live_in_one_process(town: Town) -> None:
    with town.client("bob") as bob, town.client("alice") as alice, town.client("bob") as again:
        callers = [get(client, "who")()[1] for client in (bob, alice, again)]
    assert callers == ["bob", "alice", "bob"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_calls_with_a_connection_of_its_own(town: Town) -> None:
    caller = town.python(
        """
        import os
        add = farcall.get("alice/open/calling/add")
        wait = farcall.get("alice/open/calling/wait")
        before = wait.submit(0.5, "over the fork")
        assert add(1) == 2
        child = os.fork()
        if child == 0:
            assert add(2) == 3
            assert list(add.map(range(50))) == list(range(1, 51))
            assert before.result(20) == "over the fork"
            os._exit(7)
        assert add(3) == 4
        status = os.waitpid(child, 0)[1]
        assert os.waitstatus_to_exitcode(status) == 7, status
        assert before.result(20) == "over the fork"
        print("both")
        """
    )
    out, err = caller.communicate(timeout=40)
    assert out == "both\n", err


def test_an_executor_takes_remote_functions(bob: farcall.Client) -> None:
    with farcall.Executor(bob) as executor:
        one = executor.submit("alice/open/calling/add", 1, 2)
        many = executor.map(get(bob, "later"), range(20))
        assert list(many) == [x * 10 for x in range(20)]
        done = {
            future.result() for future in concurrent.futures.as_completed([one, executor.submit(get(bob, "add"), 9)])
        }
    assert done == {3, 10}
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(get(bob, "add"), 1)
    with farcall.Executor(bob) as executor, pytest.raises(TypeError, match="code does not travel"):
        executor.submit(len, [])


async def test_an_executor_serves_run_in_executor(bob: farcall.Client) -> None:
    loop = asyncio.get_running_loop()
    with farcall.Executor(bob) as executor:
        assert await loop.run_in_executor(executor, get(bob, "add"), 1, 2) == 3


def test_callbacks_of_futures_are_called_once(bob: farcall.Client) -> None:
    called = threading.Event()
    seen: list[object] = []
    invocation = get(bob, "add").submit(1)
    invocation.add_done_callback(lambda future: (seen.append(future.result()), called.set()))
    assert called.wait(20)
    assert seen == [2]
