"""Calling through REST: one invocation, or a batch; wait for the result, or be told where to ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from starlette.responses import Response

from farcall.domain import ids as identifiers
from farcall.domain.errors import Failure, Refused
from farcall.domain.interface import Interface
from farcall.domain.model import CallOptions, Settlement
from farcall.domain.states import InvocationState
from farcall.gateway import problems
from farcall.gateway.exchange import Exchange, Reply
from farcall.gateway.functions import deprecation
from farcall.gateway.operations import Answer, Operation
from farcall.gateway.values import arguments_of_json, arguments_of_msgpack, blobs_named, result_for
from farcall.hub.admission import Target
from farcall.hub.tickets import Ticket
from farcall.wire import rest

_T = TypeVar("_T")

_COMMIT_PATIENCE_SECONDS = 5.0
_ENDINGS = {
    InvocationState.CANCELLED: Failure("cancelled", "The invocation was cancelled."),
    InvocationState.EXPIRED: Failure("expired", "The invocation was not started before it expired."),
}


class _PackedCall(rest.Question, frozen=True):
    args: msgspec.Raw = msgspec.Raw(b"\x80")
    options: rest.CallOptions = rest.CallOptions()


class _PackedBatch(rest.Question, frozen=True):
    items: list[msgspec.Raw]
    options: rest.CallOptions = rest.CallOptions()


@dataclass(slots=True, frozen=True)
class Preference:
    """What the `Prefer` header asks for; `applied` is what the answer says of it."""

    wait_seconds: float
    applied: str = ""

    @property
    def asynchronous(self) -> bool:
        return self.wait_seconds <= 0


def preference(header: str, default_seconds: float, limit_seconds: float) -> Preference:
    """Parse `Prefer: wait=SECONDS` or `respond-async` (RFC 7240); unknown preferences are ignored, as it says."""
    for part in header.split(","):
        name, _, value = part.partition(";")[0].strip().partition("=")
        if name.strip().lower() == "respond-async":
            return Preference(0.0, "respond-async")
        if name.strip().lower() == "wait":
            try:
                seconds = float(value.strip().strip('"'))
            except ValueError:
                continue
            if seconds >= 0:
                seconds = min(seconds, limit_seconds)
                return Preference(seconds, f"wait={seconds:g}")
    return Preference(default_seconds)


async def call(x: Exchange) -> Reply | Response:
    """Submit one invocation; wait as long as the caller prefers."""
    name, target = await _target(x)
    if x.is_msgpack:
        packed = await x.asked(_PackedCall)
        body, asked = arguments_of_msgpack(name, target.interface, packed.args), packed.options
    else:
        plain = await x.asked(rest.Call)
        sizes = await _blob_sizes(x, [plain.args])
        body = await _read(target, lambda: arguments_of_json(name, target.interface, plain.args, sizes))
        asked = plain.options
    options = _options(x, asked)
    prefer = preference(
        x.request.headers.get("prefer", ""), x.options.default_wait_seconds, x.options.wait_limit_seconds
    )
    ticket = await x.hub.invocations.submit_one(x.subject, name, body, options, acknowledge=prefer.asynchronous)
    applied = deprecation(target.row)
    if prefer.applied:
        applied["Preference-Applied"] = prefer.applied
    if prefer.asynchronous:
        await ticket.accepted()
        return await _pending(x, ticket, applied)
    settlement = await ticket.settled(prefer.wait_seconds)
    await x.authenticate()  # the token may have ended while we waited
    if settlement is None:
        await _committed(x, ticket)
        return await _pending(x, ticket, applied)
    return _settled(x, settlement, target.interface, applied)


async def batch(x: Exchange) -> Reply:
    """Submit many argument sets; each is accepted or refused by itself."""
    name, target = await _target(x)
    bodies: list[bytes | Failure] = []
    if x.is_msgpack:
        packed = await x.asked(_PackedBatch)
        asked = packed.options
        if not 1 <= len(packed.items) <= rest.MAX_BATCH:
            raise Refused("invalid_request", f"A batch has 1 to {rest.MAX_BATCH} items.")
        bodies = [_or_failure(arguments_of_msgpack, name, target.interface, args) for args in packed.items]
    else:
        plain = await x.asked(rest.Batch)
        asked = plain.options
        sizes = await _blob_sizes(x, plain.items)
        interface, items = target.interface, plain.items
        bodies = await _read(
            target, lambda: [_or_failure(arguments_of_json, name, interface, args, sizes) for args in items]
        )
    options = _options(x, asked)
    if options.key:
        raise Refused("invalid_request", "A batch takes no idempotency key.", "Send keyed calls one by one.")
    good = [body for body in bodies if isinstance(body, bytes)]
    answers = iter(await x.hub.invocations.submit_many(x.subject, name, good, options, acknowledge=True))
    merged = [body if isinstance(body, Failure) else next(answers) for body in bodies]
    return Reply(rest.BatchAnswer(list(await asyncio.gather(*(_item(entry) for entry in merged)))), 202)


async def _read(target: Target, read: Callable[[], _T]) -> _T:
    """What `read` returns; in a thread if there may be text with units, which takes its time."""
    return await asyncio.to_thread(read) if target.interface.converters else read()


def _or_failure(bind: Any, *args: Any) -> bytes | Failure:
    try:
        return bytes(bind(*args))
    except Refused as refusal:
        return refusal.failure


async def _item(entry: Ticket | Failure) -> rest.BatchItem:
    if isinstance(entry, Ticket):
        try:
            await entry.accepted()
        except Refused as refusal:
            entry = refusal.failure
        else:
            return rest.BatchItem(identifiers.to_text(entry.id), InvocationState.QUEUED.label)
    return rest.BatchItem(problem=problems.problem(entry))


async def _target(x: Exchange) -> tuple[str, Target]:
    name = x.path("name")
    target = await x.hub.invocations.target(x.subject, name)
    if target.interface.stream:
        raise Refused(
            "invalid_request",
            f"{name} gives a stream of items, which needs the client's channel.",
            "Call it from Python with .stream().",
        )
    return name, target


async def _blob_sizes(x: Exchange, arguments: Iterable[Any]) -> Mapping[str, int]:
    """Sizes of the blobs that the arguments name. Only those that the caller may read: a digest is no capability."""
    sizes: dict[str, int] = {}
    for args in arguments:
        for digest in blobs_named(args):
            if digest not in sizes:
                sizes[digest] = await x.hub.blobs.size(x.subject, digest)
    return sizes


def _options(x: Exchange, asked: rest.CallOptions) -> CallOptions:
    header = x.request.headers.get("idempotency-key", "").strip()
    if len(header) > 200:
        raise Refused("invalid_request", "An idempotency key has at most 200 characters.")
    if header and asked.key and header != asked.key:
        raise Refused("invalid_request", "The header Idempotency-Key and the option key differ.")
    return CallOptions(asked.timeout, asked.expires, asked.queue, asked.priority, header or asked.key)


async def _committed(x: Exchange, ticket: Ticket) -> None:
    """202 is a promise: give it only for what the store has. Raises Refused (hub_unavailable)."""
    give_up = asyncio.get_running_loop().time() + _COMMIT_PATIENCE_SECONDS
    while True:
        try:
            await x.hub.records.get(x.subject, ticket.id)
        except Refused:
            if asyncio.get_running_loop().time() > give_up:
                raise Refused("hub_unavailable", "The hub could not record the invocation in time.") from None
            await asyncio.sleep(0.05)
        else:
            return


async def _pending(x: Exchange, ticket: Ticket, headers: dict[str, str]) -> Reply:
    text = identifiers.to_text(ticket.id)
    state = x.hub.invocations.live_state(ticket.id) or InvocationState.QUEUED
    if state.final:  # its end is not committed yet, so it is not yet true
        state = InvocationState.RUNNING
    return Reply(
        rest.Pending(text, state.label),  # type: ignore[arg-type] # labels are the words of Status
        202,
        {**headers, "Location": f"/v1/invocations/{text}"},
    )


def _settled(x: Exchange, settlement: Settlement, interface: Interface, headers: dict[str, str]) -> Reply | Response:
    text = identifiers.to_text(settlement.id)
    state = InvocationState(settlement.state)
    if state is InvocationState.SUCCEEDED:
        result = result_for(settlement.result, interface, x.wants_msgpack)
        return Reply(rest.Outcome(text, "succeeded", result), 200, headers)
    failure = settlement.failure or _ENDINGS.get(state) or Failure("internal", "No reason was recorded.")
    answer = problems.response(failure, text)
    answer.headers.update(headers)
    answer.headers["Location"] = f"/v1/invocations/{text}"
    return answer


CALL_ERRORS = (
    "function_error",
    "invalid_arguments",
    "no_worker",
    "invocation_timeout",
    "expired",
    "worker_lost",
    "process_died",
    "out_of_memory",
    "bad_result",
    "cancelled",
    "quota_exceeded",
    "version_withdrawn",
)
_REFUSALS = ("conflict", "outcome_unknown", "invalid_arguments", "quota_exceeded", "version_withdrawn", "no_worker")

OPERATIONS = (
    Operation(
        "POST",
        "/v1/functions/{name:function}/invocations",
        "call_function",
        "Call a function. Waits for the result, 30 seconds unless told otherwise; then answers 202 with Location.",
        call,
        {
            200: Answer(rest.Outcome, "The result.", headers=("Preference-Applied", "Deprecation", "Warning")),
            202: Answer(rest.Pending, "Recorded, and not finished yet.", headers=("Location", "Preference-Applied")),
        },
        "calling",
        body=rest.Call,
        headers={
            "Prefer": "wait=SECONDS, or respond-async to be answered as soon as it is recorded.",
            "Idempotency-Key": "The same key and request give the same invocation, however often it is sent.",
        },
        errors=(*CALL_ERRORS, "conflict", "outcome_unknown"),
    ),
    Operation(
        "POST",
        "/v1/functions/{name:function}/batches",
        "call_function_many",
        "Submit many argument sets of one function; each is accepted or refused by itself.",
        batch,
        {202: Answer(rest.BatchAnswer, "One item per argument set, in order.")},
        "calling",
        body=rest.Batch,
        errors=_REFUSALS,
    ),
)
