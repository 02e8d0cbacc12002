"""`versions`, `alias`, `deprecate`, `delete`: what names mean, and the end of what they mean."""

from __future__ import annotations

import click

from farcall.cli.completion import function_names
from farcall.cli.output import json_option, print_json, print_table, say, when
from farcall.cli.remote import naming, path, rest


@click.command()
@click.argument("name", shell_complete=function_names)
@json_option
def versions(name: str, as_json: bool) -> None:
    """The versions of the function NAME, newest first.

    NAME@3, NAME@DIGEST and NAME@ALIAS mean a certain one. NAME alone, and NAME@latest, mean the newest that a worker
    serves, or else the newest.
    """
    with naming(name):
        page = rest().get(path("functions", name, "versions"))
    if as_json:
        print_json(page)
        return
    print_table(
        ["version", "digest", "aliases", "workers", "since", "signature", ""],
        [
            [
                item["version"],
                item["digest"][:12],
                ", ".join(item["aliases"]),
                item["workers"],
                when(item["created_at"]),
                item["signature"],
                f"deprecated: {item['deprecated']}" if item["deprecated"] else "",
            ]
            for item in page["items"]
        ],
        "No versions.",
    )


@click.group()
def alias() -> None:
    """Movable names for versions: callers of NAME@prod get what prod means when their call is accepted."""


@alias.command("set")
@click.argument("name", shell_complete=function_names)
@click.argument("alias_name", metavar="ALIAS")
@click.argument("version")
@json_option
def set_alias(name: str, alias_name: str, version: str, as_json: bool) -> None:
    """Let ALIAS of the function NAME mean VERSION: a number, a digest, or another alias."""
    from farcall.client.names import Names

    with naming(name):
        made = Names(rest()).set_alias(name, alias_name, version)
    if as_json:
        print_json(made)
    else:
        say(f"{name}@{made['name']} is version {made['version']}")


@alias.command("list")
@click.argument("name", shell_complete=function_names)
@json_option
def list_aliases(name: str, as_json: bool) -> None:
    """The aliases of the function NAME, and how they moved."""
    from farcall.client.names import Names

    with naming(name):
        found = Names(rest()).aliases(name)
    if as_json:
        print_json(found)
        return
    now = {item["name"]: item["version"] for item in found["items"]}
    print_table(
        ["alias", "version", "moved", "by", ""],
        [
            [
                move["name"],
                move["version"],
                when(move["at"]),
                move["by"],
                "rolled back" if move["undone_at"] else "now" if now.pop(move["name"], None) is not None else "",
            ]
            for move in found["history"]
        ],
        f"No aliases. farcall alias set {name} prod 1 makes one.",
    )


@alias.command()
@click.argument("name", shell_complete=function_names)
@click.argument("alias_name", metavar="ALIAS")
@json_option
def rollback(name: str, alias_name: str, as_json: bool) -> None:
    """Let ALIAS of the function NAME mean what it meant before its last move."""
    from farcall.client.names import Names

    with naming(name):
        made = Names(rest()).roll_back(name, alias_name)
    if as_json:
        print_json(made)
    else:
        say(f"{name}@{made['name']} is version {made['version']} again")


@alias.command("delete")
@click.argument("name", shell_complete=function_names)
@click.argument("alias_name", metavar="ALIAS")
@json_option
def delete_alias(name: str, alias_name: str, as_json: bool) -> None:
    """Remove ALIAS of the function NAME, with its history."""
    from farcall.client.names import Names

    with naming(name):
        Names(rest()).delete_alias(name, alias_name)
    if as_json:
        print_json({"deleted": f"{name}@{alias_name}"})
    else:
        say(f"{name}@{alias_name} is no more")


@click.command()
@click.argument("name", metavar="NAME@VERSION", shell_complete=function_names)
@click.argument("message", required=False, default="")
@click.option("--undo", is_flag=True, help="It is not deprecated after all.")
@json_option
def deprecate(name: str, message: str, undo: bool, as_json: bool) -> None:
    """Tell callers of a version that it will go, and in MESSAGE what to use instead. It goes on working."""
    from farcall.client.names import Names

    if bool(message) == undo:
        raise click.UsageError("Say what callers are to be told, or --undo.")
    with naming(name):
        Names(rest()).deprecate(name, message)
    if as_json:
        print_json({"name": name, "deprecated": message})
    else:
        say(f"{name} is not deprecated any more" if undo else f"callers of {name} are told: {message}")


@click.command()
@click.argument("name", shell_complete=function_names)
@click.option("--force", is_flag=True, help="Also while workers serve it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def delete(name: str, force: bool, yes: bool, as_json: bool) -> None:
    """Delete the function NAME with all its versions, or NAME@VERSION alone.

    A version is deleted only if nobody serves it, no alias means it and no call of it is under way. With a function go
    its aliases, the links to it and its shares; calls that wait for it fail. Records of calls stay.
    """
    from farcall.client.names import Names

    if not yes:
        click.confirm(f"Delete {name}?", abort=True, err=True)
    with naming(name):
        Names(rest()).delete(name, force=force)
    if as_json:
        print_json({"deleted": name})
    else:
        say(f"{name} is deleted")
