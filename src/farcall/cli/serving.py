"""`serve`: functions from this machine."""

from __future__ import annotations

import sys

import click

from farcall.worker.options import Event, EventKind


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
    from farcall.assemble import Serving, run_worker
    from farcall.cli.remote import credentials
    from farcall.settings import load_worker

    url, token = credentials()
    settings = load_worker(name=name, slots=slots)
    options = Serving(sources, url, token, namespace or "", dict(labels), reload)
    sys.exit(run_worker(settings, options, _tell))


def _tell(event: Event) -> None:
    """One line for the owner's terminal."""
    message = event.message
    names = ", ".join(event.names)
    if event.kind is EventKind.READY:
        message = f"serving {names} (Ctrl-C ends it)"
    elif event.kind is EventKind.REFUSED:
        message = f"not served: {names}: {message} {event.detail}".rstrip()
    elif event.kind is EventKind.RELOADED:
        message = f"loaded anew: {names}"
    elif event.kind is EventKind.FUNCTION_ERROR:
        message = f"{names} raised {message}"
    elif event.kind in (EventKind.UNLOADABLE, EventKind.FAILED):
        message = f"Error: {message}"
        if event.failure is not None and event.failure.hint:
            message = f"{message}\n{event.failure.hint}"
    if event.kind is EventKind.UNLOADABLE and event.detail:
        message = f"{message}\n{event.detail.rstrip()}"
    click.echo(message, err=True)
