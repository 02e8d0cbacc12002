"""Wrong turns at the command line: what went wrong, with what, and what to do; and nothing is lost by them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.scenarios.town import Town
from tests.scenarios.wrong import refused

SOURCE = """
    import time
    from collections.abc import Iterator

    import farcall

    @farcall.function(namespace="open/turns")
    def free_fall(time: float) -> float:
        return 9.81 * time

    @farcall.function(namespace="open/turns")
    def slow(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    @farcall.function(namespace="open/turns")
    def rows(n: int) -> Iterator[dict[str, int]]:
        for number in range(n):
            yield {"n": number}
"""
FALL = "alice/open/turns/free_fall"


@pytest.fixture(scope="module", autouse=True)
def worker(town: Town) -> Iterator[str]:
    with town.serving(SOURCE) as name:
        yield name


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (["call", FALL, "--args", "nofile.json"], 2, "nofile.json cannot be read: No such file or directory"),
        (["call", FALL, "--args", "-"], 2, "standard input holds no JSON"),
        (["call", FALL, "time=1", "--timeout", "-1"], 2, "Invalid value for '--timeout'"),
        (["call", FALL, "time=1", "--expires", "0"], 2, "Invalid value for '--expires'"),
        (["result", "inv_x", "--timeout", "-1"], 2, "Invalid value for '--timeout'"),
        (["call", "alice/open/turns"], 1, "alice/open/turns is a namespace: farcall list --namespace alice/open/turns"),
        (["versions", "alice/open/turns"], 1, "alice/open/turns is a namespace: farcall list"),
        (["call", "alice"], 1, "alice is no function's full name: farcall list --namespace alice"),
        (["show", "alice"], 1, "alice is no function's full name: farcall list --namespace alice"),
        (["call", "A B"], 1, "'A B' is no full name"),
        (["show", ""], 2, "A name is needed"),
        (["stubs", "typed", "--namespace", "alice/open/trns"], 1, "Did you mean alice/open/turns?"),
        (["stubs", "/proc/typed"], 1, "/proc/typed: No such file or directory."),
        (["usage", "--since", "2026-02-02", "--until", "2026-02-01"], 2, "--since is a day after --until"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_it_is_said_what_is_wrong(town: Town, command: list[str], code: int, words: str) -> None:
    done = town.farcall(*command, who="bob")
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_a_namespace_that_is_not_there_is_not_said_to_be_empty(town: Town) -> None:
    done = town.farcall("namespace", "list", "alice/open/nothing", who="bob")
    assert "There is no namespace alice/open/nothing, or you may not know of it." in done.stderr


def test_a_name_that_cannot_be_one_is_told_as_what(town: Town) -> None:
    done = town.farcall("alias", "set", FALL, "bad name", "1", who="alice")
    refused(done, "'bad name' cannot be an alias name: it takes")


def test_a_function_that_ran_too_long_is_named_in_full(town: Town) -> None:
    done = town.farcall("call", "alice/open/turns/slow", "seconds=20", "--timeout", "0.2", who="bob")
    refused(done, "alice/open/turns/slow ran longer than its timeout of 0.2 s.")


def test_a_place_where_results_cannot_be_written_is_refused_before_the_call(town: Town) -> None:
    before = next(iter(town.get("/v1/invocations?limit=1", "bob")["items"]), {}).get("id")
    refused(town.farcall("call", FALL, "time=1", "--output", "/proc/x", who="bob"), "/proc/x cannot be made: ")
    assert next(iter(town.get("/v1/invocations?limit=1", "bob")["items"]), {}).get("id") == before


def test_the_items_of_a_stream_are_written_to_a_file_like_any_other_result(town: Town) -> None:
    directory = town.directory / town.fresh("rows")
    done = town.farcall("call", "alice/open/turns/rows", "n=3", "--output", str(directory), "--json", who="bob")
    [file] = json.loads(done.stdout)["files"]
    assert (directory / "result.csv").read_text().split() == ["n", "0", "1", "2"]
    assert file == str(directory / "result.csv")


@pytest.mark.skipif(sys.platform == "win32", reason="a console is asked there")
@pytest.mark.parametrize(
    ("command", "option"),
    [
        (["password"], "--password-stdin"),
        (["login", "URL", "--name", "bob"], "--password-stdin"),
        (["login", "URL", "--token"], "--token-stdin"),
    ],
)
def test_where_there_is_no_terminal_a_secret_is_not_asked_for(town: Town, command: list[str], option: str) -> None:
    words = [town.url if word == "URL" else word for word in command]
    done = subprocess.run(
        [sys.executable, "-m", "farcall", *words],
        env=town.environment("bob"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert f"There is no terminal to ask at; say {option}." in done.stderr
    assert "Warning" not in done.stderr
