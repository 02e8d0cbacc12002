"""Groups and their members."""

from __future__ import annotations

from typing import Any

from farcall.gateway.exchange import Exchange, Reply, moment
from farcall.gateway.operations import Answer, Operation
from farcall.gateway.shares import invited_reply
from farcall.hub import groups
from farcall.wire import rest, rest_groups


async def list_groups(x: Exchange) -> Reply:
    return Reply(rest.Page([_group(item) for item in await x.hub.groups.mine(x.subject)]))


async def create_group(x: Exchange) -> Reply:
    asked = await x.asked(rest_groups.NewGroup)
    return Reply(_group(await x.hub.groups.create(x.subject, asked.handle)), 201)


async def get_group(x: Exchange) -> Reply:
    return Reply(_group(await x.hub.groups.get(x.subject, x.path("handle"))))


async def delete_group(x: Exchange) -> Reply:
    await x.hub.groups.delete(x.subject, x.path("handle"))
    return Reply(None, 204)


async def put_member(x: Exchange) -> Reply:
    asked = await x.asked(rest_groups.NewMember)
    return Reply(_group(await x.hub.groups.put_member(x.subject, x.path("handle"), x.path("member"), asked.role)))


async def remove_member(x: Exchange) -> Reply:
    await x.hub.groups.remove_member(x.subject, x.path("handle"), x.path("member"))
    return Reply(None, 204)


async def invite_member(x: Exchange) -> Reply:
    asked = await x.asked(rest_groups.NewGroupInvitation)
    handle = x.path("handle")
    return invited_reply(x, await x.hub.invitations.invite_member(x.subject, asked.email, handle, asked.role))


def _group(group: groups.Group) -> rest_groups.Group:
    role: Any = group.role
    members = [rest_groups.Member(member.handle, _role(member.role)) for member in group.members]
    return rest_groups.Group(group.handle, role, members, moment(group.created_at))


def _role(role: str) -> rest_groups.Role:
    return "manager" if role == "manager" else "member"


OPERATIONS = (
    Operation(
        "GET",
        "/v1/groups",
        "list_groups",
        "The groups that you belong to; all of them for administrators.",
        list_groups,
        {200: Answer(rest.Page[rest_groups.Group], "By handle.")},
        "groups",
    ),
    Operation(
        "POST",
        "/v1/groups",
        "create_group",
        "Make a group; you are its first manager. Its handle is a namespace that its members call and serve.",
        create_group,
        {201: Answer(rest_groups.Group, "The group.")},
        "groups",
        body=rest_groups.NewGroup,
        errors=("conflict", "quota_exceeded"),
    ),
    Operation(
        "GET",
        "/v1/groups/{handle}",
        "get_group",
        "A group and its members.",
        get_group,
        {200: Answer(rest_groups.Group, "The group.")},
        "groups",
    ),
    Operation(
        "DELETE",
        "/v1/groups/{handle}",
        "delete_group",
        "End a group that has no functions. For its managers.",
        delete_group,
        {204: Answer(None, "It is gone.")},
        "groups",
        errors=("conflict",),
    ),
    Operation(
        "PUT",
        "/v1/groups/{handle}/members/{member}",
        "put_member",
        "Add somebody to a group, or change a role. For its managers.",
        put_member,
        {200: Answer(rest_groups.Group, "The group as it is now.")},
        "groups",
        body=rest_groups.NewMember,
        errors=("conflict",),
    ),
    Operation(
        "DELETE",
        "/v1/groups/{handle}/members/{member}",
        "remove_member",
        "Remove somebody from a group, or leave it; at once, for open connections, workers and waiting calls too.",
        remove_member,
        {204: Answer(None, "No member any more.")},
        "groups",
        errors=("conflict",),
    ),
    Operation(
        "POST",
        "/v1/groups/{handle}/invitations",
        "invite_member",
        "Invite an e-mail address into a group; GET and DELETE /v1/shares list and take back. For its managers.",
        invite_member,
        {201: Answer(rest.ShareMade, "The invitation; it waits for whoever has the address.")},
        "groups",
        body=rest_groups.NewGroupInvitation,
        errors=("conflict", "quota_exceeded"),
    ),
)
