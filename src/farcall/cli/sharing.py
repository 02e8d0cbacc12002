"""`share`, `unshare`, `shares`."""

from __future__ import annotations

import click

from farcall.cli.output import json_option, print_json, print_table
from farcall.cli.remote import rest


@click.command()
@click.argument("name")
@click.argument("handle")
@click.option("--can", type=click.Choice(["view", "invoke", "manage"]), default="invoke", show_default=True)
@json_option
def share(name: str, handle: str, can: str, as_json: bool) -> None:
    """Let HANDLE use NAME, a function or a whole namespace of yours."""
    answer = rest().post("/v1/shares", {"name": name, "handle": handle, "can": can})
    print_json(answer) if as_json else click.echo(f"{handle} may now {can} {name}")


@click.command()
@click.argument("name")
@click.argument("handle")
@json_option
def unshare(name: str, handle: str, as_json: bool) -> None:
    """Take the permission of HANDLE on NAME back; it holds from the next call on."""
    page = rest().get("/v1/shares")
    found = [item for item in page["items"] if item["name"] == name and item["handle"] == handle]
    if not found:
        raise click.ClickException(f"{name} is not shared with {handle}; farcall shares lists what is")
    for item in found:
        rest().delete(f"/v1/shares/{item['id']}")
    print_json({"revoked": [item["id"] for item in found]}) if as_json else click.echo(f"{handle} may no longer use {name}")


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
        [[item["name"], item["handle"], item["can"], item["created_at"]] for item in page["items"]],
        "Nothing is shared. farcall share NAME HANDLE shares a function or namespace.",
    )
