"""Completion by the shell: commands and options by click, names and ids from the hub."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, get_completion_class

from farcall.authoring.harmless import harmless_line
from farcall.cli.output import say

if TYPE_CHECKING:
    from farcall.client.rest import Rest

SHELLS = ("bash", "zsh", "fish")
_WHERE = {
    "bash": "~/.bashrc",
    "zsh": "~/.zshrc, after compinit",
    "fish": "~/.config/fish/config.fish",
}
_LIMIT = 500
_RECENT = 30


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands, options, names of functions and ids of invocations.

    For example: eval "$(farcall completion bash)", in the file that the shell reads at its start.
    """
    from farcall.cli.root import farcall

    made = get_completion_class(shell)
    assert made is not None  # click knows these three
    say(made(farcall, {}, "farcall", "_FARCALL_COMPLETE").source())
    say(f'# For every shell from now on: put  eval "$(farcall completion {shell})"  into {_WHERE[shell]}')


def function_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Full names of functions that begin like this. Nothing if the hub cannot be asked."""
    return _silently(lambda: _names(incomplete))


def paths(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Full names of functions and namespaces that begin like this. Nothing if the hub cannot be asked."""
    return _silently(lambda: _spaces(incomplete) + _names(incomplete))


def invocation_ids(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The newest invocations, with what they are. Nothing if the hub cannot be asked."""
    return _silently(lambda: _recent(incomplete))


def _names(incomplete: str) -> list[CompletionItem]:
    namespace = incomplete.rpartition("/")[0]
    hub = _hub()
    functions = hub.get("/v1/functions", namespace=namespace or None, limit=_LIMIT)["items"]
    items = [CompletionItem(item["name"], help=harmless_line(item["summary"]) or None) for item in functions]
    return [item for item in items if item.value.startswith(incomplete)]


def _spaces(incomplete: str) -> list[CompletionItem]:
    page = _hub().get("/v1/namespaces", below=incomplete.rpartition("/")[0] or None, limit=_LIMIT)
    return [CompletionItem(item["path"]) for item in page["items"] if item["path"].startswith(incomplete)]


def _recent(incomplete: str) -> list[CompletionItem]:
    page = _hub().get("/v1/invocations", limit=_RECENT)
    return [
        CompletionItem(item["id"], help=f"{item['function']} {item['status']}")
        for item in page["items"]
        if item["id"].startswith(incomplete)
    ]


def _hub() -> Rest:
    from farcall.cli.remote import credentials, rest_with

    return rest_with(*credentials())


def _silently(find: Callable[[], list[CompletionItem]]) -> list[CompletionItem]:
    """Whoever presses a key wants no error, and does not wait for a hub that is away."""
    try:
        return find()
    except Exception:  # noqa: BLE001  # whatever it was, there is nothing to offer
        return []
