"""The root command: quick, kind, and without tracebacks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner, Result

from farcall.cli.errors import report
from farcall.cli.root import COMMANDS, farcall
from farcall.client.errors import from_failure
from farcall.domain.errors import Failure

HEAVY = {"httpx2", "rich", "websockets", "numpy", "starlette", "apsw", "asyncio", "jsonschema_rs", "farcall.client"}
RUNS_ON = {"demo", "hub", "up"}  # their output is what they say while they run
SCRIPTS = {"completion"}  # for a shell to run


def _every_command() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(farcall)
    for name in COMMANDS:
        command = farcall.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", found) for inner, found in command.commands.items())
        else:
            yield name, command


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(farcall, list(arguments))


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom farcall.cli.root import farcall\n"
        "farcall(['--help'], standalone_mode=False)\nprint(' '.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "Commands:" in done.stdout
    assert not HEAVY & set(done.stderr.split())


def test_the_summaries_of_the_root_name_every_command_once() -> None:
    printed = _run("--help").output
    for name, (_, _, summary) in COMMANDS.items():
        assert f"  {name} " in printed
        assert summary in " ".join(printed.split())


@pytest.mark.parametrize(
    ("name", "command"), list(_every_command()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_explains_itself_and_its_options(name: str, command: click.Command) -> None:
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option) and option.name not in ("limit", "can"):
            assert option.help, f"{name} {option.opts[0]}"


def test_every_command_that_answers_answers_in_json_too() -> None:
    without = {name for name, command in _every_command() if not any(p.name == "as_json" for p in command.params)}
    assert without == RUNS_ON | SCRIPTS


def test_an_unknown_command_names_the_nearest() -> None:
    result = _run("shaer")
    assert result.exit_code == 2
    assert "Did you mean 'share'?" in result.output


def test_a_defect_is_said_in_a_sentence_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(KeyError("oops"), debug=False) == 1
    said = capsys.readouterr().err
    assert said.startswith("Error: KeyError: 'oops'")
    assert "defect of farcall" in said
    assert "Traceback" not in said


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise KeyError("oops")
    except KeyError as error:
        report(error, debug=True)
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "exit_code"), [("not_found", 1), ("function_error", 3), ("no_worker", 1), ("hub_unreachable", 1)]
)
def test_the_exit_code_is_that_of_the_table_of_errors(
    code: str, exit_code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(from_failure(Failure(code, "It is so.", "Do this.")), debug=False) == exit_code
    assert "It is so." in capsys.readouterr().err


def test_what_a_function_raised_shows_its_type_and_where(capsys: pytest.CaptureFixture[str]) -> None:
    trace = 'Traceback (most recent call last):\n  File "physics.py", line 8, in fall_time\nValueError: no'
    failure = Failure("function_error", "no", remote_type="ValueError", traceback=trace)
    assert report(from_failure(failure, "alice/fall_time"), debug=False) == 3
    said = capsys.readouterr().err
    assert said.startswith("Error: alice/fall_time raised ValueError: no\n")
    assert 'File "physics.py", line 8' in said
