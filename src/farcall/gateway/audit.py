"""The audit log."""

from __future__ import annotations

from farcall.gateway.exchange import Exchange, Reply, moment, seconds_of
from farcall.gateway.operations import Answer, Operation
from farcall.hub import ports
from farcall.hub.audit import Query
from farcall.wire import rest, rest_audit


async def list_audit(x: Exchange) -> Reply:
    asked = x.query(rest_audit.AuditQuery)
    query = Query(
        asked.who, asked.what, asked.path, seconds_of(asked.since), seconds_of(asked.until), asked.limit, asked.cursor
    )
    page = await x.hub.audit.page(x.subject, query)
    return Reply(rest.Page([_entry(row) for row in page.items], page.next))


def _entry(row: ports.AuditRow) -> rest_audit.AuditEntry:
    return rest_audit.AuditEntry(
        row.key,
        moment(row.at),
        row.who,
        row.token,
        row.what,
        row.path,
        row.target,
        row.origin,
        row.outcome,
        dict(row.detail),
    )


OPERATIONS = (
    Operation(
        "GET",
        "/v1/audit",
        "list_audit",
        "Who did what to what, when, from where: for administrators all of it; for others what their own account did, "
        "and what happened to it and below the handles that they own or manage.",
        list_audit,
        {200: Answer(rest.Page[rest_audit.AuditEntry], "Newest first.")},
        "audit",
        query=rest_audit.AuditQuery,
    ),
)
