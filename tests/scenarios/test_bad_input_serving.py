"""Wrong turns of those who serve or run a hub: one clear sentence, the right exit code, and what runs goes on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.scenarios.world import World
from tests.scenarios.wrong import ask, refused

FUNCTIONS = """
    import farcall

    @farcall.function(namespace="open")
    def scale(x: float) -> float:
        return x * 2
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Alice serves; Bob has an account."""
    world = World(tmp_path_factory.mktemp("world"))
    try:
        world.start_hub()
        world.account("alice")
        world.account("bob")
        world.serve("worker", str(world.write("functions.py", FUNCTIONS)))
        yield world
    finally:
        world.close()


# -- serving -----------------------------------------------------------------------------------------------------------

UNSERVABLE = {
    "broken.py": ("import nothing_like_it", ["broken.py, line 1", "nothing_like_it"]),
    "syntax.py": ("def f(: pass", ["syntax.py, line 1", "SyntaxError"]),
    "raises.py": ("1 / 0", ["raises.py, line 1", "ZeroDivisionError"]),
    "exits.py": ("import os; os._exit(3)", ["ends the process that loads it", "exit code 3"]),
    "empty.py": ("x = 1", ["empty.py has no functions to serve", "@farcall.function", "farcall.variable()"]),
    "twins.py": (
        "import farcall\n@farcall.function\ndef f(): ...\n@farcall.function(name='f')\ndef g(): ...\n",
        ["twins.py", "two functions named f", "rename"],
    ),
    "option.py": ("import farcall\n@farcall.function(namspace='x')\ndef f(): ...\n", ["namspace", "namespace"]),
    "hint.py": ("import farcall, threading\n@farcall.function\ndef f(x: threading.Lock): ...\n", ["hint.py", "x"]),
}


@pytest.mark.parametrize("name", UNSERVABLE)
def test_a_file_that_cannot_be_served_is_refused_with_the_reason(world: World, name: str) -> None:
    source, words = UNSERVABLE[name]
    world.write(name, source)
    refused(world.farcall("serve", name, "--slots", "1", who="alice"), *words)


@pytest.mark.parametrize("name", ["missing.py", "no_such_module"])
def test_what_is_not_there_cannot_be_served(world: World, name: str) -> None:
    refused(world.farcall("serve", name, "--slots", "1", who="alice"), name)


def test_a_function_cannot_take_the_name_of_a_namespace(world: World) -> None:
    world.write("clash.py", "import farcall\n@farcall.function(name='open')\ndef f(): ...\n")
    refused(world.farcall("serve", "clash.py", "--slots", "1", who="alice"), "alice/open", "namespace")


def test_what_is_not_ones_own_cannot_be_served(world: World) -> None:
    world.write("thief.py", "import farcall\n@farcall.function(namespace='/alice/open')\ndef scale(x: float): ...\n")
    refused(world.farcall("serve", "thief.py", "--slots", "1", who="bob"), "alice/open/scale")


def test_options_of_serve_are_checked(world: World) -> None:
    refused(world.farcall("serve", "functions.py", "--slots", "0", who="alice"), "slots", code=2)
    refused(world.farcall("serve", "functions.py", "--label", "gpu", who="alice"), "KEY=VALUE", code=2)
    refused(world.farcall("serve", who="alice"), "takes a Python file", code=2)


# -- hubs that do not start --------------------------------------------------------------------------------------------


def start(world: World, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start a hub that is expected to refuse."""
    return subprocess.run(
        [sys.executable, "-m", "farcall", "hub", *arguments],
        cwd=world.directory,
        env=world.environment(**environment),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_port_in_use_is_named_and_the_hub_there_goes_on(world: World) -> None:
    refused(start(world, "--data", "second", "--port", str(world.port)), str(world.port), "choose another", "--port")
    assert ask(world, "GET", "/readyz", token="")[0] == 200


def test_a_data_directory_of_another_hub_is_not_touched(world: World) -> None:
    refused(start(world, "--data", "hub", "--port", "0"), "in use by another hub", str(world.processes["hub"].pid))
    assert ask(world, "GET", "/readyz", token="")[0] == 200


@pytest.mark.parametrize("data", ["functions.py", "functions.py/hub"])
def test_a_data_directory_that_cannot_be_written_is_refused(world: World, data: str) -> None:
    refused(start(world, "--data", data, "--port", "0"), data, "not writable", "choose another one")


@pytest.mark.parametrize(
    ("arguments", "environment", "words", "code"),
    [
        (["--port", "99999"], {}, ["99999"], 2),
        (["--config", "nowhere.toml"], {}, ["nowhere.toml"], 2),
        ([], {"FARCALL_HUB_LEASE_SECONDS": "soon"}, ["FARCALL_HUB_LEASE_SECONDS", "lease_seconds"], 1),
        ([], {"FARCALL_HUB_LEESE_SECONDS": "3"}, ["did you mean FARCALL_HUB_LEASE_SECONDS?"], 1),
    ],
)
def test_settings_that_are_wrong_are_named(
    world: World, arguments: list[str], environment: dict[str, str], words: list[str], code: int
) -> None:
    refused(start(world, "--data", "third", *arguments, **environment), *words, code=code)


def test_a_settings_file_that_is_wrong_is_named_with_its_place(world: World) -> None:
    world.write("hub.toml", "[hub]\nport = 'high'\n")
    refused(start(world, "--config", "hub.toml"), "port", "hub.toml")


def test_after_all_of_it_what_ran_runs(world: World) -> None:
    assert world.processes["hub"].poll() is None
    assert world.processes["worker"].poll() is None
    assert world.farcall("call", "alice/open/scale", "x=2", who="alice").stdout == "4.0\n"
