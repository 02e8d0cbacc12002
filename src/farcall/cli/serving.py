"""`serve`: functions from this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farcall.authoring.harmless import harmless
from farcall.cli.output import count, json_option, say

if TYPE_CHECKING:
    from farcall.worker import Event


def _labels(_context: click.Context, _parameter: click.Parameter, pairs: tuple[str, ...]) -> dict[str, Any]:
    """Numbers and booleans as what they are, everything else as text."""
    labels: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        labels[key] = value if isinstance(value, int | float | str | bool) else text
    return labels


@click.command()
@click.argument("sources", nargs=-1, metavar="FILE_OR_MODULE...")
@click.option("--namespace", metavar="NAME", help="Put before the names of these functions.")
@click.option("--name", help="Name of this worker; default: the machine's.")
@click.option(
    "--slots", type=click.IntRange(1, 4096), help="Calls at once, each in a process of its own; default: one per core."
)
@click.option(
    "--labels",
    "--label",
    "labels",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_labels,
    help="Advertised beside CPU and memory, and matched by requires=; may be given more than once.",
)
@click.option("--reload", is_flag=True, help="Load the files anew when they change.")
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="TOML file of settings.")
@click.option("--daemon", is_flag=True, help="In the background; returns when it serves. Its log is a file.")
@click.option("--status", is_flag=True, help="Say which daemons there are on this machine, and how they do.")
@click.option("--stop", metavar="NAME", help="Stop a daemon; what runs is finished first.")
@click.option("--systemd", is_flag=True, help="Print a unit for systemd that does this, at every start of the machine.")
@click.option("--daemon-file", type=click.Path(path_type=Path), hidden=True, help="Set by --daemon.")
@json_option
def serve(sources: tuple[str, ...], config: Path | None, as_json: bool, **given: Any) -> None:
    """Serve the functions of FILE_OR_MODULE from here. Only their interfaces go to the hub.

    A script with farcall.variable() and farcall.result() in it is one function, named like its file.

    Stop with Ctrl-C or SIGTERM: what runs is finished first; a second time: at once.
    """
    from farcall.cli import daemons

    if given["status"]:
        daemons.status(as_json)
        return
    if given["stop"] is not None:
        daemons.stop(given["stop"], config)
        return
    if not sources:
        raise click.UsageError("serve takes a Python file or the name of a module: farcall serve physics.py")
    if given["systemd"]:
        daemons.print_unit(sources, given["name"], config)
    elif given["daemon"]:
        daemons.start(sources, given["name"], as_json)
    else:
        sys.exit(_serve(sources, config, **given))


def _serve(
    sources: tuple[str, ...],
    config: Path | None,
    *,
    namespace: str | None,
    name: str | None,
    slots: int | None,
    labels: dict[str, Any],
    reload: bool,
    daemon_file: Path | None,
    **_: Any,
) -> int:
    from farcall.assemble.worker import Serving, run_worker
    from farcall.cli.remote import credentials
    from farcall.settings import load_worker

    tell: Callable[[Event], None] = Teller()
    if daemon_file is not None:
        from farcall.worker.daemon import Daemon

        tell = Daemon(daemon_file, name or "").telling(tell)
    url, token = credentials()
    settings = load_worker(config, name=name, slots=slots)
    serving = Serving(sources, url, token, namespace=namespace or "", labels=labels, reload=reload)
    return run_worker(settings, serving, tell)


class Teller:
    """Says on stderr, in words, what happens to the worker. A hub that stays away is told ever more rarely."""

    def __init__(self) -> None:
        self._vain = 0  # how often dialling has failed since the last success

    def __call__(self, event: Event) -> None:
        kind = event.kind.value
        if kind == "reconnecting":
            self._vain += 1
            if self._vain & (self._vain - 1):
                return
        elif kind == "ready":
            self._vain = 0
        colour, text = _WORDS[kind](event)
        say(text, err=True, fg=colour)
        if event.detail and kind in _WITH_DETAIL:
            say("".join(f"    {line}\n" for line in harmless(event.detail).rstrip().splitlines()), err=True, nl=False)


def _serving(event: Event) -> str:
    shown = ", ".join(event.names)
    return f"{count(len(event.names), 'function')}: {shown}" if len(event.names) > 1 else shown


def _verb(event: Event) -> str:
    raised = event.failure is not None and event.failure.code == "function_error"
    return " raised" if raised else ":"  # else its result could not be sent, and the message says why


_WITH_DETAIL = {"unloadable", "refused", "function_error"}
_WORDS: dict[str, Any] = {
    "ready": lambda event: ("green", f"serving {_serving(event)}"),
    "reloaded": lambda event: ("green", "loaded anew"),
    "renamed": lambda event: ("yellow", event.message),
    "refused": lambda event: ("red", f"Error: {', '.join(event.names)} is not served: {event.message}"),
    "unloadable": lambda event: ("red", f"Error: {event.message}"),
    "disconnected": lambda event: ("yellow", event.message),
    "reconnecting": lambda event: ("yellow", event.message),
    "draining": lambda event: (None, f"leaving: {event.message}; what runs is finished first"),
    "function_error": lambda event: (None, f"{', '.join(event.names)}{_verb(event)} {event.message}"),
    "process_died": lambda event: ("red", event.message),
    "printed": lambda event: (None, event.message.rstrip("\n")),
    "lease_lapsed": lambda event: ("red", event.message),
    "failed": lambda event: ("red", f"Error: {event.message}"),
}
