"""`hub` and `up`."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.option("--host", help="Address to listen on; default 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; default 8750; 0 picks a free one.")
@click.option("--data", type=click.Path(path_type=Path), help="Directory of everything that the hub keeps.")
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="TOML file of settings.")
def hub(host: str | None, port: int | None, data: Path | None, config: Path | None) -> None:
    """The control plane alone: catalog, permissions, queue, record.

    The first start makes the administrator and writes its token to DATA/admin-token.
    """
    from farcall.assemble import run_hub
    from farcall.settings import load_hub

    settings = load_hub(config, host=host, port=port, data=data)
    sys.exit(run_hub(settings, say=lambda line: click.echo(line, err=True)))


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Port; default 8750; 0 picks a free one.")
@click.option("--data", type=click.Path(path_type=Path), help="Directory of everything that the hub keeps.")
def up(port: int | None, data: Path | None) -> None:
    """A hub on this machine, with your first account, ready to use.

    Prints the address and how to log in; this machine's user is logged in already.
    """
    from farcall.assemble import run_up
    from farcall.settings import load_hub

    settings = load_hub(None, host=None, port=port, data=data)
    sys.exit(run_up(settings, say=lambda line: click.echo(line, err=True)))
