"""Sharing: grants on functions and namespaces."""

from __future__ import annotations

from farcall.gateway.exchange import Exchange, Reply, moment
from farcall.gateway.operations import Answer, Operation
from farcall.hub import ports
from farcall.wire import rest


async def list_shares(x: Exchange) -> Reply:
    return Reply(rest.Page([_share(row) for row in await x.hub.shares.visible(x.subject)]))


async def create_share(x: Exchange) -> Reply:
    asked = await x.asked(rest.NewShare)
    return Reply(_share(await x.hub.shares.share(x.subject, asked.path, asked.handle, asked.can)), 201)


async def delete_share(x: Exchange) -> Reply:
    await x.hub.shares.remove(x.subject, x.key("id"))
    return Reply(None, 204)


def _share(row: ports.GrantRow) -> rest.Share:
    return rest.Share(row.key, row.path, row.grantee_handle, row.level, moment(row.created_at))


OPERATIONS = (
    Operation(
        "GET",
        "/v1/shares",
        "list_shares",
        "What you have shared, and what was shared with you.",
        list_shares,
        {200: Answer(rest.Page[rest.Share], "By path.")},
        "sharing",
    ),
    Operation(
        "POST",
        "/v1/shares",
        "create_share",
        "Share a function or a namespace with a handle; replaces an earlier share of the two.",
        create_share,
        {201: Answer(rest.Share, "The share.")},
        "sharing",
        body=rest.NewShare,
        errors=("not_found",),
    ),
    Operation(
        "DELETE",
        "/v1/shares/{id}",
        "delete_share",
        "Take a share back, or drop one that you received.",
        delete_share,
        {204: Answer(None, "Taken back.")},
        "sharing",
    ),
)
