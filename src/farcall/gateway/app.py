"""The ASGI application: routes of the REST surface, the two channels, errors, metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from farcall.domain.errors import Refused
from farcall.gateway import (
    audit,
    blobs,
    calls,
    docs,
    functions,
    groups,
    invocations,
    namespaces,
    openapi,
    people,
    shares,
    usage,
    workers,
)
from farcall.gateway.exchange import Exchange, Reply
from farcall.gateway.metrics import MEDIA_TYPE, Metrics
from farcall.gateway.operations import Answer, Operation, routes
from farcall.gateway.pages.confirm import ConfirmationPages
from farcall.gateway.pages.invitation import InvitationPage
from farcall.gateway.problems import EXCEPTION_HANDLERS
from farcall.gateway.services import GatewayOptions, HubServices
from farcall.hub.accounts import require_administrator
from farcall.wire import rest

_PAGE_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "X-Frame-Options": "DENY"}


def create_app(hub: HubServices, options: GatewayOptions | None = None) -> ASGIApp:
    """The hub's face to the outside, over services that are already open."""
    options = options or GatewayOptions()
    metrics = Metrics(hub)
    table = operations(metrics)
    described = msgspec.json.encode(openapi.document(table, options.version))
    page = docs.page(table, options.version)

    async def openapi_json(request: Any) -> Response:
        return Response(described, media_type="application/json")

    async def docs_page(request: Any) -> Response:
        return Response(page, media_type="text/html; charset=utf-8", headers=_PAGE_HEADERS)

    async def front(request: Any) -> Response:
        return RedirectResponse("/docs", 307)

    app = Starlette(
        routes=[
            *routes(table, hub, options),
            *InvitationPage(hub).routes(),
            *ConfirmationPages(hub).routes(),
            Route("/openapi.json", openapi_json, methods=["GET"]),
            Route("/docs", docs_page, methods=["GET"]),
            Route("/", front, methods=["GET"]),
        ],
        exception_handlers=EXCEPTION_HANDLERS,
    )
    app.router.redirect_slashes = False
    return Front(app, metrics.answers)


def operations(metrics: Metrics) -> Sequence[Operation]:
    """The whole REST surface."""
    return (
        *calls.OPERATIONS,
        *functions.OPERATIONS,
        *namespaces.OPERATIONS,
        *invocations.OPERATIONS,
        *people.OPERATIONS,
        *groups.OPERATIONS,
        *shares.OPERATIONS,
        *workers.OPERATIONS,
        *usage.OPERATIONS,
        *audit.OPERATIONS,
        *blobs.OPERATIONS,
        *_hub_operations(metrics),
    )


class Front:
    """Counts answers. WebSockets never come here: see `gateway.websocket`."""

    def __init__(self, app: Starlette, answers: Counter[int]) -> None:
        self.app = app
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answers[message["status"]] += 1
            await send(message)

        await self.app(scope, receive, counted if scope["type"] == "http" else send)


def _hub_operations(metrics: Metrics) -> tuple[Operation, ...]:
    async def healthz(x: Exchange) -> Reply:
        return Reply(rest.Health("ok"))

    async def readyz(x: Exchange) -> Reply:
        if not x.hub.dispatcher.accepting:
            raise Refused("hub_unavailable", "The store refuses commits; nothing is accepted.", "See the hub's log.")
        return Reply(rest.Health("ready"))

    async def figures(x: Exchange) -> Response:
        require_administrator(x.subject)
        return Response(metrics.render(), media_type=MEDIA_TYPE)

    return (
        Operation(
            "GET",
            "/healthz",
            "healthz",
            "Whether the process answers.",
            healthz,
            {200: Answer(rest.Health, "It does.")},
            "hub",
            token=False,
        ),
        Operation(
            "GET",
            "/readyz",
            "readyz",
            "Whether invocations are accepted: false while the store refuses commits.",
            readyz,
            {200: Answer(rest.Health, "They are.")},
            "hub",
            token=False,
        ),
        Operation(
            "GET",
            "/metrics",
            "metrics",
            "Figures for Prometheus. For administrators.",
            figures,
            {200: Answer(str, "Prometheus' text format.", "text/plain")},
            "hub",
        ),
    )
