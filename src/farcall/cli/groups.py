"""`groups …`."""

from __future__ import annotations

from typing import Any

import click

from farcall.cli.output import count, json_option, print_json, print_table, say, when
from farcall.cli.remote import path, rest
from farcall.cli.sharing import say_invited


@click.group()
def groups() -> None:
    """People who call, serve and manage together, below a handle of their own."""


@groups.command("create")
@click.argument("handle")
@json_option
def create(handle: str, as_json: bool) -> None:
    """Make a group; you are its first manager. HANDLE is its namespace."""
    made = rest().post("/v1/groups", {"handle": handle})
    if as_json:
        print_json(made)
        return
    say(f"The group {made['handle']} is made, and you manage it.")
    say(f"  farcall groups add {made['handle']} HANDLE")
    say(f"  farcall serve FILE --namespace /{made['handle']}")


@groups.command("list")
@json_option
def list_groups(as_json: bool) -> None:
    """The groups that you belong to."""
    page = rest().get("/v1/groups")
    if as_json:
        print_json(page)
        return
    print_table(
        ["group", "you are", "members", "since"],
        [[item["handle"], item["role"], len(item["members"]), when(item["created_at"])] for item in page["items"]],
        "You belong to no group; farcall groups create makes one.",
    )


@groups.command("show")
@click.argument("handle")
@json_option
def show(handle: str, as_json: bool) -> None:
    """Who belongs to the group HANDLE."""
    group = rest().get(path("groups", handle))
    if as_json:
        print_json(group)
    else:
        _print_members(group)


@groups.command("add")
@click.argument("handle")
@click.argument("member", metavar="EMAIL|MEMBER")
@click.option("--manager", is_flag=True, help="May also manage: share, delete, add and remove members.")
@json_option
def add(handle: str, member: str, manager: bool, as_json: bool) -> None:
    """Let MEMBER belong to the group HANDLE, or change what MEMBER is in it.

    An EMAIL address gets an invitation, which waits until somebody who has that address accepts it; an account is not
    needed before.
    """
    role = "manager" if manager else "member"
    if "@" in member:
        made = rest().post(path("groups", handle, "invitations"), {"email": member, "role": role})
        if as_json:
            print_json(made)
        else:
            say_invited(made, f"to the group {made['path']}, as a {role}")
        return
    group = rest().put(path("groups", handle, "members", member), {"role": role})
    if as_json:
        print_json(group)
    else:
        _print_members(group)


@groups.command("remove")
@click.argument("handle")
@click.argument("member", metavar="EMAIL|MEMBER")
@json_option
def remove(handle: str, member: str, as_json: bool) -> None:
    """End the membership of MEMBER in the group HANDLE, or the invitation of EMAIL into it, at once."""
    if "@" in member:
        from farcall.client import sharing

        if not sharing.unshare(rest(), handle, member):
            raise click.ClickException(f"{member} is not invited to {handle}; farcall shares lists who is.")
    else:
        rest().delete(path("groups", handle, "members", member))
    if as_json:
        print_json({"group": handle, "removed": member})
    elif "@" in member:
        say(f"{member} is no longer invited to {handle}.")
    else:
        say(f"{member} no longer belongs to {handle}.")


@groups.command("leave")
@click.argument("handle")
@json_option
def leave(handle: str, as_json: bool) -> None:
    """End your own membership in the group HANDLE."""
    service = rest()
    member = service.get("/v1/me")["handle"]
    service.delete(path("groups", handle, "members", member))
    if as_json:
        print_json({"group": handle, "removed": member})
    else:
        say(f"You no longer belong to {handle}.")


@groups.command("delete")
@click.argument("handle")
@json_option
def delete(handle: str, as_json: bool) -> None:
    """End the group HANDLE, which must have no functions any more."""
    rest().delete(path("groups", handle))
    if as_json:
        print_json({"deleted": handle})
    else:
        say(f"The group {handle} is gone.")


def _print_members(group: dict[str, Any]) -> None:
    say(f"{group['handle']}: {count(len(group['members']), 'member')}")
    print_table(["member", "role"], [[item["handle"], item["role"]] for item in group["members"]], "Nobody.")
