"""Calls over a real connection to a peer that speaks the hub's side."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import pickle
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from farcall.client import errors
from farcall.client.client import Client
from farcall.client.executor import Executor
from farcall.domain.errors import Failure
from farcall.wire import frames
from tests.unit.client.conftest import FLOAT, INT
from tests.unit.client.peer import TOKEN, Peer


def test_a_remote_function_is_called_like_a_local_one(client: Client) -> None:
    add = client.get("alice/physics/add")
    assert add(2.0, 3.0) == 5.0
    assert add(2.0) == 3.0
    assert add(b=1.5, a=1) == 2.5


def test_it_looks_like_the_function_it_stands_for(client: Client) -> None:
    add = client.get("alice/physics/add")
    assert add.__name__ == "add"
    assert (add.__doc__ or "").startswith("The sum.\n\n")
    assert str(inspect.signature(add)) == "(a: float, b: float = 1.0) -> float"
    assert add.__annotations__ == {"a": float, "b": float, "return": float}
    assert "alice/physics/add" in repr(add)
    assert not hasattr(add, "__wrapped__")


def test_values_come_back_equal_and_of_the_same_type(client: Client) -> None:
    echo = client.get("alice/echo")
    for value in (None, 2**80, 1j, (1, [2, {3}]), b"x", Decimal("1.50"), {"a": {1: 2}}, "é"):
        assert echo(value) == value
        assert type(echo(value)) is type(value)
    array = np.arange(12, dtype=">i2").reshape(3, 4)
    assert np.array_equal(echo(array), array)
    assert echo(array).dtype == array.dtype


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f(), "missing 1 required argument: 'a'"),
        (lambda f: f(1.0, 2.0, 3.0), "takes from 1 to 2 positional arguments but 3 were given"),
        (lambda f: f(1.0, c=2), "unexpected keyword argument 'c'"),
        (lambda f: f("one"), "a: expected"),
        (lambda f: f(1.0, b=object()), 'args["b"]: object'),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_sent(peer: Peer, client: Client, call: Any, message: str) -> None:
    add = client.get("alice/physics/add")
    with pytest.raises(errors.InvalidArguments) as caught:
        call(add)
    assert message in str(caught.value)
    assert caught.value.function == "alice/physics/add"
    assert caught.value.problems
    assert not peer.sent(frames.Submit)


def test_what_the_function_raises_is_raised_here_with_its_traceback(client: Client) -> None:
    fail = client.get("alice/fail")
    with pytest.raises(ValueError, match="it is bad") as caught:
        fail("ValueError")
    error = caught.value
    assert isinstance(error, errors.FunctionError)
    assert error.code == "function_error"
    assert error.function == "alice/fail"
    assert error.invocation_id.startswith("inv_")
    assert 'File "f.py", line 1' in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301  # our own, from a line above
    with pytest.raises(errors.FunctionError) as stopped:
        fail("StopIteration")
    assert not isinstance(stopped.value, StopIteration)


def test_submit_gives_a_future_that_can_be_asked_about(peer: Peer, client: Client) -> None:
    peer.hold = True
    inv = client.get("alice/physics/add").submit(1.0, 2.0)
    assert inv.id.startswith("inv_")
    assert inv.status == "running"
    assert not inv.done()
    with pytest.raises(TimeoutError):
        inv.result(timeout=0.01)
    peer.say(frames.Progress([frames.ProgressItem(inv._identifier, 1, 0.5, "half")]))
    peer.until(lambda: inv.progress == (0.5, "half"))
    peer.release()
    assert inv.result(timeout=5) == 3.0
    assert inv.status == "succeeded"
    assert inv.info()["function"] == "alice/physics/add"
    assert "placed  on worker w1" in inv.explain()
    assert concurrent.futures.wait([inv]).done == {inv}


def test_futures_work_with_the_standard_library(client: Client) -> None:
    add, fail = client.get("alice/physics/add"), client.get("alice/fail")
    futures = [add.submit(float(n)) for n in range(50)]
    assert sorted(future.result() for future in concurrent.futures.as_completed(futures)) == [
        n + 1.0 for n in range(50)
    ]
    done = concurrent.futures.wait([fail.submit("KeyError")], return_when=concurrent.futures.FIRST_EXCEPTION).done
    assert isinstance(done.pop().exception(), KeyError)
    heard = threading.Event()
    add.submit(1.0).add_done_callback(lambda _: heard.set())
    assert heard.wait(5)


def test_a_callback_that_would_wait_for_ever_is_told_so(peer: Peer, client: Client) -> None:
    add = client.get("alice/physics/add")
    told: list[str] = []
    heard = threading.Event()

    def callback(_: Any) -> None:
        try:
            add(1.0)
        except RuntimeError as error:
            told.append(str(error))
        heard.set()

    peer.hold = True
    inv = add.submit(1.0)
    inv.add_done_callback(callback)
    peer.release()
    assert heard.wait(5)
    assert told
    assert "another thread" in told[0]
    assert add(1.0) == 2.0


def test_an_invocation_is_found_again_by_its_id(peer: Peer, client: Client) -> None:
    peer.hold = True
    inv = client.get("alice/physics/add").submit(1.0)
    with Client(peer.url, TOKEN) as other:
        again = other.invocation(inv.id)
        threading.Timer(0.05, peer.release).start()
        assert again.result(timeout=5) == 2.0
        assert other.invocation(inv.id).result(timeout=5) == 2.0


def test_an_unknown_or_malformed_id_is_not_found(client: Client) -> None:
    with pytest.raises(errors.NotFound, match="no invocation"):
        client.invocation("inv_" + "0" * 36).result(timeout=5)
    with pytest.raises(errors.NotFound, match="no invocation id"):
        client.invocation("job-17")


def test_cancel_is_confirmed_and_raises(peer: Peer, client: Client) -> None:
    peer.hold = True
    inv = client.get("alice/physics/add").submit(1.0)
    assert inv.cancel()
    with pytest.raises(errors.InvocationCancelled):
        inv.result(timeout=5)
    assert inv.cancelled()
    assert inv.status == "cancelled"
    assert not inv.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        inv.result()


def test_a_refused_submission_raises_and_has_no_id(peer: Peer, client: Client) -> None:
    peer.refuse = [Failure("quota_exceeded", "That is too much.")]
    inv = client.get("alice/physics/add").submit(1.0)
    with pytest.raises(errors.QuotaExceeded):
        inv.result(timeout=5)
    with pytest.raises(errors.QuotaExceeded):
        _ = inv.id


def test_a_hub_that_cannot_store_for_a_moment_is_asked_again(peer: Peer, client: Client) -> None:
    peer.refuse = [Failure("hub_unavailable", "Not now.")]
    assert client.get("alice/physics/add")(1.0) == 2.0
    first, second = peer.sent(frames.Submit)
    assert first.items[0].id == second.items[0].id


def test_no_worker_is_said_at_once(peer: Peer, client: Client) -> None:
    peer.refuse = [Failure("no_worker", "Nobody serves alice/physics/add.", "options(queue=True) waits.")]
    with pytest.raises(errors.NoWorkerAvailable, match="options"):
        client.get("alice/physics/add")(1.0)


def test_a_changed_signature_is_said(peer: Peer, client: Client) -> None:
    add = client.get("alice/physics/add")
    peer.serve("alice/physics/add", lambda a: a, {"a": INT}, INT)
    with pytest.raises(errors.SignatureChanged):
        add(1.0)
    peer.say(frames.Changed(["alice/physics/add"]))
    peer.until(lambda: "alice/physics/add" not in client._channel_now()._resolved)
    assert client.get("alice/physics/add")(7) == 7


def test_what_was_resolved_is_asked_for_once(peer: Peer, client: Client) -> None:
    for _ in range(3):
        client.get("alice/physics/add")
    assert len(peer.sent(frames.Resolve)) == 1


@pytest.mark.parametrize("name", ["alice/nothing", "Alice/x y", "", "alice//add", "alice/add@0"])
def test_unknown_names_are_not_found(client: Client, name: str) -> None:
    with pytest.raises(errors.NotFound):
        client.get(name)


def test_options_go_with_the_call(peer: Peer, client: Client) -> None:
    add = client.get("alice/physics/add").options(timeout=5, queue=True, priority=3, expires=60)
    assert add.options(priority=4)(1.0) == 2.0
    sent = peer.sent(frames.Submit)[0].options
    assert (sent.timeout_seconds, sent.queue, sent.priority, sent.expires_seconds) == (5.0, True, 4, 60.0)


@pytest.mark.parametrize("bad", [{"timeout": 0}, {"timeout": "5"}, {"priority": 1000}, {"queue": 1}, {"key": ""}])
def test_options_that_cannot_be_meant_are_refused(client: Client, bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="takes"):
        client.get("alice/echo").options(**bad)


def test_an_unknown_option_is_refused_with_the_nearest(client: Client) -> None:
    with pytest.raises(TypeError, match="did you mean 'timeout'"):
        client.get("alice/echo").options(timout=5)


def test_the_same_key_is_the_same_invocation(peer: Peer, client: Client) -> None:
    add = client.get("alice/physics/add").options(key="today")
    assert add.submit(1.0).id == add.submit(1.0).id
    assert len(peer.records) == 1


def test_several_handles_of_one_invocation_all_hear_of_its_end(peer: Peer, client: Client) -> None:
    peer.hold = True
    add = client.get("alice/physics/add").options(key="today")
    one, two = add.submit(1.0), add.submit(1.0)
    again = client.invocation(one.id)
    other = add.submit(5.0)
    with pytest.raises(errors.RequestError, match="same key"):
        other.result(timeout=5)
    peer.release()
    assert [handle.result(timeout=5) for handle in (one, two, again)] == [2.0, 2.0, 2.0]


# -- map ---------------------------------------------------------------------------------------------------------------


def test_map_gives_results_in_order(client: Client) -> None:
    add = client.get("alice/physics/add")
    assert list(add.map(range(3000))) == [n + 1.0 for n in range(3000)]
    assert list(add.map([1, 2, 3], [10, 20])) == [11.0, 22.0]
    assert list(add.map([])) == []
    assert len(add.map(range(7))) == 7


def test_map_sends_many_calls_in_one_frame(peer: Peer, client: Client) -> None:
    list(client.get("alice/physics/add").map(range(2000)))
    assert len(peer.sent(frames.Submit)) < 200


def test_map_raises_in_place_and_the_others_keep_running(client: Client) -> None:
    fail, add = client.get("alice/fail"), client.get("alice/physics/add")
    results = add.map([1.0, "bad", 3.0])
    assert next(results) == 2.0
    with pytest.raises(errors.InvalidArguments):
        next(results)
    assert next(results) == 4.0
    assert [inv.exception() is None for inv in results.invocations] == [True, False, True]
    given = list(fail.map(["ValueError", "KeyError"], return_exceptions=True))
    assert [type(error).__mro__[2] for error in given] != []
    assert isinstance(given[0], ValueError)
    assert isinstance(given[1], KeyError)


def test_map_takes_endless_iterables_within_its_window(peer: Peer, client: Client) -> None:
    def endless() -> Any:
        n = 0
        while True:
            yield float(n)
            n += 1

    results = client.get("alice/physics/add").map(endless(), window=100)
    assert [next(results) for _ in range(1000)] == [n + 1.0 for n in range(1000)]
    assert len(peer.records) <= 1100
    results.cancel()


def test_map_unordered_gives_results_as_they_come(peer: Peer, client: Client) -> None:
    add = client.get("alice/physics/add")
    assert sorted(add.map(range(500), ordered=False)) == [n + 1.0 for n in range(500)]


def test_an_error_of_the_iterable_comes_after_what_was_taken(client: Client) -> None:
    def broken() -> Any:
        yield 1.0
        raise OSError("the disk is gone")

    results = client.get("alice/physics/add").map(broken())
    assert next(results) == 2.0
    with pytest.raises(OSError, match="disk"):
        next(results)
    with pytest.raises(StopIteration):
        next(results)


def test_a_progress_bar_can_be_had(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    results = client.get("alice/physics/add").map(range(20), progress=True)
    assert len(list(results)) == 20
    assert "20/20" in capsys.readouterr().err


# -- streams -----------------------------------------------------------------------------------------------------------


def test_a_generator_is_iterated_over_as_it_yields(client: Client) -> None:
    count = client.get("alice/count")
    assert list(count.stream(100)) == list(range(100))
    assert list(count(5)) == list(range(5))
    assert list(count.submit(3).stream) == [0, 1, 2]
    assert list(count.stream(0)) == []


def test_a_stream_goes_no_faster_than_it_is_taken(peer: Peer, client: Client) -> None:
    stream = client.get("alice/count").stream(1000)
    assert [next(stream) for _ in range(10)] == list(range(10))
    time.sleep(0.1)
    assert len(next(iter(peer.records.values())).items) <= 10 + peer.window + 1


def test_dropping_a_stream_stops_the_generator(peer: Peer, client: Client) -> None:
    stream = client.get("alice/count").stream(1000)
    next(stream)
    del stream
    peer.until(lambda: peer.sent(frames.Cancel))


def test_a_stream_goes_on_after_a_lost_connection(peer: Peer, client: Client) -> None:
    stream = client.get("alice/count").stream(300)
    taken = [next(stream) for _ in range(50)]
    peer.kick()
    taken += list(stream)
    assert taken == list(range(300))


def test_a_function_that_is_no_generator_has_no_stream(client: Client) -> None:
    with pytest.raises(errors.RequestError, match="one result"):
        client.get("alice/echo").stream(1)
    with pytest.raises(errors.RequestError, match="one result"):
        _ = client.get("alice/echo").submit(1).stream


# -- coroutines --------------------------------------------------------------------------------------------------------


def test_calls_from_a_running_loop_do_not_block_it(peer: Peer, client: Client) -> None:
    add, count = client.get("alice/physics/add"), client.get("alice/count")

    async def story() -> None:
        assert await asyncio.gather(*(add.aio(float(n)) for n in range(100))) == [n + 1.0 for n in range(100)]
        assert [item async for item in count.stream(20)] == list(range(20))
        assert [result async for result in add.map(range(10))] == [n + 1.0 for n in range(10)]
        assert await asyncio.wrap_future(add.submit(1.0)) == 2.0
        with pytest.raises(errors.InvalidArguments):
            await add.aio("one")
        big = np.zeros(200_000)
        assert np.array_equal(await client.get("alice/echo").aio(big), big)

    asyncio.run(story())


def test_cancelling_the_task_cancels_the_call(peer: Peer, client: Client) -> None:
    peer.hold = True
    add = client.get("alice/physics/add")

    async def story() -> None:
        task = asyncio.create_task(add.aio(1.0))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())
    peer.until(lambda: peer.sent(frames.Cancel))


def test_blocking_calls_work_inside_a_running_loop(client: Client) -> None:
    add = client.get("alice/physics/add")

    async def cell() -> float:
        return add(1.0)

    assert asyncio.run(cell()) == 2.0


# -- large values ------------------------------------------------------------------------------------------------------


def test_large_values_travel_as_blobs_and_are_sent_once(peer: Peer, client: Client) -> None:
    echo, array = client.get("alice/echo"), np.arange(1_000_000, dtype=np.float64)
    for _ in range(3):
        back = echo(array)
        assert np.array_equal(back, array)
        assert back.flags.writeable
    assert peer.requests.count("POST /v1/blobs") == 1
    assert all(len(item.arguments) < 1000 for frame in peer.sent(frames.Submit) for item in frame.items)


def test_a_damaged_blob_is_not_given_out(peer: Peer, client: Client) -> None:
    inv = client.get("alice/echo").submit(np.arange(100_000))
    concurrent.futures.wait([inv])
    for digest, data in list(peer.blobs.items()):
        peer.blobs[digest] = b"\0" * len(data)
    with pytest.raises(errors.PlatformError, match="damaged"):
        inv.result()


def test_many_small_values_are_taken_apart_until_they_fit(peer: Peer, client: Client) -> None:
    value = [bytes([n]) * 100_000 for n in range(30)]
    assert client.get("alice/echo")(value) == value


def test_what_does_not_fit_at_all_is_refused(client: Client) -> None:
    with pytest.raises(errors.RequestError, match="takes more than") as caught:
        client.get("alice/echo")(list(range(1_000_000)))
    assert caught.value.code == "too_large"


def test_a_file_travels_by_content(client: Client, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert client.get("alice/echo")(tmp_path / "notes.txt").read() == b"hello"


# -- logs, executor, threads -------------------------------------------------------------------------------------------


def test_logs_are_followed_over_a_broken_connection(peer: Peer, client: Client) -> None:
    peer.log_lines = [
        {"place": f"1-{n}", "at": "2026-01-01T00:00:00Z", "stream": "stdout", "text": f"line {n}\n"} for n in range(4)
    ]
    inv = client.get("alice/physics/add").submit(1.0)
    assert [line.text for line in inv.logs()] == [f"line {n}\n" for n in range(4)]
    assert [line.text for line in inv.logs(follow=True)] == [f"line {n}\n" for n in range(4)]


def test_the_executor_is_one_of_concurrent_futures(client: Client) -> None:
    with Executor(client) as executor:
        assert isinstance(executor, concurrent.futures.Executor)
        assert executor.submit("alice/physics/add", 1.0, b=2.0).result() == 3.0
        assert list(executor.map(client.get("alice/physics/add"), range(5))) == [n + 1.0 for n in range(5)]
        assert list(executor.map("alice/physics/add", range(5), timeout=5)) == [n + 1.0 for n in range(5)]
        with pytest.raises(TypeError, match="code does not travel"):
            executor.submit(len, [])
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit("alice/physics/add", 1.0)


def test_many_threads_share_one_connection(peer: Peer, client: Client) -> None:
    add = client.get("alice/physics/add")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert list(pool.map(add, [float(n) for n in range(800)])) == [n + 1.0 for n in range(800)]
    assert len(peer.tokens) == 1
    assert len(peer.records) == 800


def test_results_of_declared_types_have_them(peer: Peer, client: Client) -> None:
    peer.serve("alice/half", lambda x: x // 2, {"x": INT}, FLOAT)
    assert type(client.get("alice/half")(4)) is float


def test_maps_and_streams_tell_what_they_are_and_how_far(peer: Peer, client: Client) -> None:
    peer.hold = True
    running = client.get("alice/physics/add").map([1.0, 2.0])
    assert repr(running) == "<Map of alice/physics/add over 2 items: 2 under way, 0 ready to be taken>"
    peer.release()
    assert next(running) == 2.0
    running.invocations[1].result(5)
    assert repr(running) == "<Map of alice/physics/add over 2 items: 0 under way, 1 ready to be taken>"
    stream = client.get("alice/count").stream(2)
    next(stream)
    assert repr(stream).startswith("<Stream of <Invocation inv_")
    assert "alice/count" in repr(stream)
    assert repr(stream).endswith(", 1 taken>")
    stream.close()
