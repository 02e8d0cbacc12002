"""`share`, `unshare`, `shares`."""

from __future__ import annotations

import click

from farcall.cli.output import json_option, print_json, print_table, when
from farcall.cli.remote import path, rest


@click.command()
@click.argument("name")
@click.argument("handle")
@click.option("--can", type=click.Choice(["view", "invoke", "manage"]), default="invoke", show_default=True)
@json_option
def share(name: str, handle: str, can: str, as_json: bool) -> None:
    """Let HANDLE use NAME, a function or a whole namespace of yours."""
    answer = rest().post("/v1/shares", {"path": name, "handle": handle, "can": can})
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{answer['handle']} may now {answer['can']} {answer['path']}")


@click.command()
@click.argument("name")
@click.argument("handle")
@json_option
def unshare(name: str, handle: str, as_json: bool) -> None:
    """Take the permission of HANDLE on NAME back, at once."""
    page = rest().get("/v1/shares")
    found = [item for item in page["items"] if item["path"] == name and item["handle"] == handle]
    if not found:
        raise click.ClickException(f"{name} is not shared with {handle}; farcall shares lists what is.")
    for item in found:
        rest().delete(path("shares", item["id"]))
    if as_json:
        print_json({"removed": found})
    else:
        click.echo(f"{handle} may no longer use {name}")


@click.command()
@json_option
def shares(as_json: bool) -> None:
    """Who may use what is yours, and what others share with you."""
    page = rest().get("/v1/shares")
    if as_json:
        print_json(page)
        return
    print_table(
        ["name", "with", "can", "since"],
        [[item["path"], item["handle"], item["can"], when(item["created_at"])] for item in page["items"]],
        "Nothing is shared. farcall share NAME HANDLE shares a function or namespace.",
    )
