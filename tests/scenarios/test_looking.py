"""What is seen before and after calls from the command line, and what wrong turns are told."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.world import FARCALL, World, wait_until

SOURCE = """
    import time
    from collections.abc import Iterator
    from typing import Annotated

    import farcall

    @farcall.function(namespace="lab", visibility="owner")
    def scale(x: Annotated[float, farcall.Unit("m"), farcall.Range(0, 9), farcall.Doc("How long.")]) -> float:
        "Twice as long."
        return 2 * x

    @farcall.function(namespace="lab")
    def items(n: int) -> Iterator[dict[str, int]]:
        for i in range(n):
            yield {"i": i}

    @farcall.function(namespace="lab", requires={"cpus": 1})
    def nap(seconds: float) -> None:
        time.sleep(seconds)
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("looking"))
    made.start_hub()
    made.account("alice")
    made.account("bob")
    made.write("functions.py", SOURCE)
    made.serve("worker", "functions.py", slots=2)
    made.farcall("share", "alice/lab", "bob", who="alice")
    yield made
    made.close()


def said(world: World, *arguments: str, who: str = "alice") -> str:
    done = world.farcall(*arguments, who=who)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(world: World, *arguments: str, who: str = "alice", code: int = 1) -> str:
    done = world.farcall(*arguments, who=who)
    assert done.returncode == code, done.stderr
    return done.stderr


def test_show_and_list_tell_what_callers_want_to_know_before_they_call(world: World) -> None:
    said(world, "call", "alice/lab/scale", "x=2", who="bob")
    said(world, "deprecate", "alice/lab/scale@1", "use stretch")
    shown = said(world, "show", "alice/lab/scale", who="bob")
    for text in ("1 ready", "typically", "to alice too: arguments and results of calls", "use stretch", "How long."):
        assert text in shown
    listed = said(world, "list", who="bob")
    header, *rows = listed.splitlines()
    assert header.split() == ["function", "version", "owner", "workers", "takes", "owner", "sees", "about"]
    [row] = [row for row in rows if "scale" in row]
    assert "calls" in row
    assert "deprecated: use stretch" in row
    said(world, "deprecate", "alice/lab/scale@1", "--undo")


def test_a_namespace_that_is_not_there_is_said_to_be_none(world: World) -> None:
    assert "There is no alice/nothing, or you may not know of it" in refused(
        world, "list", "--namespace", "alice/nothing"
    )
    assert (
        "There is nothing in zed that you may see." in world.farcall("list", "--namespace", "zed", who="alice").stderr
    )
    assert "alice/lab is a namespace: farcall list --namespace alice/lab" in refused(world, "show", "alice/lab")
    assert "There is no alice/nothing" in refused(world, "show", "alice/nothing")


def test_a_wrong_time_is_refused_with_examples_of_right_ones(world: World) -> None:
    for command in ("invocations", "audit"):
        told = refused(world, command, "--since", "yesterday", code=2)
        assert "'yesterday' is no time: write a day (2026-03-01)" in told
    said(world, "call", "alice/lab/scale", "x=2")
    assert "alice/lab/scale@1" in said(world, "invocations", "--since", "1h")


def test_a_stream_as_json_is_one_document_on_each_line(world: World) -> None:
    lines = said(world, "call", "alice/lab/items", "n=3", "--json").splitlines()
    assert [json.loads(line) for line in lines] == [{"i": 0}, {"i": 1}, {"i": 2}]


def test_a_worker_that_may_not_serve_there_is_told_so_and_why(world: World) -> None:
    told = refused(world, "serve", "functions.py", "--namespace", "/bob/tools", who="alice")
    assert "/bob/tools/lab/scale is not served: There is no bob/tools/lab/scale, or you may not know of it." in told
    assert "Serve it under your own handle, or become a member of the group." in told
    assert told.endswith("Error: The hub refused to publish what is here: nothing is served.\n")


def test_a_file_that_fails_to_load_shows_frames_of_its_owner_alone(world: World) -> None:
    world.write("broken.py", "import deeper\n")
    world.write("deeper.py", "1 / 0\n")
    for source in ("broken.py", "broken"):
        told = refused(world, "serve", source)
        frames = [line.split('"')[1] for line in told.splitlines() if line.strip().startswith("File ")]
        assert frames == ["broken.py", "deeper.py"]


def test_what_has_ended_still_explains_where_it_was_placed_and_why(world: World) -> None:
    identifier = said(world, "call", "alice/lab/nap", "seconds=0", "--submit").strip()
    wait_until(lambda: world.get(f"/v1/invocations/{identifier}", "alice")["status"] == "succeeded")
    told = said(world, "explain", identifier)
    assert "attempt 1 placed on worker worker by the policy round_robin, since it has cpus=1" in told


def test_watching_a_call_ends_with_the_call(world: World) -> None:
    identifier = said(world, "call", "alice/lab/nap", "seconds=1", "--submit").strip()
    watched = said(world, "status", identifier, "--watch", "--json").splitlines()
    states = [json.loads(line)["status"] for line in watched]
    assert states[-1] == "succeeded"
    assert len(states) > 1
    assert set(states[:-1]) <= {"queued", "running"}


@pytest.mark.parametrize("command", [["list"], ["invocations"], ["usage"]])
def test_lists_are_shown_again_until_they_are_interrupted(world: World, command: list[str], tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(
            [*FARCALL, *command, "--watch", "--json"],
            cwd=world.directory,
            env=world.environment("alice"),
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            wait_until(lambda: len((tmp_path / "out").read_text().splitlines()) >= 2, what="it is shown twice")
        finally:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=10)
    assert process.returncode == 0, errors
