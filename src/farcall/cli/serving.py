"""`serve`: functions from this machine."""

from __future__ import annotations

import os
import sys

import click


def _labels(_ctx: click.Context, _param: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    labels = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE")
        labels[key] = value
    return labels


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="FILE_OR_MODULE...")
@click.option("--namespace", help="Namespace for functions that name none.")
@click.option("--name", help="Name of this worker; default: the machine's.")
@click.option(
    "--slots",
    type=click.IntRange(1, 4096),
    default=None,
    help="Calls at once, each in its own process; default: cores.",
)
@click.option(
    "--labels",
    "--label",
    "labels",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_labels,
    help="Advertised, matched by requires=.",
)
@click.option("--reload", is_flag=True, help="Load the files anew when they change.")
def serve(
    sources: tuple[str, ...],
    namespace: str | None,
    name: str | None,
    slots: int | None,
    labels: dict[str, str],
    reload: bool,
) -> None:
    """Serve the functions of FILE_OR_MODULE from here. Only their interfaces go to the hub.

    Stop with Ctrl-C or SIGTERM: what runs is finished first; a second time: at once.
    """
    from farcall.assemble import run_worker
    from farcall.cli.remote import credentials

    url, token = credentials()
    code = run_worker(
        sources,
        url=url,
        token=token,
        namespace=namespace,
        name=name,
        slots=slots or os.cpu_count() or 1,
        labels=labels,
        reload=reload,
        say=lambda line: click.echo(line, err=True),
    )
    sys.exit(code)
