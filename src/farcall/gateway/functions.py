"""The catalog: list, search, show, versions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from farcall.gateway.exchange import Exchange, Reply, moment
from farcall.gateway.operations import Answer, Operation
from farcall.hub.catalog import Entry
from farcall.wire import rest


async def list_functions(x: Exchange) -> Reply:
    query = x.query(rest.FunctionsQuery)
    entries, following = await x.hub.catalog.functions(
        x.subject, text=query.q, below=query.namespace, limit=query.limit, cursor=query.cursor
    )
    return Reply(rest.Page([_function(entry) for entry in entries], following))


async def show_function(x: Exchange) -> Reply:
    entry = await x.hub.catalog.show(x.subject, x.path("name"))
    row = entry.row
    declared = {name: getattr(row.options, name) for name in rest.FunctionOptions.__struct_fields__}
    return Reply(
        rest.FunctionDetail(
            **msgspec.structs.asdict(_function(entry)),
            doc=_text(row.document, "doc"),
            interface=row.document,
            interface_digest=row.interface.hex(),
            options=rest.FunctionOptions(**declared),
        )
    )


async def list_versions(x: Exchange) -> Reply:
    entries = await x.hub.catalog.versions(x.subject, x.path("name"))
    newest = max(entry.row.number for entry in entries)
    shown = [replace(entry, row=replace(entry.row, newest=entry.row.number == newest)) for entry in entries]
    return Reply(rest.Page([_function(entry) for entry in shown]))


def _function(entry: Entry) -> rest.Function:
    row = entry.row
    return rest.Function(
        row.name,
        row.owner_handle,
        row.number,
        row.digest.hex(),
        row.newest,
        _text(row.document, "signature"),
        _text(row.document, "doc").strip().partition("\n")[0],
        bool(row.document.get("stream")),
        entry.workers,
        entry.level.label,
        moment(row.created_at),
        row.options.visibility,  # type: ignore[arg-type]  # checked when it was published
    )


def _text(document: dict[str, Any], member: str) -> str:
    return str(document.get(member, ""))


OPERATIONS = (
    Operation(
        "GET",
        "/v1/functions",
        "list_functions",
        "The functions that you may see: your own and those shared with you.",
        list_functions,
        {200: Answer(rest.Page[rest.Function], "By name; the newest version of each.")},
        "catalog",
        query=rest.FunctionsQuery,
    ),
    Operation(
        "GET",
        "/v1/functions/{name:function}",
        "show_function",
        "A function with its interface; the name may end with @number or @digest.",
        show_function,
        {200: Answer(rest.FunctionDetail, "The version that the name means.")},
        "catalog",
    ),
    Operation(
        "GET",
        "/v1/functions/{name:function}/versions",
        "list_versions",
        "All versions of a function.",
        list_versions,
        {200: Answer(rest.Page[rest.Function], "Newest first.")},
        "catalog",
    ),
)
