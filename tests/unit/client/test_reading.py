"""Callers that read their answers themselves: whatever else happens on the connection goes on as if the loop read."""

from __future__ import annotations

import asyncio
import concurrent.futures
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from farcall.client.client import Client
from farcall.client.invocation import Invocation
from farcall.link import lending
from farcall.wire import frames
from tests.unit.client.peer import TOKEN, Peer
from tests.unit.client.test_connection import run_script

ADD = "alice/physics/add"


@pytest.fixture
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is noticed merely because time passes: what is forgotten lasts longer than a test may."""
    monkeypatch.setattr(lending, "READ_SECONDS", 60.0)
    monkeypatch.setattr(lending, "LOOK_SECONDS", 60.0)


def heard_by_the_loop(client: Client) -> list[Any]:
    """The ends that the loop is told of, from now on."""
    told: list[Any] = []
    handlers = client._channel_now()._handlers
    behind: Callable[[Any], None] = handlers[frames.Settled]
    handlers[frames.Settled] = lambda frame: (told.append(frame), behind(frame))[1]
    return told


def lend(client: Client) -> None:
    """Calls until a caller reads for itself."""
    add, told = client.get(ADD), heard_by_the_loop(client)
    for _ in range(200):
        before = len(told)
        assert add(1.0) == 2.0
        if len(told) == before:
            return
    pytest.fail("no caller ever read its answer")


def test_one_call_after_another_is_answered_past_the_loop(client: Client, no_clock: None) -> None:
    lend(client)
    add, told = client.get(ADD), heard_by_the_loop(client)
    assert [add(float(n)) for n in range(200)] == [n + 1.0 for n in range(200)]
    assert told == []


def test_errors_and_large_results_come_as_ever(client: Client, no_clock: None) -> None:
    for _ in range(3):
        lend(client)
        with pytest.raises(ValueError, match="it is bad"):
            client.get("alice/fail")("ValueError")
        for size in (10, 1000, 30_000, 60_000, 200_000):
            lend(client)
            assert client.get("alice/echo")("x" * size) == "x" * size


def test_other_ways_to_wait_find_the_loop_reading(client: Client, no_clock: None) -> None:
    add, ended = client.get(ADD), threading.Event()
    lend(client)
    add.submit(1.0).add_done_callback(lambda _: ended.set())
    assert ended.wait(10)
    lend(client)
    assert add.submit(1.0).result(timeout=10) == 2.0
    lend(client)
    assert add.submit(2.0).result() == 3.0
    lend(client)
    assert add.submit(2.0).id.startswith("inv_")
    lend(client)
    assert list(add.map([1, 2])) == [2.0, 3.0]
    lend(client)
    assert list(client.get("alice/count").stream(50)) == list(range(50))
    lend(client)
    assert asyncio.run(asyncio.wait_for(add.aio(4.0), 10)) == 5.0
    lend(client)
    done, _ = concurrent.futures.wait([add.submit(1.0), add.submit(2.0)], timeout=10)
    assert len(done) == 2


def test_questions_to_the_hub_are_answered_while_reading_is_lent(client: Client, no_clock: None) -> None:
    lend(client)
    assert client.get("alice/echo")(1) == 1


def test_what_the_hub_says_unasked_is_heard_soon(peer: Peer, client: Client) -> None:
    lend(client)
    channel = client._channel_now()
    assert ADD in channel._resolved
    peer.say(frames.Changed([ADD]))
    peer.until(lambda: ADD not in channel._resolved)


def test_a_cancel_of_a_call_that_somebody_reads_for_gets_through(peer: Peer, client: Client, no_clock: None) -> None:
    lend(client)
    peer.hold = True
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        call = threads.submit(client.get(ADD), 5.0)
        peer.until(lambda: peer.held)
        client._channel_now().cancel(peer.held[-1].id)
        with pytest.raises(concurrent.futures.CancelledError):
            call.result(10)
    assert not client._channel_now()._ledger._cancelling


def test_a_second_handle_of_a_call_that_somebody_reads_for_hears_of_its_end(
    peer: Peer, client: Client, no_clock: None
) -> None:
    lend(client)
    peer.hold = True
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        add = client.get(ADD).options(key="today")
        call = threads.submit(add, 5.0)
        peer.until(lambda: peer.held)
        again = add.submit(5.0)
        told: list[str] = []
        again.add_done_callback(lambda _: told.append(threading.current_thread().name))
        peer.until(lambda: client._channel_now()._ledger._pending[again._identifier]._twins)
        peer.release()
        assert (call.result(10), again.result(timeout=10)) == (6.0, 6.0)
        peer.until(lambda: told == ["farcall"])


def test_who_comes_while_another_still_reads_is_not_left_to_wait(
    peer: Peer, client: Client, no_clock: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lend(client)
    add, settle = client.get(ADD), Invocation._settle
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        late: list[concurrent.futures.Future[float]] = []

        def settled(invocation: Invocation, settlement: Any) -> None:
            monkeypatch.setattr(Invocation, "_settle", settle)
            known = len(peer.records)
            late.append(threads.submit(add, 7.0))
            peer.until(lambda: len(peer.records) > known)
            time.sleep(0.05)  # by now it has found the reading taken
            settle(invocation, settlement)

        monkeypatch.setattr(Invocation, "_settle", settled)
        assert add(1.0) == 2.0
        assert late[0].result(10) == 8.0


def test_threads_that_call_at_once_never_wait_for_each_other_s_reading(client: Client, no_clock: None) -> None:
    add = client.get(ADD)

    def work(first: int) -> bool:
        return all(add(float(n)) == n + 1.0 for n in range(first, first + 200))

    for _ in range(3):
        lend(client)
        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            assert all(threads.map(work, range(0, 4000, 1000), timeout=40))


def test_a_connection_that_is_lost_meanwhile_loses_no_call(peer: Peer, client: Client) -> None:
    add, done = client.get(ADD), threading.Event()

    def kick() -> None:
        while not done.wait(0.03):
            peer.kick()

    kicking = threading.Thread(target=kick)
    kicking.start()
    try:
        began = time.monotonic()
        count = 0
        while time.monotonic() - began < 2.0:
            assert add(float(count)) == count + 1.0
            count += 1
    finally:
        done.set()
        kicking.join()
    assert len(peer.tokens) > 5


def test_a_connection_that_is_lost_while_nobody_calls_is_noticed(peer: Peer, client: Client) -> None:
    lend(client)
    peer.kick()
    peer.until(lambda: len(peer.tokens) == 2)
    assert client.get(ADD)(1.0) == 2.0


def test_closing_a_client_that_has_lent_its_reading_takes_no_time(peer: Peer, no_clock: None) -> None:
    client = Client(peer.url, TOKEN)
    lend(client)
    began = time.monotonic()
    client.close()
    assert time.monotonic() - began < 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_reads_from_a_connection_of_its_own(client: Client) -> None:
    lend(client)
    add = client.get(ADD)
    context = multiprocessing.get_context("fork")
    answers: Any = context.SimpleQueue()
    process = context.Process(target=lambda: answers.put([add(float(n)) for n in range(50)]))
    process.start()
    assert [add(float(n)) for n in range(50)] == [n + 1.0 for n in range(50)]
    assert answers.get() == [n + 1.0 for n in range(50)]
    process.join(10)
    assert process.exitcode == 0


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this system has no such signals")
def test_an_alarm_that_raises_timeout_error_is_not_taken_for_the_socket_s(
    peer: Peer, client: Client, no_clock: None
) -> None:
    def alarm(*_: Any) -> None:
        raise TimeoutError("it is late")

    lend(client)
    add, peer.hold = client.get(ADD), True
    before = signal.signal(signal.SIGUSR1, alarm)
    try:
        threading.Timer(0.3, signal.pthread_kill, (threading.main_thread().ident, signal.SIGUSR1)).start()
        with pytest.raises(TimeoutError, match="it is late"):
            add(1.0)
    finally:
        signal.signal(signal.SIGUSR1, before)
    peer.release()
    assert add(2.0) == 3.0


def test_ctrl_c_at_any_moment_costs_one_call_and_no_other(peer: Peer) -> None:
    script = run_script(
        peer,
        """
        import farcall
        add, number, interrupts = farcall.get("alice/physics/add"), 0, 0
        while interrupts < 60:
            try:
                print("calling", flush=True)
                while True:
                    number += 1
                    assert add(float(number)) == number + 1.0, number
            except KeyboardInterrupt:
                interrupts += 1
        try:
            assert [add(float(n)) for n in range(100)] == [n + 1.0 for n in range(100)]
        finally:
            print("end", flush=True)
        """,
    )
    assert script.stdout is not None
    for count in range(60):
        assert script.stdout.readline() == "calling\n"
        time.sleep(0.012 + count % 7 * 0.0013)
        script.send_signal(signal.SIGINT)
    out, err = script.communicate(timeout=30)
    assert (script.returncode, out, err) == (0, "end\n", "")
