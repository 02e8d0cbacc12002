"""Templates and headers of all pages."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from farcall.domain.errors import Failure, Refused
from farcall.gateway.pages.sessions import Visit, cookie_name
from farcall.hub.ports import StoreFailed

if TYPE_CHECKING:
    import jinja2

log = structlog.get_logger("farcall.gateway.pages")

STYLE_PATH = "/pages.css"
_FORM_LIMIT_BYTES = 16 * 1024
_FORM_FIELDS = 20
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",  # the address of a page may be a secret
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}


@functools.cache
def _style() -> bytes:
    return (resources.files("farcall.gateway.pages") / "style.css").read_bytes()


@functools.cache
def _templates() -> jinja2.Environment:
    """Made with the first page: a hub that shows none does without the library."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("farcall.gateway.pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


async def style(request: Request) -> Response:
    """The style of all pages."""
    headers = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response(_style(), media_type="text/css", headers=headers)


def page(
    template: str, status: int = 200, visit: Visit | None = None, *, secure: bool = False, **values: Any
) -> Response:
    """A rendered page; with the cookie, if the visit is new. `secure`: the cookie is for TLS alone."""
    text = _templates().get_template(template).render(style=STYLE_PATH, **values)
    response = Response(text, status, _HEADERS, "text/html; charset=utf-8")
    return with_cookie(response, visit, secure)


def guarded(name: str, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """The handler of the page `name`, whose visitors get a page whatever happens."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except Refused as refusal:
            return _sorry(refusal.failure)
        except StoreFailed:
            return _sorry(Failure("hub_unavailable", "The hub cannot reach its store now.", "Try again in a while."))
        except Exception:
            log.exception("a page failed", page=name)  # without its address, which is a secret
            return _sorry(Failure("internal", "The hub failed to show the page; its log has the detail."))

    return answered


def _sorry(failure: Failure) -> Response:
    return closed(failure.message, failure.hint, failure.code, failure.kind.http_status)


def closed(title: str, hint: str, standing: str, status: int, way: tuple[str, str] = ("", "")) -> Response:
    """Nothing is to be done here. `way`: the address of a page where something is, and what."""
    return page("closed.html", status, title=title, hint=hint, standing=standing, way=way)


def elsewhere(path: str, visit: Visit, *, secure: bool) -> Response:
    """After a form has done something: look at the result, so that reloading does not do it again."""
    return with_cookie(Response(None, 303, {**_HEADERS, "Location": path}), visit, secure)


def with_cookie(response: Response, visit: Visit | None, secure: bool) -> Response:
    if visit is not None and visit.fresh:
        name = cookie_name(secure=secure)
        response.set_cookie(name, visit.id, path="/", secure=secure, httponly=True, samesite="lax")
    return response


async def form(request: Request) -> dict[str, str]:
    """The fields of a form, each once; raises Refused (invalid_request, too_large)."""
    data = b""
    try:
        async for chunk in request.stream():
            data += chunk
            if len(data) > _FORM_LIMIT_BYTES:
                raise Refused("too_large", "The form is too large.")
    except ClientDisconnect:
        raise Refused("invalid_request", "The connection broke before the form was complete.") from None
    try:
        return dict(parse_qsl(data.decode("utf-8"), keep_blank_values=True, max_num_fields=_FORM_FIELDS))
    except ValueError:
        raise Refused("invalid_request", "The form cannot be read.") from None
