"""`serve` in the background: `--daemon`, `--status`, `--stop`, `--systemd`."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from farcall.cli.output import clock_of, print_json, print_table, say
from farcall.worker.daemon import DaemonError, Daemons, DaemonState, directory, supported

Given = TypeVar("Given")

_UNIT = """\
# farcall serve {shown}
#   farcall serve … --systemd > ~/.config/systemd/user/{unit}.service
#   systemctl --user daemon-reload && systemctl --user enable --now {unit}
#   loginctl enable-linger            # to go on when you are logged out
[Unit]
Description=Farcall serves {shown}
Wants=network-online.target
After=network-online.target

[Service]
ExecStart={command}
WorkingDirectory={directory}
{environment}Restart=on-failure
RestartSec=5
KillMode=mixed
TimeoutStopSec={stop_seconds:.0f}

[Install]
WantedBy=default.target
"""


def start(sources: tuple[str, ...], name: str | None, as_json: bool) -> None:
    """Start this very command again, detached, and say when it serves."""
    _supported()
    from farcall.cli.remote import credentials

    chosen = name or Path(sources[0]).stem
    arguments = [argument for argument in sys.argv[1:] if argument not in ("--daemon", "--json")]
    command = [sys.executable, "-m", "farcall", *arguments]
    if name is None:
        command += ["--name", chosen]
    state = DaemonState(chosen, [str(source) for source in sources], credentials()[0].partition("#")[0], "")
    seen = _or_complain(lambda: Daemons(directory()).start(state, [*command, "--daemon-file"]))
    if as_json:
        print_json(_public(seen))
    elif seen.state == "serving":
        say(f"serving {', '.join(seen.functions)} in the background")
        say(f"log: {seen.log}\nstop: farcall serve --stop {chosen}")
    else:
        say(f"{chosen} runs, but does not serve yet ({seen.state}: {seen.message}); log: {seen.log}", err=True)


def status(as_json: bool) -> None:
    """All daemons of this user."""
    _supported()
    found = Daemons(directory()).list()
    if as_json:
        print_json({"items": [_public(state) for state in found]})
        return
    print_table(
        ["name", "state", "process", "since", "functions", "hub", "log"],
        [
            [
                state.name,
                f"{state.state}: {state.message}" if state.message else state.state,
                state.pid or "",
                clock_of(state.started_at) if state.started_at else "",
                ", ".join(state.functions),
                state.hub,
                state.log,
            ]
            for state in found
        ],
        "No daemon runs here. farcall serve FILE --daemon starts one.",
    )


def stop(name: str, config: Path | None) -> None:
    """Stop one, patiently."""
    _supported()
    from farcall.settings import load_worker

    patience = load_worker(config).drain_seconds + 10.0
    if not _or_complain(lambda: Daemons(directory()).stop(name, patience)):
        raise click.ClickException(f"{name} still finishes what it runs; farcall serve --status shows when it is gone.")
    say(f"{name} has stopped")


def print_unit(sources: tuple[str, ...], name: str | None, config: Path | None) -> None:
    """A unit of systemd for this very command. Tokens are not in it: they come from the login."""
    from farcall.cli.remote import credentials
    from farcall.settings import load_worker

    hub, _ = credentials()  # who is not logged in hears it now, and not at the next start of the machine
    settings = load_worker(config)
    arguments = [argument for argument in sys.argv[1:] if argument != "--systemd"]
    unit = f"farcall-{name or Path(sources[0]).stem}"
    environment = ""
    if os.environ.get("FARCALL_HUB"):
        environment = f"Environment=FARCALL_HUB={hub}\nEnvironmentFile=%h/.config/farcall/{unit}.env\n"
    say(
        _UNIT.format(
            shown=" ".join(sources),
            unit=unit,
            command=_quoted([sys.executable, "-m", "farcall", *arguments]),
            directory=str(Path.cwd()).replace("%", "%%"),
            environment=environment,
            stop_seconds=settings.drain_seconds + settings.kill_grace_seconds + 5.0,
        ),
        nl=False,
    )
    if environment:
        say(f"Put FARCALL_TOKEN=… into ~/.config/farcall/{unit}.env, readable for you alone (0600).", err=True)


def _quoted(command: list[str]) -> str:
    """As systemd reads it: quotes as a shell has them, % and $ doubled."""
    return " ".join(shlex.quote(part).replace("%", "%%").replace("$", "$$") for part in command)


def _public(state: DaemonState) -> dict[str, object]:
    return {name: getattr(state, name) for name in state.__struct_fields__}


def _supported() -> None:
    if not supported():
        raise click.ClickException("Daemons are for Linux and macOS; here, let the system's task planner run it.")


def _or_complain(act: Callable[[], Given]) -> Given:
    try:
        return act()
    except DaemonError as error:
        raise click.ClickException(str(error)) from None
