"""What became of invocations: records, results, logs, timelines; and stopping them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse

from farcall.domain import ids as identifiers
from farcall.domain.errors import Failure, Refused
from farcall.domain.states import InvocationState
from farcall.gateway import problems
from farcall.gateway.calls import CALL_ERRORS
from farcall.gateway.exchange import JSON, Exchange, Reply, moment, moment_or_none, seconds_of
from farcall.gateway.operations import Answer, Operation
from farcall.gateway.values import arguments_for, result_for
from farcall.hub import ports
from farcall.hub.records import Query
from farcall.wire import rest, rest_usage

EVENT_STREAM = "text/event-stream"
_encode_json = msgspec.json.Encoder().encode


async def list_invocations(x: Exchange) -> Reply:
    asked = x.query(rest.InvocationsQuery)
    page = await x.hub.records.page(
        x.subject,
        Query(asked.role, asked.function, asked.status or "", seconds_of(asked.since), asked.limit, asked.cursor),
    )
    return Reply(rest.Page([_invocation(x, row) for row in page.items], page.next))


async def get_invocation(x: Exchange) -> Reply:
    return Reply(_invocation(x, await x.hub.records.get(x.subject, x.invocation())))


async def get_result(x: Exchange) -> Reply | Response:
    identifier = x.invocation()
    text = identifiers.to_text(identifier)
    try:
        row = await x.hub.records.result(x.subject, identifier)
    except LookupError:
        pending = await x.hub.records.get(x.subject, identifier)
        return Reply(
            rest.Pending(text, _status(pending.state)), 202, {"Location": f"/v1/invocations/{text}", "Retry-After": "1"}
        )
    except Refused as refusal:
        return problems.response(refusal.failure, text)
    version = await x.hub.catalog.by_key(row.version)
    result = result_for(row.result, x.hub.catalog.interface(version), x.wants_msgpack)
    return Reply(rest.Outcome(text, _status(row.state), result))


async def get_arguments(x: Exchange) -> Reply | Response:
    """For the caller; and for the owner, where the function says so."""
    identifier = x.invocation()
    try:
        row = await x.hub.records.arguments(x.subject, identifier)
    except Refused as refusal:
        return problems.response(refusal.failure, identifiers.to_text(identifier))
    version = await x.hub.catalog.by_key(row.version)
    arguments = arguments_for(row.arguments, x.hub.catalog.interface(version), x.wants_msgpack)
    return Reply(rest_usage.Arguments(identifiers.to_text(identifier), arguments))


async def erase(x: Exchange) -> Reply:
    """Arguments, result and output go; the record stays."""
    row = await x.hub.erasure.erase(x.subject, x.invocation())
    return Reply(rest_usage.Erased(identifiers.to_text(row.id), _status(row.state), moment(row.erased_at or 0.0)))


async def explain(x: Exchange) -> Reply:
    identifier = x.invocation()
    row = await x.hub.records.get(x.subject, identifier)
    lines = await x.hub.records.explain(x.subject, identifier)
    return Reply(
        rest.Timeline(
            identifiers.to_text(identifier),
            _status(row.state),
            [rest.TimelineLine(moment(line.at), line.what, line.detail) for line in lines],
        )
    )


async def cancel(x: Exchange) -> Reply | Response:
    """202 while it stops; 409 if it had finished."""
    identifier = x.invocation()
    text = identifiers.to_text(identifier)
    row = await x.hub.records.get(x.subject, identifier)
    if not await x.hub.invocations.cancel(x.subject, identifier):
        failure = Failure("already_finished", "The invocation had finished before.", f"See farcall result {text}.")
        return problems.response(failure, text)
    return Reply(rest.Pending(text, _status(row.state)), 202, {"Location": f"/v1/invocations/{text}"})


async def logs(x: Exchange) -> Reply | Response:
    """Text, JSON, or events that go on until the invocation has ended."""
    identifier = x.invocation()
    after = _place(x.request.headers.get("last-event-id", ""))
    await x.hub.records.get(x.subject, identifier)
    accept = x.request.headers.get("accept", "")
    if EVENT_STREAM in accept:
        events = _events(x, identifier, after)
        return StreamingResponse(events, 200, {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}, EVENT_STREAM)
    lines = await x.hub.logs.read(x.hub.records, x.subject, identifier, after)
    if JSON in accept or x.wants_msgpack:
        return Reply(rest.Logs([_line(line) for line in lines]))
    return Response("".join(line.text for line in lines), 200, media_type="text/plain; charset=utf-8")


async def _events(x: Exchange, identifier: bytes, after: tuple[int, int] | None) -> AsyncIterator[bytes]:
    try:
        async for lines in x.hub.logs.follow(x.hub.records, x.authenticate, identifier, after):
            if not lines:
                yield b": alive\n\n"
            for line in lines:
                shown = _line(line)
                yield b"id: %s\nevent: line\ndata: %s\n\n" % (shown.place.encode(), _encode_json(shown))
    except Refused as refusal:  # a permission that was withdrawn meanwhile
        yield b"event: problem\ndata: %s\n\n" % _encode_json(problems.problem(refusal.failure))
        return
    row = await x.hub.records.get(x.subject, identifier)
    yield b"event: end\ndata: %s\n\n" % _encode_json(rest.Pending(identifiers.to_text(identifier), _status(row.state)))


def _place(text: str) -> tuple[int, int] | None:
    """`FENCE-SEQ`, as events and JSON lines name their place; raises Refused."""
    if not text:
        return None
    fence, _, seq = text.partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) < 20 for part in (fence, seq)):
        raise Refused("invalid_request", f"{text[:40]!r} is no place in a log.", "Places look like FENCE-SEQ.")
    return int(fence), int(seq)


def _line(line: ports.LogLine) -> rest.LogLine:
    return rest.LogLine(f"{line.fence}-{line.seq}", moment(_sane(line.at)), line.stream, line.text)


def _sane(at: float) -> float:
    """A worker's clock may say anything, also what no calendar has."""
    return at if 0 <= at < 32_503_680_000 else 0.0


def _invocation(x: Exchange, row: ports.InvocationRow) -> rest.Invocation:
    text = identifiers.to_text(row.id)
    progress = None if row.state.final else x.hub.invocations.progress(row.id)
    return rest.Invocation(
        text,
        row.function,
        row.number,
        _status(row.state),
        row.caller_handle,
        moment(row.created_at),
        moment_or_none(row.started_at),
        moment_or_none(row.finished_at),
        row.run_seconds,
        row.attempt,
        row.worker,
        row.priority,
        row.cancel_requested_at is not None and not row.state.final,
        None if progress is None else rest.Progress(*progress),
        None if row.failure is None else problems.problem(row.failure, text),
        row.cpu_seconds,
        moment_or_none(row.erased_at),
    )


def _status(state: InvocationState) -> Any:
    """The word of `rest.Status`."""
    return state.label


_CANCEL: dict[str, Any] = {
    "summary": "Stop an invocation: what waits never runs, what runs is interrupted. The record stays.",
    "handler": cancel,
    "answers": {202: Answer(rest.Pending, "It is being stopped.", headers=("Location",))},
    "tag": "invocations",
    "errors": ("already_finished",),
}

_ERASE: dict[str, Any] = {
    "summary": "Erase arguments, result, output and what a failure said, for good. The record stays.",
    "handler": erase,
    "answers": {200: Answer(rest_usage.Erased, "They are gone.")},
    "tag": "invocations",
    "errors": ("not_finished",),
}

OPERATIONS = (
    Operation(
        "GET",
        "/v1/invocations",
        "list_invocations",
        "Invocations that you called, or those of your functions.",
        list_invocations,
        {200: Answer(rest.Page[rest.Invocation], "Newest first.")},
        "invocations",
        query=rest.InvocationsQuery,
    ),
    Operation(
        "GET",
        "/v1/invocations/{id}",
        "get_invocation",
        "The record of an invocation.",
        get_invocation,
        {200: Answer(rest.Invocation, "The record as it is now.")},
        "invocations",
    ),
    Operation("DELETE", "/v1/invocations/{id}", "delete_invocation", **_CANCEL),
    Operation("POST", "/v1/invocations/{id}/cancel", "cancel_invocation", **_CANCEL),
    Operation(
        "GET",
        "/v1/invocations/{id}/result",
        "get_result",
        "The result, for whoever called; for the owner too, where the function says so.",
        get_result,
        {
            200: Answer(rest.Outcome, "The result."),
            202: Answer(rest.Pending, "Not finished yet.", headers=("Location", "Retry-After")),
        },
        "invocations",
        errors=(*CALL_ERRORS, "gone"),
    ),
    Operation(
        "GET",
        "/v1/invocations/{id}/arguments",
        "get_arguments",
        "What it was called with, for whoever called; for the owner too, where the function says so.",
        get_arguments,
        {200: Answer(rest_usage.Arguments, "By name, with defaults; as it was run.")},
        "invocations",
        errors=("gone",),
    ),
    Operation("DELETE", "/v1/invocations/{id}/data", "delete_data", **_ERASE),
    Operation("POST", "/v1/invocations/{id}/erase", "erase_invocation", **_ERASE),
    Operation(
        "GET",
        "/v1/invocations/{id}/explain",
        "explain_invocation",
        "Why the invocation is where it is, as a timeline.",
        explain,
        {200: Answer(rest.Timeline, "Oldest first.")},
        "invocations",
    ),
    Operation(
        "GET",
        "/v1/invocations/{id}/logs",
        "get_logs",
        "Captured output as text; as lines (Accept: application/json); as it comes (Accept: text/event-stream).",
        logs,
        {200: Answer(rest.Logs, "What was written so far, or as it comes.", also=("text/plain", EVENT_STREAM))},
        "invocations",
        headers={"Last-Event-ID": "FENCE-SEQ: go on after this line."},
    ),
)
