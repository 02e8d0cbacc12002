"""Errors as `application/problem+json`: everything that says no says it in one shape, with a stable code."""

from __future__ import annotations

import math
import re

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from farcall.domain.errors import ERRORS, Failure, Refused
from farcall.hub.ports import StoreFailed
from farcall.wire import rest

log = structlog.get_logger("farcall.gateway.problems")

MEDIA_TYPE = "application/problem+json"

# What follows is the secret of somebody's link, and does not belong into a log.
_SECRETS = re.compile(r"(/(?:i|invites|confirm|reset)/)[^/]{20,}")

_encode = msgspec.json.Encoder().encode
_FRAMEWORK_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def problem(failure: Failure, invocation: str = "") -> rest.Problem:
    """The failure as its body."""
    kind = failure.kind
    return rest.Problem(
        f"/docs#{kind.code}",
        kind.meaning,
        kind.http_status,
        failure.message,
        failure.code,
        failure.hint,
        invocation,
        failure.remote_type,
        failure.traceback,
        [rest.BadArgument(path, message) for path, message in failure.problems],
        math.ceil(failure.retry_after_seconds or 0),
    )


def response(failure: Failure, invocation: str = "") -> Response:
    """The failure as an answer, with the headers that its status calls for."""
    body = problem(failure, invocation)
    headers = {}
    if body.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="farcall"'
    if failure.kind.retryable and body.status in (429, 503):
        headers["Retry-After"] = str(body.retry_after or 1)
    return Response(_encode(body), body.status, headers, MEDIA_TYPE)


async def on_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return response(error.failure)


async def on_store_failed(request: Request, error: Exception) -> Response:
    return response(Failure("hub_unavailable", "The hub cannot reach its store now.", "Try again in a while."))


async def on_http_exception(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: no such route, no such method."""
    assert isinstance(error, HTTPException)
    code = _FRAMEWORK_CODES.get(error.status_code, "invalid_request")
    messages = {
        "not_found": f"There is nothing at {request.url.path[:200]}.",
        "method_not_allowed": f"{request.url.path[:200]} does not take {request.method[:20]}.",
    }
    answer = response(Failure(code, messages.get(code, f"{error.detail}"), "The surface is described at /docs."))
    for name, value in (error.headers or {}).items():
        answer.headers[name] = value
    return answer


async def on_defect(request: Request, error: Exception) -> Response:
    """Anything else is a mistake of ours: the log has it, the caller is told no more than that."""
    log.error("a request failed", method=request.method, path=_SECRETS.sub(r"\1…", request.url.path), exc_info=error)
    return response(Failure("internal", "The hub failed to handle the request; its log has the detail."))


EXCEPTION_HANDLERS = {
    Refused: on_refused,
    StoreFailed: on_store_failed,
    HTTPException: on_http_exception,
    Exception: on_defect,
}

assert all(code in ERRORS for code in _FRAMEWORK_CODES.values())
