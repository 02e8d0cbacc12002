"""`hub` and `up`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def _hub_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(
        (
            click.option("--host", help="Address to listen on; default 127.0.0.1, which is this machine alone."),
            click.option("--port", type=click.IntRange(0, 65535), help="Port; default 8750; 0 picks a free one."),
            click.option("--data", type=click.Path(path_type=Path), help="Directory of everything that the hub keeps."),
            click.option(
                "--config",
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                help="TOML file of settings.",
            ),
        )
    ):
        command = option(command)
    return command


def _say(line: str) -> None:
    click.echo(line, err=True)


@click.command()
@_hub_options
def hub(host: str | None, port: int | None, data: Path | None, config: Path | None) -> None:
    """The control plane alone: catalog, permissions, queue, record.

    The first start makes the administrator and writes its token to DATA/admin-token.
    """
    from farcall.assemble import run_hub
    from farcall.settings import load_hub

    sys.exit(run_hub(load_hub(config, host=host, port=port, data=data), _say))


@click.command()
@_hub_options
def up(host: str | None, port: int | None, data: Path | None, config: Path | None) -> None:
    """A hub on this machine, ready to use: you are its administrator, and logged in.

    Prints the address and how to log in from elsewhere.
    """
    from farcall.assemble import run_up
    from farcall.settings import load_hub

    sys.exit(run_up(load_hub(config, host=host, port=port, data=data), _say))
