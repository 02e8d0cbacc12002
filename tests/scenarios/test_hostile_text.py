"""What Alice wrote is text on Bob's terminal, wherever it is shown: nothing of it moves, hides or renames anything."""

from __future__ import annotations

import os
import pty
import subprocess
import urllib.request
from collections.abc import Iterator

import pytest

from tests.scenarios.town import Town
from tests.scenarios.world import FARCALL

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eabc"
SPELT = r"\x1b]0;owned\x07\x1b[2J\x9b31m\u202eabc"
SOURCE = f"""
    import farcall

    EVIL = {EVIL!r}

    @farcall.function(namespace="open")
    def evil(text: str = EVIL) -> str:
        {EVIL!r}
        print(EVIL, end="\\r")
        farcall.log.warning(EVIL)
        farcall.progress(0.5, EVIL)
        return EVIL

    @farcall.function(namespace="open")
    def raises() -> dict[str, str]:
        exec(compile("def " + "f(): raise ValueError(EVIL)", EVIL, "exec"), globals())
        f()

    @farcall.function(namespace="open")
    def table() -> dict[str, str]:
        return {{EVIL: EVIL}}
"""


@pytest.fixture(scope="module")
def worker(town: Town) -> Iterator[str]:
    with town.serving(SOURCE, options=("--labels", f"colour={EVIL}")) as name:
        done = town.farcall("deprecate", "alice/open/evil@1", EVIL, who="alice")
        assert done.returncode == 0, done.stderr
        yield name


def seen(town: Town, *arguments: str) -> str:
    """What a terminal gets from a command of Bob's."""
    terminal, far = pty.openpty()
    environment = {**town.environment("bob"), "TERM": "dumb", "COLUMNS": "400"}
    process = subprocess.Popen([*FARCALL, *arguments], env=environment, stdin=far, stdout=far, stderr=far)
    os.close(far)
    got = b""
    while chunk := _read(terminal):
        got += chunk
    process.wait(30)
    os.close(terminal)
    return got.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.parametrize(
    "command",
    [
        ["show", "alice/open/evil"],
        ["list", "--namespace", "alice/open"],
        ["versions", "alice/open/evil"],
        ["call", "alice/open/evil"],
        ["call", "alice/open/raises"],
        ["--debug", "call", "alice/open/raises"],
        ["call", "alice/open/table"],
        ["call", "alice/open/evil", "--json"],
        ["call", "alice/open/evil", "--template"],
        ["show", "alice/open/evil", "--json"],
    ],
    ids=" ".join,
)
def test_a_command_shows_it_spelt_out(town: Town, worker: str, command: list[str]) -> None:
    text = seen(town, *command)
    assert "abc" in text
    for steering in ("\x1b]", "\x07", "\x1b[2J", "\x9b", "\u202e"):  # the command line's own colours may be there
        assert steering not in text


def test_records_and_output_of_a_call_show_it_spelt_out(town: Town, worker: str) -> None:
    good = town.farcall("call", "alice/open/evil", "--submit", who="bob").stdout.strip()
    bad = town.farcall("call", "alice/open/raises", "--submit", who="bob").stdout.strip()
    town.reaches(good, "succeeded")
    town.reaches(bad, "failed")
    for command in (["logs", good], ["result", good], ["result", bad], ["status", bad], ["explain", bad]):
        text = seen(town, *command)
        assert command[0] == "explain" or SPELT in text
        assert not set("\x07\x9b\u202e") & set(text), command
    assert SPELT in town.log(worker)  # its owner's terminal


def test_python_shows_it_spelt_out(town: Town, worker: str) -> None:
    program = """
        import pydoc
        evil = farcall.get("alice/open/evil")
        pydoc.pager = print
        help(evil)
        call = evil.submit()
        call.result()
        print(call.explain())
        for line in call.logs():
            print(line)
        farcall.get("alice/open/raises")()
    """
    process = town.python(program, PYTHONWARNINGS="always")
    out, err = process.communicate(timeout=30)
    assert out.count(SPELT) >= 4, out + err  # help: doc, default, deprecation; logs
    assert "is deprecated: " + SPELT in err
    assert "ValueError: " + SPELT in err
    assert not set("\x1b\x07\x9b\u202e") & set(out + err)


def test_a_header_tells_of_the_deprecation_in_letters_that_headers_take(town: Town, worker: str) -> None:
    request = urllib.request.Request(  # our own hub
        f"{town.url}/v1/functions/alice/open/evil", headers={"Authorization": f"Bearer {town.tokens['bob']}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Warning"].startswith(r'299 farcall "\\x1b]0;owned\\x07')
