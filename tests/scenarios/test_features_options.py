"""Options of calls and of functions: timeouts, queues, priorities, keys, limits, requirements, retries."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

import farcall
from tests.scenarios.town import Town
from tests.scenarios.world import wait_until

SOURCE = """
    import os, time
    from pathlib import Path
    import farcall

    HERE = Path(__file__).parent

    def note(name: str, text: object) -> None:
        with (HERE / name).open("a") as file:
            file.write(f"{text}\\n")

    @farcall.function(namespace="open/options")
    def ran(label: str, x: int = 0) -> int:
        note(label, x)
        return x

    @farcall.function(namespace="open/options")
    def hold(label: str) -> str:
        note(label, "started")
        while not (HERE / f"{label}.go").exists():
            time.sleep(0.005)
        return label

    @farcall.function(namespace="open/options", timeout=0.4)
    def short(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    @farcall.function(namespace="open/options", retry="never")
    def once(label: str) -> None:
        note(label, "ran")
        os._exit(3)

    @farcall.function(namespace="open/options", retry=2)
    def third_time(label: str) -> int:
        note(label, "ran")
        if farcall.current().attempt < 3:
            os._exit(1)
        return farcall.current().attempt
"""


@pytest.fixture(scope="module", autouse=True)
def worker(town: Town) -> Iterator[str]:
    with town.serving(SOURCE, name="options") as name:
        yield name


def get(client: farcall.Client, name: str) -> farcall.RemoteFunction:
    return client.get(f"alice/open/options/{name}")


class Held:
    """The only slot is busy until `release`."""

    def __init__(self, town: Town, client: farcall.Client) -> None:
        self.label = town.fresh("held")
        self._gate = town.directory / f"{self.label}.go"
        self.invocation = get(client, "hold").submit(self.label)
        wait_until(lambda: town.lines(self.label), what="the slot is busy")

    def release(self) -> None:
        self._gate.touch()
        assert self.invocation.result(20) == self.label


def test_a_call_that_takes_longer_than_its_timeout_is_stopped(town: Town, bob: farcall.Client) -> None:
    hold = get(bob, "hold").options(timeout=0.3)
    label = town.fresh("slow")
    invocation = hold.submit(label)
    with pytest.raises(farcall.InvocationTimeout) as caught:
        invocation.result(20)
    assert not isinstance(caught.value, TimeoutError)
    assert town.record(invocation.id)["attempt"] == 1, "timeouts are not retried unless asked"
    assert get(bob, "ran")(town.fresh("ran"), 5) == 5


def test_a_function_s_own_timeout_holds(bob: farcall.Client) -> None:
    assert get(bob, "short")(0.0) == 0.0
    with pytest.raises(farcall.InvocationTimeout):
        get(bob, "short")(30.0)
    with pytest.raises(farcall.InvocationTimeout):
        get(bob, "short").options(timeout=60)(30.0)


def test_a_timeout_counts_from_the_start_not_from_the_queue(town: Town, bob: farcall.Client) -> None:
    held = Held(town, bob)
    waiting = get(bob, "short").submit(0.0)
    with pytest.raises(TimeoutError):
        waiting.result(0.6)
    held.release()
    assert waiting.result(20) == 0.0


def test_result_with_a_timeout_ends_the_waiting_and_not_the_call(town: Town, bob: farcall.Client) -> None:
    held = Held(town, bob)
    with pytest.raises(TimeoutError) as caught:
        held.invocation.result(timeout=0.05)
    assert not isinstance(caught.value, farcall.FarcallError)
    held.release()


def test_a_call_that_was_not_started_in_time_expires(town: Town, bob: farcall.Client) -> None:
    held = Held(town, bob)
    label = town.fresh("expired")
    late = get(bob, "ran").options(expires=0.2).submit(label)
    with pytest.raises(farcall.InvocationTimeout) as caught:
        late.result(20)
    assert caught.value.code == "expired"
    assert late.status == "expired"
    held.release()
    assert town.lines(label) == []


def test_higher_priorities_go_first(town: Town, bob: farcall.Client) -> None:
    held = Held(town, bob)
    label = town.fresh("order")
    ran = get(bob, "ran")
    calls = [ran.options(priority=priority).submit(label, priority) for priority in (0, -5, 5, 10, 0, 100)]
    assert all(call.id for call in calls)
    held.release()
    for call in calls:
        call.result(20)
    assert town.lines(label) == ["100", "10", "5", "0", "0", "-5"]


def test_the_same_key_runs_once(town: Town, bob: farcall.Client) -> None:
    label, key = town.fresh("keyed"), town.fresh("key")
    ran = get(bob, "ran").options(key=key)
    first, second = ran.submit(label, 7), ran.submit(label, 7)
    assert first.id == second.id
    assert (first.result(20), second.result(20)) == (7, 7)
    assert ran(label, 7) == 7
    with town.client() as elsewhere:
        assert get(elsewhere, "ran").options(key=key)(label, 7) == 7
    assert town.lines(label) == ["7"]


def test_the_same_key_with_other_arguments_is_a_conflict(town: Town, bob: farcall.Client) -> None:
    label, key = town.fresh("keyed"), town.fresh("key")
    assert get(bob, "ran").options(key=key)(label, 1) == 1
    with pytest.raises(farcall.RequestError) as caught:
        get(bob, "ran").options(key=key)(label, 2)
    assert caught.value.code == "conflict"
    with town.client() as elsewhere, pytest.raises(farcall.RequestError) as caught:
        get(elsewhere, "ran").options(key=key)(label, 2)
    assert caught.value.code == "conflict"
    assert town.lines(label) == ["1"]


def test_keys_of_different_callers_have_nothing_to_do_with_each_other(town: Town, bob: farcall.Client) -> None:
    label, key = town.fresh("keyed"), town.fresh("key")
    assert get(bob, "ran").options(key=key)(label, 1) == 1
    with town.client("alice") as alice:
        assert get(alice, "ran").options(key=key)(label, 2) == 2
    assert town.lines(label) == ["1", "2"]


def test_options_that_make_no_sense_are_refused_at_once(bob: farcall.Client) -> None:
    ran = get(bob, "ran")
    with pytest.raises(TypeError, match="did you mean 'timeout'"):
        ran.options(timeuot=3)
    for wrong in ({"timeout": -1}, {"timeout": "soon"}, {"priority": 1000}, {"queue": "yes"}, {"key": ""}):
        with pytest.raises(ValueError, match="takes"):
            ran.options(**wrong)


def test_queue_waits_for_a_worker_that_comes_later(town: Town, bob: farcall.Client) -> None:
    source = """
        import farcall
        @farcall.function(namespace="open")
        def comes_and_goes(x: int) -> int:
            return x + 1
    """
    with town.serving(source) as name:
        function = bob.get("alice/open/comes_and_goes")
        assert function(1) == 2
    with pytest.raises(farcall.NoWorkerAvailable):
        function(2)
    waiting = function.options(queue=True).submit(3)
    assert waiting.status == "queued"
    assert "worker" in waiting.explain()
    with town.serving(source, name=name):
        assert waiting.result(20) == 4
    assert waiting.info()["worker"] == name


def test_queue_declared_by_the_function_waits_without_being_asked(town: Town, bob: farcall.Client) -> None:
    source = """
        import farcall
        @farcall.function(namespace="open", queue=True)
        def patient(x: int) -> int:
            return x + 1
    """
    with town.serving(source) as name:
        patient = bob.get("alice/open/patient")
        assert patient(1) == 2
    waiting = patient.submit(2)
    assert waiting.id
    with pytest.raises(farcall.NoWorkerAvailable):
        patient.options(queue=False)(3)
    with town.serving(source, name=name):
        assert waiting.result(20) == 3


def test_no_more_run_at_once_than_the_function_allows(town: Town, bob: farcall.Client) -> None:
    source = """
        import time
        from pathlib import Path
        import farcall
        HERE = Path(__file__).parent
        @farcall.function(namespace="open", concurrency=2)
        def limited(label: str) -> int:
            mark = HERE / f"{label}.{farcall.current().id}"
            mark.touch()
            time.sleep(0.03)
            together = len(list(HERE.glob(f"{label}.inv_*")))
            mark.unlink()
            return together
    """
    with town.serving(source, slots=2), town.serving(source, slots=2):
        together = list(bob.get("alice/open/limited").map([town.fresh("limit")] * 40))
    assert max(together) <= 2


def test_requirements_are_matched_and_explain_names_what_is_missing(town: Town, bob: farcall.Client) -> None:
    source = """
        import farcall
        @farcall.function(namespace="open", requires={"licence": "matlab", "gpu": 2}, queue=True)
        def demanding() -> str:
            return "done"
    """
    with town.serving(source, options=("--label", "gpu=1")):
        invocation = bob.get("alice/open/demanding").submit()
        told = wait_until(invocation.explain)
        assert invocation.status == "queued"
        assert "licence" in told
        assert "gpu" in told
        with town.serving(source, options=("--label", "gpu=4", "--label", "licence=matlab")) as able:
            assert invocation.result(20) == "done"
            assert invocation.info()["worker"] == able


def test_a_function_that_must_not_run_twice_is_not_retried(town: Town, bob: farcall.Client) -> None:
    label = town.fresh("once")
    invocation = get(bob, "once").submit(label)
    with pytest.raises(farcall.WorkerLost, match="exit code 3"):
        invocation.result(20)
    assert town.lines(label) == ["ran"]
    assert town.record(invocation.id)["attempt"] == 1


def test_a_lost_attempt_is_retried_as_often_as_declared(town: Town, bob: farcall.Client) -> None:
    label = town.fresh("thrice")
    invocation = get(bob, "third_time").submit(label)
    assert invocation.result(20) == 3
    assert town.lines(label) == ["ran"] * 3
    assert "exit code 1" in invocation.explain()


def test_a_caller_with_2000_waiting_does_not_delay_another_s_single_call(town: Town) -> None:
    source = """
        import time
        from pathlib import Path
        import farcall
        RAN = Path(__file__).with_name("fair")
        @farcall.function(namespace="open")
        def fair(x: int) -> int:
            time.sleep(0.002)
            with RAN.open("a") as ran:
                ran.write(f"{farcall.current().caller}\\n")
            return x
    """
    with town.serving(source), town.client("bob") as bob, town.client("alice") as alice:
        single = alice.get("alice/open/fair")
        assert single(1) == 1
        many = bob.get("alice/open/fair").map(range(2000))
        rest = threading.Thread(target=lambda: results.extend(many))
        results: list[int] = []
        rest.start()
        wait_until(lambda: len(town.lines("fair")) > 50, what="the others are under way")
        turns = []
        for x in range(3):
            before = len(town.lines("fair"))
            assert single(x) == x
            turns.append(town.lines("fair")[before:].index("alice"))
        assert max(turns) < 100, f"others ran before it: {turns}"
        rest.join(60)
        assert results == list(range(2000))
