"""`hub` and `up`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from farcall.cli.output import say

if TYPE_CHECKING:
    from farcall.settings import HubSettings


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


@click.command()
@_hub_options
def hub(host: str | None, port: int | None, data: Path | None, config: Path | None) -> None:
    """The control plane alone: catalog, permissions, queue, record.

    The first start makes the administrator and writes its token to DATA/admin-token.
    """
    from farcall.assemble.running import run_hub

    _run(run_hub, config, host=host, port=port, data=data)


@click.command()
@_hub_options
@click.option("--public", is_flag=True, help="For others too: all addresses, TLS with a certificate that is made here.")
def up(host: str | None, port: int | None, data: Path | None, config: Path | None, public: bool) -> None:
    """A hub on this machine, ready to use: you are its administrator, and logged in.

    Prints the address and how to log in from elsewhere. With --public, links carry the address and the certificate's
    fingerprint: whoever uses the link talks to this hub and to no other.
    """
    from farcall.assemble.running import run_up

    _run(lambda settings, say: run_up(settings, say, public=public), config, host=host, port=port, data=data)


def _run(life: Callable[[HubSettings, Callable[[str], None]], int], config: Path | None, **given: Any) -> NoReturn:
    """Run a hub to its end, and leave with its exit code."""
    from farcall.hub.ports import StoreUnusable
    from farcall.settings import load_hub

    settings = load_hub(config, **given)
    try:
        sys.exit(life(settings, lambda line: say(line, err=True)))
    except StoreUnusable as error:
        raise click.ClickException(str(error)) from error
