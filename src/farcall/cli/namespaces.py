"""`namespace`: create, rename, delete, list; add functions to them and take them out."""

from __future__ import annotations

import click

from farcall.cli.completion import function_names, paths
from farcall.cli.output import json_option, print_json, print_table, say
from farcall.cli.remote import naming, rest


@click.group()
def namespace() -> None:
    """Namespaces, and functions linked into them.

    A namespace comes and goes with the functions in it; one that was created stays when it is empty. One function may
    be linked into several namespaces: it stays one function, with one set of versions and records.
    """


@namespace.command()
@click.argument("name", shell_complete=paths)
@json_option
def create(name: str, as_json: bool) -> None:
    """Make the namespace NAME, such as alice/physics."""
    from farcall.client.names import Names

    made = Names(rest()).create_namespace(name)
    if as_json:
        print_json(made)
    else:
        say(f"{made['path']} is there")


@namespace.command("list")
@click.argument("name", required=False, default="", shell_complete=paths)
@click.option("--limit", type=click.IntRange(1, 500), default=100, show_default=True)
@json_option
def list_namespaces(name: str, limit: int, as_json: bool) -> None:
    """Namespaces that you may see; with NAME only that one and those in it."""
    page = rest().get("/v1/namespaces", below=name or None, limit=limit)
    if as_json:
        print_json(page)
        return
    print_table(
        ["namespace", "you may", "stays when empty"],
        [[item["path"], item["can"], "yes" if item["made"] else ""] for item in page["items"]],
        f"There is no namespace {name}, or you may not know of it."
        if name
        else "No namespaces. farcall namespace create NAME makes one; functions that are served bring their own.",
    )
    if page.get("next"):
        say("… and more: narrow it with NAME, or raise --limit.", err=True)


@namespace.command()
@click.argument("name", shell_complete=paths)
@click.argument("new")
@json_option
def rename(name: str, new: str, as_json: bool) -> None:
    """Give the namespace, function or link NAME another full name.

    Everything in it goes with it: functions, links, aliases, shares. Whoever uses the old name finds nothing there.
    Workers go on serving until they connect again: then they publish under the name that their files say.
    """
    from farcall.client.names import Names

    path = Names(rest()).rename(name, new)
    if as_json:
        print_json({"path": path})
    else:
        say(f"{name} is {path} now; change the namespace in what serves it, or it comes back under its old name")


@namespace.command()
@click.argument("name", shell_complete=paths)
@click.option("--recursive", is_flag=True, help="With all functions and links in it.")
@click.option("--force", is_flag=True, help="Also functions that workers serve.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def delete(name: str, recursive: bool, force: bool, yes: bool, as_json: bool) -> None:
    """Delete the namespace NAME: if it is empty, or with --recursive after asking.

    Functions that are only linked into it are not deleted. Records of calls stay.
    """
    from farcall.client.names import Names

    if recursive and not yes:
        found = rest().get("/v1/functions", namespace=name, limit=500)
        count = f"{len(found['items'])}{'+' if found.get('next') else ''}"
        click.confirm(f"Delete {name} with {count} functions and links?", abort=True, err=True)
    Names(rest()).delete_namespace(name, recursive=recursive, force=force)
    if as_json:
        print_json({"deleted": name})
    else:
        say(f"{name} is deleted")


@namespace.command()
@click.argument("name", shell_complete=paths)
@click.argument("function", shell_complete=function_names)
@click.option("--as", "alias", metavar="NAME", default="", help="Its name there; its own last name without.")
@json_option
def add(name: str, function: str, alias: str, as_json: bool) -> None:
    """Link FUNCTION into the namespace NAME.

    Whoever may call what is in a namespace of yours may then call a function of yours that is linked into it. A link to
    somebody else's function is a mere pointer: it gives nobody a right that they do not have.
    """
    from farcall.client.names import Names

    with naming(function):
        link = Names(rest()).link(name, function, alias)
    if as_json:
        print_json({"path": link, "function": function})
    else:
        say(f"{link} is {function}")


@namespace.command()
@click.argument("name", shell_complete=paths)
@click.argument("function", metavar="LINK", shell_complete=paths)
@json_option
def remove(name: str, function: str, as_json: bool) -> None:
    """Take LINK out of the namespace NAME; the function that it leads to stays."""
    from farcall.client.names import Names

    link = f"{name}/{function.removeprefix(name + '/')}"
    Names(rest()).unlink(link)
    if as_json:
        print_json({"removed": link})
    else:
        say(f"{link} is no more")
