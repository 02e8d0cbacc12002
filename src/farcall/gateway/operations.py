"""The REST surface as a table: what OpenAPI describes and what is served are the same rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from farcall.authoring.names import RESERVED
from farcall.gateway.exchange import Exchange, Reply
from farcall.gateway.services import GatewayOptions, HubServices

Handler = Callable[[Exchange], Awaitable[Reply | Response]]

_ALWAYS = ("invalid_request", "internal", "hub_unavailable")
_WITH_TOKEN = ("unauthenticated", "permission_denied")


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer: its body's type (None: no body; bytes or str: as they are) and what it means."""

    body: Any
    meaning: str
    media_type: str = "application/json"
    headers: tuple[str, ...] = ()
    also: tuple[str, ...] = ()  # media types of text that may stand in place of the body


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `errors` are codes beside those that any operation may give."""

    method: str
    path: str
    name: str
    summary: str
    handler: Handler
    answers: dict[int, Answer]
    tag: str
    body: Any = None
    query: Any = None
    headers: dict[str, str] = field(default_factory=dict)  # request headers and what they mean
    errors: tuple[str, ...] = ()
    token: bool = True
    raw_body: str = ""  # media type of a body that is no JSON

    @property
    def all_errors(self) -> tuple[str, ...]:
        """Every code that this operation may answer with."""
        codes = (*self.errors, *_ALWAYS)
        if self.token:
            codes = (*codes, *_WITH_TOKEN)
        if self.body is not None or self.raw_body:
            codes = (*codes, "too_large")
        if "{" in self.path:
            codes = (*codes, "not_found")
        return tuple(dict.fromkeys(codes))


class FunctionConvertor(Convertor[str]):
    """A function's full name in a path: it has slashes, and never ends with a reserved word."""

    regex = r"[^/].*?" + "".join(f"(?<!/{word})" for word in sorted(RESERVED))

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


def routes(table: Sequence[Operation], hub: HubServices, options: GatewayOptions) -> list[Route]:
    """One route per path of the table, longer ones first: sub-resources are found before what they belong to."""
    register_url_convertor("function", FunctionConvertor())
    by_path: dict[str, dict[str, Operation]] = {}
    for row in table:
        by_path.setdefault(row.path, {})[row.method] = row
    ordered = sorted(by_path.items(), key=lambda item: -item[0].count("/"))
    return [Route(path, _endpoint(methods, hub, options), methods=[*methods]) for path, methods in ordered]


def _endpoint(
    methods: dict[str, Operation], hub: HubServices, options: GatewayOptions
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        operation = methods["GET" if request.method == "HEAD" else request.method]
        exchange = Exchange(request, hub, options)
        if operation.token:
            await exchange.authenticate()
        answer = await operation.handler(exchange)
        return exchange.respond(answer) if isinstance(answer, Reply) else answer

    return endpoint
