"""`farcall serve` in the background: started, asked after, stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.world import World, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="daemons are for Linux and macOS")

SOURCE = """
    import time
    import farcall

    print("the log hears this")

    @farcall.function
    def add(a: int, b: int) -> int:
        return a + b

    @farcall.function
    def slow(seconds: float) -> str:
        time.sleep(seconds)
        return "done"
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = World(tmp_path)
    made.start_hub()
    made.account("alice")
    made.write("sums.py", SOURCE)
    yield made
    for item in daemons(made):
        if item["state"] != "ended":
            os.kill(item["pid"], signal.SIGKILL)
    made.close()


def daemons(world: World) -> list[dict[str, object]]:
    return json.loads(world.farcall("serve", "--status", "--json", who="alice").stdout)["items"]  # type: ignore[no-any-return]


def test_a_daemon_serves_when_the_command_returns_and_stops_when_it_is_told(world: World) -> None:
    started = world.farcall("serve", "sums.py", "--slots", "1", "--daemon", who="alice")
    assert started.returncode == 0, started.stderr
    assert "farcall serve --stop sums" in started.stdout
    assert world.farcall("call", "alice/add", "a=1", "b=2", who="alice").stdout.strip() == "3"

    [state] = daemons(world)
    assert (state["name"], state["state"], state["hub"]) == ("sums", "serving", world.url)
    assert sorted(state["functions"]) == ["alice/add", "alice/slow"]  # type: ignore[call-overload]
    assert "the log hears this" in Path(str(state["log"])).read_text()
    assert "sums  serving" in world.farcall("serve", "--status", who="alice").stdout

    again = world.farcall("serve", "sums.py", "--daemon", who="alice")
    assert again.returncode == 1
    assert "A daemon named sums is running" in again.stderr

    call = subprocess.Popen(
        [sys.executable, "-m", "farcall", "call", "alice/slow", "seconds=2"],
        env=world.environment("alice"),
        stdout=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: world.get("/v1/invocations?status=running", "alice")["items"], what="the slow call runs")
    stopped = world.farcall("serve", "--stop", "sums", who="alice")
    assert stopped.returncode == 0, stopped.stderr
    assert call.communicate(timeout=20)[0].strip() == "done", "what runs is finished first"
    assert daemons(world) == []


def test_a_daemon_that_cannot_load_its_file_says_why_and_is_gone(world: World) -> None:
    world.write("broken.py", "import nothing_of_this_name\n")
    done = world.farcall("serve", "broken.py", "--daemon", who="alice")
    assert done.returncode == 1
    assert "nothing_of_this_name" in done.stderr
    assert daemons(world) == []


def test_a_daemon_that_was_killed_is_listed_as_ended_and_can_be_started_again(world: World) -> None:
    assert world.farcall("serve", "sums.py", "--slots", "1", "--daemon", who="alice").returncode == 0
    [state] = daemons(world)
    os.kill(int(str(state["pid"])), signal.SIGKILL)
    wait_until(lambda: daemons(world)[0]["state"] == "ended", what="its end is seen")
    assert world.farcall("serve", "sums.py", "--slots", "1", "--daemon", who="alice").returncode == 0


def test_stopping_what_is_not_there_names_what_is(world: World) -> None:
    done = world.farcall("serve", "--stop", "nobody", who="alice")
    assert done.returncode == 1
    assert "There is no daemon named nobody" in done.stderr


def test_a_unit_for_systemd_holds_the_command_and_no_token(world: World) -> None:
    done = world.farcall("serve", "sums.py", "--slots", "2", "--label", "site=100%", "--systemd", who="alice")
    assert done.returncode == 0, done.stderr
    assert "serve sums.py --slots 2 --label site=100%%" in done.stdout
    assert f"WorkingDirectory={world.directory}" in done.stdout
    assert "farcall_pat_" not in done.stdout + done.stderr
    assert "EnvironmentFile=" in done.stdout, "the token of the environment has to come from somewhere"


def test_serving_nothing_is_a_usage_error(world: World) -> None:
    assert world.farcall("serve", who="alice").returncode == 2
