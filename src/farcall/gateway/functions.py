"""The catalog: list, search, show, change and delete functions; their versions and aliases."""

from __future__ import annotations

from typing import Any

import msgspec

from farcall.authoring.harmless import harmless_line
from farcall.gateway.exchange import Exchange, Reply, moment, moment_or_none
from farcall.gateway.operations import Answer, Operation
from farcall.hub import ports
from farcall.hub.catalog import Entry
from farcall.wire import rest, rest_catalog


async def list_functions(x: Exchange) -> Reply:
    query = x.query(rest_catalog.FunctionsQuery)
    entries, following = await x.hub.catalog.functions(
        x.subject, text=query.q, below=query.namespace, limit=query.limit, cursor=query.cursor
    )
    return Reply(rest.Page([_function(entry) for entry in entries], following))


async def show_function(x: Exchange) -> Reply:
    return await _shown(x, x.path("name"))


async def _shown(x: Exchange, name: str) -> Reply:
    entry = await x.hub.catalog.show(x.subject, name)
    row = entry.row
    declared = {name: getattr(row.options, name) for name in rest_catalog.FunctionOptions.__struct_fields__}
    return Reply(
        rest_catalog.FunctionDetail(
            **msgspec.structs.asdict(_function(entry)),
            doc=_text(row.document, "doc"),
            interface=row.document,
            interface_digest=row.interface.hex(),
            options=rest_catalog.FunctionOptions(**declared),
            links=list(entry.links),
        ),
        headers=deprecation(row),
    )


async def list_versions(x: Exchange) -> Reply:
    entries = await x.hub.catalog.versions(x.subject, x.path("name"))
    return Reply(rest.Page([_function(entry) for entry in entries]))


async def change_function(x: Exchange) -> Reply:
    asked, name = await x.asked(rest_catalog.FunctionChange), x.path("name")
    if asked.deprecated is not None:
        await x.hub.releases.deprecate(x.subject, name, asked.deprecated)
    if asked.path is not None:
        path, at, version = name.partition("@")
        name = await x.hub.names.rename(x.subject, path, asked.path) + at + version
    return await _shown(x, name)


async def delete_function(x: Exchange) -> Reply:
    name, query = x.path("name"), x.query(rest_catalog.DeleteQuery)
    if "@" in name:
        await x.hub.releases.delete_version(x.subject, name)
    else:
        await x.hub.releases.delete(x.subject, name, force=query.force)
    return Reply(None, 204)


async def list_aliases(x: Exchange) -> Reply:
    function, moves = await x.hub.releases.aliases(x.subject, x.path("name"))
    numbers = {row.version: row.number for row in function.versions}
    return Reply(
        rest_catalog.Aliases(
            [rest_catalog.Alias(alias, numbers[version]) for alias, version in sorted(function.aliases.items())],
            [
                rest_catalog.AliasMove(
                    move.alias, move.number, move.by, moment(move.at), moment_or_none(move.undone_at)
                )
                for move in moves
            ],
        )
    )


async def put_alias(x: Exchange) -> Reply:
    asked = await x.asked(rest_catalog.NewAlias)
    row = await x.hub.releases.move_alias(x.subject, x.path("name"), x.path("alias"), str(asked.version))
    return Reply(rest_catalog.Alias(x.path("alias"), row.number))


async def roll_back_alias(x: Exchange) -> Reply:
    row = await x.hub.releases.roll_back(x.subject, x.path("name"), x.path("alias"))
    return Reply(rest_catalog.Alias(x.path("alias"), row.number))


async def delete_alias(x: Exchange) -> Reply:
    await x.hub.releases.delete_alias(x.subject, x.path("name"), x.path("alias"))
    return Reply(None, 204)


def deprecation(row: ports.VersionRow) -> dict[str, str]:
    """Headers that tell callers of a deprecated version so (RFC 9745, and RFC 7234 for the words)."""
    if not row.deprecated or row.deprecated_at is None:
        return {}
    words = harmless_line(row.deprecated).encode("ascii", "replace").decode().replace("\\", "\\\\").replace('"', '\\"')
    return {"Deprecation": f"@{row.deprecated_at:.0f}", "Warning": f'299 farcall "{words}"'}


def _function(entry: Entry) -> rest_catalog.Function:
    row = entry.row
    return rest_catalog.Function(
        entry.place,
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
        row.name if entry.place != row.name else "",
        moment_or_none(entry.seen_at),
        entry.typical_seconds,
        row.deprecated,
        list(entry.aliases),
        entry.missed.calls if entry.missed is not None else None,
        moment_or_none(entry.missed.since if entry.missed is not None else None),
    )


def _text(document: dict[str, Any], member: str) -> str:
    return str(document.get(member, ""))


OPERATIONS = (
    Operation(
        "GET",
        "/v1/functions",
        "list_functions",
        "The functions that you may see, your own and those shared with you; or those of them that fit some words.",
        list_functions,
        {200: Answer(rest.Page[rest_catalog.Function], "By name, or best first; the newest version of each.")},
        "catalog",
        query=rest_catalog.FunctionsQuery,
    ),
    Operation(
        "GET",
        "/v1/functions/{name:function}",
        "show_function",
        "A function with its interface; the name may end with @number, @digest or @alias.",
        show_function,
        {
            200: Answer(
                rest_catalog.FunctionDetail, "The version that the name means.", headers=("Deprecation", "Warning")
            )
        },
        "catalog",
    ),
    Operation(
        "PATCH",
        "/v1/functions/{name:function}",
        "change_function",
        "Rename a function, or deprecate one of its versions (NAME@3).",
        change_function,
        {200: Answer(rest_catalog.FunctionDetail, "As it is now.", headers=("Deprecation", "Warning"))},
        "catalog",
        body=rest_catalog.FunctionChange,
        errors=("conflict",),
    ),
    Operation(
        "DELETE",
        "/v1/functions/{name:function}",
        "delete_function",
        "Delete a function with all its versions, or one version (NAME@3) that nobody serves, calls or names.",
        delete_function,
        {204: Answer(None, "Deleted. Records stay.")},
        "catalog",
        query=rest_catalog.DeleteQuery,
        errors=("conflict",),
    ),
    Operation(
        "GET",
        "/v1/functions/{name:function}/versions",
        "list_versions",
        "All versions of a function.",
        list_versions,
        {200: Answer(rest.Page[rest_catalog.Function], "Newest first.")},
        "catalog",
    ),
    Operation(
        "GET",
        "/v1/functions/{name:function}/aliases",
        "list_aliases",
        "The aliases of a function: movable names for versions, used as NAME@ALIAS.",
        list_aliases,
        {200: Answer(rest_catalog.Aliases, "What they mean now, and their history.")},
        "catalog",
    ),
    Operation(
        "PUT",
        "/v1/functions/{name:function}/aliases/{alias}",
        "put_alias",
        "Make an alias, or move it to another version.",
        put_alias,
        {200: Answer(rest_catalog.Alias, "What it means now.")},
        "catalog",
        body=rest_catalog.NewAlias,
    ),
    Operation(
        "DELETE",
        "/v1/functions/{name:function}/aliases/{alias}",
        "delete_alias",
        "Remove an alias, with its history.",
        delete_alias,
        {204: Answer(None, "Removed.")},
        "catalog",
    ),
    Operation(
        "POST",
        "/v1/functions/{name:function}/aliases/{alias}/~rollback",
        "roll_back_alias",
        "Undo the last move of an alias.",
        roll_back_alias,
        {200: Answer(rest_catalog.Alias, "What it means again.")},
        "catalog",
        errors=("conflict",),
    ),
)
