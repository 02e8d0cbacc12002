"""Namespaces, and links of functions in them."""

from __future__ import annotations

from farcall.gateway.exchange import Exchange, Reply
from farcall.gateway.operations import Answer, Operation
from farcall.hub.namespaces import Space
from farcall.wire import rest, rest_catalog


async def list_namespaces(x: Exchange) -> Reply:
    query = x.query(rest_catalog.NamespacesQuery)
    spaces, following = await x.hub.names.namespaces(
        x.subject, below=query.below, limit=query.limit, cursor=query.cursor
    )
    return Reply(rest.Page([_namespace(space) for space in spaces], following))


async def create_namespace(x: Exchange) -> Reply:
    asked = await x.asked(rest_catalog.NewNamespace)
    return Reply(_namespace(await x.hub.names.create(x.subject, asked.path)), 201)


async def rename_namespace(x: Exchange) -> Reply:
    asked = await x.asked(rest_catalog.NamespaceChange)
    return Reply(rest_catalog.NewNamespace(await x.hub.names.rename(x.subject, x.path("path"), asked.path)))


async def delete_namespace(x: Exchange) -> Reply:
    query = x.query(rest_catalog.DeleteNamespaceQuery)
    await x.hub.names.delete(x.subject, x.path("path"), recursive=query.recursive, force=query.force)
    return Reply(None, 204)


async def create_link(x: Exchange) -> Reply:
    asked = await x.asked(rest_catalog.NewLink)
    path, function = await x.hub.names.link(x.subject, x.path("path"), asked.function, asked.name)
    return Reply(rest_catalog.Link(path, function), 201)


async def delete_link(x: Exchange) -> Reply:
    await x.hub.names.unlink(x.subject, f"{x.path('path')}/{x.path('link')}")
    return Reply(None, 204)


def _namespace(space: Space) -> rest_catalog.Namespace:
    return rest_catalog.Namespace(space.path, space.made, space.level.label)


OPERATIONS = (
    Operation(
        "GET",
        "/v1/namespaces",
        "list_namespaces",
        "The namespaces that you may see, those that are made and those that functions lie in.",
        list_namespaces,
        {200: Answer(rest.Page[rest_catalog.Namespace], "By path.")},
        "catalog",
        query=rest_catalog.NamespacesQuery,
    ),
    Operation(
        "POST",
        "/v1/namespaces",
        "create_namespace",
        "Make a namespace; one that is there already is left as it is.",
        create_namespace,
        {201: Answer(rest_catalog.Namespace, "The namespace.")},
        "catalog",
        body=rest_catalog.NewNamespace,
        errors=("conflict", "not_found", "quota_exceeded"),
    ),
    Operation(
        "PATCH",
        "/v1/namespaces/{path:path}",
        "rename_namespace",
        "Rename a namespace or a link. All that is in it goes with it: functions, links, aliases, shares.",
        rename_namespace,
        {200: Answer(rest_catalog.NewNamespace, "Its new name.")},
        "catalog",
        body=rest_catalog.NamespaceChange,
        errors=("conflict",),
    ),
    Operation(
        "DELETE",
        "/v1/namespaces/{path:path}",
        "delete_namespace",
        "Delete a namespace if it is empty, or with all that is in it.",
        delete_namespace,
        {204: Answer(None, "Deleted. Records of its functions stay.")},
        "catalog",
        query=rest_catalog.DeleteNamespaceQuery,
        errors=("conflict",),
    ),
    Operation(
        "POST",
        "/v1/namespaces/{path:path}/~links",
        "create_link",
        "Link a function into a namespace: the same function, under another name.",
        create_link,
        {201: Answer(rest_catalog.Link, "The link.")},
        "catalog",
        body=rest_catalog.NewLink,
        errors=("conflict", "quota_exceeded"),
    ),
    Operation(
        "DELETE",
        "/v1/namespaces/{path:path}/~links/{link}",
        "delete_link",
        "Take a link out of its namespace; the function stays.",
        delete_link,
        {204: Answer(None, "Taken out.")},
        "catalog",
    ),
)
