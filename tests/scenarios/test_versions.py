"""Functions that change while people call them."""

from __future__ import annotations

import pytest

import farcall
from tests.scenarios.town import Town
from tests.scenarios.world import wait_until

HEAD = """
    import time
    from pathlib import Path
    from typing import Annotated
    import farcall

    HERE = Path(__file__).parent
"""


def function(name: str, parameters: str, body: str) -> str:
    """The source of a file with one function; its parts as Python."""
    return HEAD + (
        f'\n    @farcall.function(namespace="open/evolving")\n    def {name}({parameters}) -> str:\n        {body}\n'
    )


def rewrite(town: Town, worker: str, source: str, full: str = "") -> None:
    """Change the file that a worker serves, and wait until it is served anew; `full` names what gets a new version."""
    before, number = town.log(worker).count("loaded anew"), _number(town, full)
    town.write(f"{worker}.py", source)
    wait_until(lambda: town.log(worker).count("loaded anew") > before, what="the worker reloads")
    wait_until(lambda: not full or _number(town, full) > number, what="the new version is served")


def _served(town: Town, full: str) -> bool:
    return any(full in worker["functions"] for worker in town.get("/v1/workers", "alice")["items"])


def _number(town: Town, full: str) -> int:
    return int(town.get(f"/v1/functions/{full}", "bob")["version"]) if full else 0


def test_a_reload_with_the_same_interface_goes_unnoticed_by_callers(town: Town, bob: farcall.Client) -> None:
    name = town.fresh("steady")
    with town.serving(function(name, "x: int", 'return f"old {x}"'), options=("--reload",)) as worker:
        imported = bob.get(f"alice/open/evolving/{name}")
        assert imported(1) == "old 1"
        rewrite(town, worker, function(name, "x: int", 'return f"new {x}"'), f"alice/open/evolving/{name}")
        assert imported(2) == "new 2"
        assert bob.get(f"alice/open/evolving/{name}").version == imported.version + 1


def test_a_reload_with_another_interface_is_told_as_a_difference(town: Town, bob: farcall.Client) -> None:
    name = town.fresh("changing")
    with town.serving(function(name, "x: int", 'return f"old {x}"'), options=("--reload",)) as worker:
        old = bob.get(f"alice/open/evolving/{name}")
        assert old(1) == "old 1"
        changed = function(name, "x: float, times: int = 2", 'return f"new {x} {times}"')
        rewrite(town, worker, changed, f"alice/open/evolving/{name}")
        with pytest.raises(farcall.SignatureChanged) as caught:
            old(1)
        told = str(caught.value)
        assert "x: type float, was int" in told, told
        assert "added: times: int = 2" in told, told
        assert bob.get(f"alice/open/evolving/{name}")(1.5) == "new 1.5 2"
        with town.client() as fresh:
            assert fresh.get(f"alice/open/evolving/{name}")(1.5, times=3) == "new 1.5 3"


def test_a_file_that_no_longer_loads_leaves_the_old_version_serving(town: Town, bob: farcall.Client) -> None:
    name = town.fresh("broken")
    with town.serving(function(name, "x: int", 'return f"old {x}"'), options=("--reload",)) as worker:
        imported = bob.get(f"alice/open/evolving/{name}")
        town.write(f"{worker}.py", "this is no Python")
        wait_until(lambda: "SyntaxError" in town.log(worker), what="the worker says so")
        assert imported(1) == "old 1"
        rewrite(town, worker, function(name, "x: int", 'return f"mended {x}"'), f"alice/open/evolving/{name}")
        assert imported(2) == "mended 2"


def test_a_reload_lets_what_runs_finish_with_the_old_code(town: Town, bob: farcall.Client) -> None:
    name = town.fresh("patient")
    gate = town.fresh("gate")
    waits = (
        f'(HERE / "{gate}.started").touch()\n        while not (HERE / "{gate}").exists(): time.sleep(0.005)\n        '
    )
    with town.serving(function(name, "x: int", waits + 'return "old"'), options=("--reload",)) as worker:
        running = bob.get(f"alice/open/evolving/{name}").submit(1)
        wait_until(lambda: (town.directory / f"{gate}.started").exists(), what="it runs")
        town.write(f"{worker}.py", function(name, "x: int", 'return "new"'))
        later = bob.get(f"alice/open/evolving/{name}").submit(2)
        (town.directory / gate).touch()
        assert running.result(20) == "old"
        assert later.result(20) == "old"
        wait_until(lambda: "loaded anew" in town.log(worker), what="the worker reloads")
        wait_until(lambda: _number(town, f"alice/open/evolving/{name}") == 2, what="the new version is served")
        assert bob.get(f"alice/open/evolving/{name}")(3) == "new"


def test_two_versions_are_served_side_by_side(town: Town, bob: farcall.Client) -> None:
    name = town.fresh("both")
    full = f"alice/open/evolving/{name}"
    with town.serving(function(name, "x: int", 'return f"first {x}"')):
        first = bob.get(full)
        assert first(1) == "first 1"
        with town.serving(function(name, "x: int, y: int = 0", 'return f"second {x} {y}"')) as second_worker:
            second = bob.get(full)
            assert second(1) == "second 1 0"
            pinned = bob.get(f"{full}@{first.version}")
            assert list(pinned.map(range(20))) == [f"first {x}" for x in range(20)]
            assert list(second.map(range(20))) == [f"second {x} 0" for x in range(20)]
            assert bob.get(f"{full}@{second.version}")(7) == "second 7 0"
        assert second_worker
        assert bob.get(f"{full}@{first.version}")(2) == "first 2"


def test_a_function_that_left_the_file_is_no_longer_served(town: Town, bob: farcall.Client) -> None:
    stays, goes = town.fresh("stays"), town.fresh("goes")
    both = function(stays, "x: int", 'return "here"') + function(goes, "x: int", 'return "here"').removeprefix(HEAD)
    with town.serving(both, options=("--reload",)) as worker:
        gone = bob.get(f"alice/open/evolving/{goes}")
        assert gone(1) == "here"
        changed = function(stays, "x: int", 'return "still here"')
        rewrite(town, worker, changed, f"alice/open/evolving/{stays}")
        assert bob.get(f"alice/open/evolving/{stays}")(1) == "still here"
        wait_until(lambda: not _served(town, f"alice/open/evolving/{goes}"), what="the old code is let go")
        with pytest.raises(farcall.NoWorkerAvailable):
            gone(1)


def test_when_the_newest_version_leaves_the_one_before_answers_again(town: Town, bob: farcall.Client) -> None:
    name = town.fresh("fallback")
    full = f"alice/open/evolving/{name}"
    with town.serving(function(name, "x: int", 'return f"first {x}"')):
        imported = bob.get(full)
        assert imported(1) == "first 1"
        with town.serving(function(name, "x: int", 'return f"second {x}"')):
            assert imported(2) == "second 2"
        assert imported(3) == "first 3"


def test_a_reload_in_the_middle_of_a_map_loses_none_of_its_calls(town: Town, bob: farcall.Client) -> None:
    name = town.fresh("mapped")
    body = 'time.sleep(0.005)\n        return "{}"'
    with town.serving(function(name, "x: int", body.format("old")), options=("--reload",)) as worker:
        calls = bob.get(f"alice/open/evolving/{name}").map(range(400), return_exceptions=True)
        first = next(calls)
        rewrite(town, worker, function(name, "x: int", body.format("new")))
        rest = list(calls)
    assert first == "old"
    assert set(rest) <= {"old", "new"}, "calls that waited for the old code were lost"
