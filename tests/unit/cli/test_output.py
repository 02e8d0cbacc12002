"""What others wrote reaches a terminal as text, whichever command prints it."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import farcall.cli
from farcall.cli import root
from farcall.cli.errors import report
from farcall.cli.output import print_csv, print_exactly, print_facts, print_json, print_table, say

HOSTILE = "\x1b]0;title\x07\x1b[2J\r\x9b31m\u202eabc"
STEERING = set("\x1b\x07\r\x9b\u202e")
PRINTING = ("print", "click.echo", "click.secho", "stdout.write", "stderr.write", "Console")


def test_what_others_wrote_does_not_speak_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts({"doc": HOSTILE})
    print_table(["doc"], [[HOSTILE]], "")
    print_csv(["doc"], [[HOSTILE]])
    print_json({"doc": HOSTILE})
    say(HOSTILE)
    report(ValueError(HOSTILE), debug=False)
    report(ValueError(HOSTILE), debug=True)
    said = "".join(capsys.readouterr())
    assert said.count("abc") == 8  # the last one twice, with its traceback
    assert not STEERING & set(said)


def test_a_cell_stays_in_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name", "about"], [["f", "fine\ng     forged"]], "")
    assert capsys.readouterr().out.splitlines()[1:] == [r"f     fine\ng     forged"]


def test_a_fact_of_several_lines_is_told_from_the_next_fact(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts({"failure": "bad\nowner  eve", "owner": "bob"})
    assert capsys.readouterr().out.splitlines() == ["failure  bad", "         owner  eve", "owner    bob"]


def test_a_result_that_goes_elsewhere_goes_as_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    print_exactly(HOSTILE)
    assert capsys.readouterr().out == f"{HOSTILE}\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_exactly(HOSTILE)
    assert not STEERING & set(capsys.readouterr().out)


def test_json_means_what_it_meant(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"doc": HOSTILE})
    assert json.loads(capsys.readouterr().out) == {"doc": HOSTILE}


def test_what_a_command_complains_of_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def broken() -> None:
        raise click.ClickException(f"the hub says {HOSTILE}")

    monkeypatch.setattr(root.LazyGroup, "get_command", lambda *_: broken)
    said = CliRunner().invoke(root.farcall, ["whoami"]).output
    assert "abc" in said
    assert not STEERING & set(said)


def test_all_that_is_printed_goes_through_one_place() -> None:
    directory = Path(farcall.cli.__file__).parent
    sources = [path for path in directory.rglob("*.py") if path.parent.name not in ("alice", "bob")]  # scripts to show
    assert len(sources) > 30
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and path != directory / "output.py":
                called = ast.unparse(node.func)
                assert not called.endswith(PRINTING), f"{path.name}:{node.lineno} {called}"
