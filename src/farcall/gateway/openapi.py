"""The OpenAPI document, made from the table of operations and the types of the bodies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from farcall.domain.errors import ERRORS
from farcall.gateway.exchange import JSON, MSGPACK
from farcall.gateway.operations import Answer, Operation
from farcall.gateway.problems import MEDIA_TYPE as PROBLEM
from farcall.wire import rest

_REFERENCE = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_TAGS = {
    "calling": "Call functions.",
    "catalog": "Find functions; namespaces, versions and aliases.",
    "invocations": "What became of calls.",
    "people": "Accounts and tokens.",
    "sharing": "Who may see and call what.",
    "workers": "Who serves.",
    "blobs": "Large values.",
    "hub": "The hub itself.",
}
_HEADERS = {
    "Location": "Where to ask.",
    "Preference-Applied": "The preference that was followed.",
    "Retry-After": "Seconds to wait before asking again.",
    "Deprecation": "Since when the version is deprecated (RFC 9745).",
    "Warning": "What its owner says about that.",
    "Content-Length": "Bytes that follow.",
    "Content-Range": "Which bytes follow.",
}
_PATH_PARAMETERS = {
    "name": "A function's full name, slashes and all: alice/physics/free_fall.",
    "path": "A namespace's full name, slashes and all: alice/physics.",
    "link": "The last part of the link's name.",
    "alias": "A movable name for a version.",
    "id": "As lists show it.",
    "handle": "An account's handle.",
    "digest": "blake3:HEX",
}


def document(table: Sequence[Operation], version: str) -> dict[str, Any]:
    """OpenAPI 3.1 for these operations."""
    types = [rest.Problem]
    for operation in table:
        types += [kind for kind in (operation.body, operation.query) if kind is not None]
        types += [answer.body for answer in operation.answers.values() if answer.body not in (None, bytes, str)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    known = {_key(kind): schema for kind, schema in zip(types, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for operation in table:
        path = _PARAMETER.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation, known, components)
    used = {operation.tag for operation in table}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Farcall hub",
            "version": version,
            "description": "Import a function that runs on someone else's machine. Their code stays there.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": tag, "description": text} for tag, text in _TAGS.items() if tag in used],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "farcall_pat_…"}},
        },
    }


def _key(kind: Any) -> str:
    return repr(kind)


def _operation(operation: Operation, known: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": _parameters(operation, components),
        "responses": _responses(operation, known),
    }
    if operation.token:
        described["security"] = [{"token": []}]
    if operation.body is not None:
        schema = known[_key(operation.body)]
        needed = bool(components[operation.body.__name__].get("required"))
        described["requestBody"] = {
            "required": needed,
            "content": {JSON: {"schema": schema}, MSGPACK: {"schema": schema}},
        }
    elif operation.raw_body:
        described["requestBody"] = {"required": False, "content": {operation.raw_body: {"schema": _binary()}}}
    return described


def _binary() -> dict[str, Any]:
    return {"type": "string", "contentMediaType": "application/octet-stream"}


def _parameters(operation: Operation, components: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PATH_PARAMETERS.get(name, ""),
            "schema": {"type": "string", "minLength": 1},
        }
        for name in _PARAMETER.findall(operation.path)
    ]
    if operation.query is not None:
        properties = components[operation.query.__name__]["properties"]
        found += [
            {"name": name, "in": "query", "required": False, "schema": schema} for name, schema in properties.items()
        ]
    found += [
        {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}
        for name, text in operation.headers.items()
    ]
    return found


def _responses(operation: Operation, known: dict[str, Any]) -> dict[str, Any]:
    responses = {str(status): _answer(answer, known) for status, answer in operation.answers.items()}
    by_status: dict[int, list[str]] = {}
    for code in operation.all_errors:
        by_status.setdefault(ERRORS[code].http_status, []).append(code)
    for status, codes in sorted(by_status.items()):
        meaning = " ".join(f"`{code}`: {ERRORS[code].meaning}" for code in codes)
        responses[str(status)] = {
            "description": meaning,
            "content": {PROBLEM: {"schema": {"$ref": _REFERENCE.format(name="Problem")}}},
        }
    return responses


def _answer(answer: Answer, known: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.meaning}
    if answer.headers:
        described["headers"] = {
            name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in answer.headers
        }
    if answer.body is bytes:
        described["content"] = {answer.media_type: {"schema": _binary()}}
    elif answer.body is str:
        described["content"] = {answer.media_type: {"schema": {"type": "string"}}}
    elif answer.body is not None:
        schema = known[_key(answer.body)]
        described["content"] = {JSON: {"schema": schema}, MSGPACK: {"schema": schema}}
        for media_type in answer.also:
            described["content"][media_type] = {"schema": {"type": "string"}}
    return described
