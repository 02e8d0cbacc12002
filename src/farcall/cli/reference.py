"""The reference of the command line as a page, made from the commands themselves.

`python -m farcall.cli.reference > docs/reference/cli.md` writes it; a test compares the two.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from farcall.cli.output import say
from farcall.cli.root import COMMANDS, farcall

_HEAD = """\
# Command line

Made from the commands themselves: `python -m farcall.cli.reference > docs/reference/cli.md`.

What a command answers goes to standard output, with `--json` as JSON; what it has to say beside that, and errors, go to
standard error. `hub`, `up` and `serve` run until they are stopped (Ctrl-C or SIGTERM).

| exit code | means |
|---|---|
| 0 | done |
| 1 | it did not work; the message says why, and what to do |
| 2 | the command line itself is wrong |
| 3 | `call` and `result`: the function itself raised |

Tracebacks show only with `farcall --debug COMMAND …`. The hub and the token are those of `FARCALL_HUB` and
`FARCALL_TOKEN`, else the hub of the project's `.farcall.toml`, else that of the last `farcall login`.
"""


def page() -> str:
    """The whole page, in Markdown."""
    context = click.Context(farcall, info_name="farcall")
    parts = [_HEAD]
    for name in COMMANDS:
        command = farcall.get_command(context, name)
        assert command is not None
        parts.extend(_sections(command, click.Context(command, parent=context, info_name=name)))
    return "\n".join(parts)


def _sections(command: click.Command, context: click.Context, level: int = 2) -> Iterator[str]:
    yield f"{'#' * level} {context.command_path}\n"
    usage = f"{context.command_path} {' '.join(command.collect_usage_pieces(context))}"
    yield f"```text\n{usage}\n```\n"
    yield f"{_prose(command.help or '')}\n"
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _sections(inner, click.Context(inner, parent=context, info_name=name), level + 1)
        return
    rows = [_row(option, context) for option in command.params if isinstance(option, click.Option)]
    if rows:
        yield "\n".join(["| option | |", "|---|---|", *rows]) + "\n"


def _prose(text: str) -> str:
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _row(option: click.Option, context: click.Context) -> str:
    shown, text = option.get_help_record(context) or ("", "")
    return f"| `{_cell(shown)}` | {_cell(text)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    say(page(), nl=False)
