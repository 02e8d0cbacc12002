"""One request and its answer: authentication, limits of bodies, decoding, content negotiation."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from farcall.domain import access
from farcall.domain import ids as identifiers
from farcall.domain.errors import Refused
from farcall.gateway.line import in_time, line_of
from farcall.gateway.services import GatewayOptions, HubServices
from farcall.hub.ports import Fill
from farcall.hub.pouring import poured

JSON = "application/json"
MSGPACK = "application/msgpack"
_READS = frozenset({"GET", "HEAD"})
_SWALLOWED_BYTES = 64 * 1024 * 1024
_DIGITS = 19  # of a length: no more fit into 64 bits
_STRANGERS_LIMIT_BYTES = 64 * 1024  # many can ask at once, and none of it is kept
_MSGPACK_NAMES = frozenset({MSGPACK, "application/x-msgpack", "application/vnd.msgpack"})

Asked = TypeVar("Asked", bound=msgspec.Struct)

_encode_json = msgspec.json.Encoder().encode
_encode_msgpack = msgspec.msgpack.Encoder().encode


@dataclass(slots=True)
class Reply:
    """A value to be encoded as the caller likes it."""

    value: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Exchange:
    """A request on its way through a handler. `subject` is set for operations that take a token."""

    __slots__ = ("_subject", "hub", "options", "request")

    def __init__(self, request: Request, hub: HubServices, options: GatewayOptions) -> None:
        self.request = request
        self.hub = hub
        self.options = options
        self._subject: access.Subject | None = None

    # -- who -----------------------------------------------------------------------------------------------------------

    async def authenticate(self) -> access.Subject:
        """The subject behind the bearer token, as it is now; raises Refused (unauthenticated)."""
        scheme, _, token = self.request.headers.get("authorization", "").partition(" ")
        subject = await self.hub.accounts.authenticate(token.strip() if scheme.lower() == "bearer" else "")
        if self.request.method not in _READS:  # reads are not recorded, and some come often
            subject = replace(subject, origin=self.origin)
        self._subject = subject
        return subject

    @property
    def has_token(self) -> bool:
        """Whether the request names who asks, rightly or not."""
        return "authorization" in self.request.headers

    @property
    def origin(self) -> str:
        """The remote address; empty if there is none."""
        client = self.request.client
        return client.host if client is not None else ""

    @property
    def subject(self) -> access.Subject:
        if self._subject is None:
            raise Refused("unauthenticated", "A token is missing.")
        return self._subject

    # -- what ----------------------------------------------------------------------------------------------------------

    def path(self, name: str) -> str:
        """A part of the path, as text."""
        return str(self.request.path_params[name])

    def key(self, name: str) -> int:
        """A part of the path that is one of the hub's small numbers; raises Refused (not_found)."""
        text = self.path(name)
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise Refused("not_found", f"There is no {name} {text[:40]!r}.")
        return int(text)

    def invocation(self) -> bytes:
        """The id of an invocation in the path; raises Refused (not_found)."""
        try:
            return identifiers.from_text(self.path("id"))
        except identifiers.MalformedId as error:
            raise Refused("not_found", f"{error}.") from None

    def query(self, kind: type[Asked]) -> Asked:
        """The query parameters; raises Refused (invalid_request)."""
        values: dict[str, str] = {}
        for name, value in self.request.query_params.multi_items():
            if name in values:
                raise Refused("invalid_request", f"The query parameter {name[:40]!r} is given twice.")
            values[name] = value
        for name in {"since", "until"} & values.keys():  # a plus sign of a zone that was not escaped
            values[name] = values[name].replace(" ", "+")
        try:
            return msgspec.convert(values, kind, strict=False)
        except msgspec.ValidationError as error:
            raise Refused("invalid_request", f"The query is wrong: {error}.") from None

    @property
    def is_msgpack(self) -> bool:
        """Whether the body is msgpack; raises Refused if it is neither that nor JSON."""
        kind = self.request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
        if kind in _MSGPACK_NAMES:
            return True
        if kind in (JSON, ""):
            return False
        raise Refused("invalid_request", f"The body is {kind[:60]!r}; it takes {JSON} or {MSGPACK}.")

    async def body(self) -> bytes:
        """The whole body, within the limit, which is small for strangers; raises Refused (too_large)."""
        limit_bytes = self.options.body_limit_bytes
        if self._subject is None:
            limit_bytes = min(limit_bytes, _STRANGERS_LIMIT_BYTES)
        return b"".join([chunk async for chunk in self.chunks(limit_bytes)])

    @contextlib.asynccontextmanager
    async def filling(self, limit_bytes: int) -> AsyncIterator[Fill]:
        """The body, for whoever has buffers for it; raises Refused (too_large)."""
        line, declared_bytes = line_of(self.request.scope), self._declared_bytes
        if line is None or declared_bytes is None or declared_bytes > limit_bytes:
            yield poured(self.chunks(limit_bytes))
            return
        try:
            async with line.body(self.request.receive, declared_bytes) as body:
                yield body.fill
        except ClientDisconnect:
            raise _cut_off() from None

    @property
    def _declared_bytes(self) -> int | None:
        """How long the body is said to be; None if it comes in chunks, or the header is one that no client sends."""
        declared = self.request.headers.get("content-length", "")
        if "transfer-encoding" in self.request.headers or len(declared) > _DIGITS or not declared.isdecimal():
            return None
        return int(declared)

    async def chunks(self, limit_bytes: int) -> AsyncIterator[bytes]:
        """The body as it comes; raises Refused (too_large).

        A little more than allowed is read and thrown away: who is still sending would not hear the answer.
        """
        too_large = Refused("too_large", f"The body is over {limit_bytes} bytes.", "Send large values as blobs.")
        patience = limit_bytes + _SWALLOWED_BYTES
        declared_bytes = self._declared_bytes or 0
        over = declared_bytes > limit_bytes
        if declared_bytes > patience:
            raise too_large
        taken = 0
        try:
            async for chunk in in_time(self.request.stream()):
                taken += len(chunk)
                over = over or taken > limit_bytes
                if taken > patience:
                    raise too_large
                if not over:
                    yield chunk
        except ClientDisconnect:
            raise _cut_off() from None
        if over:
            raise too_large

    async def asked(self, kind: type[Asked]) -> Asked:
        """The decoded body; raises Refused (invalid_request, too_large)."""
        is_msgpack = self.is_msgpack
        data = await self.body()
        try:
            if is_msgpack:
                return msgspec.msgpack.decode(data, type=kind)
            return msgspec.json.decode(data or b"{}", type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused("invalid_request", f"The body is wrong: {error}.") from None

    # -- answer --------------------------------------------------------------------------------------------------------

    @property
    def wants_msgpack(self) -> bool:
        accept = self.request.headers.get("accept", "")
        return "msgpack" in accept and any(
            part.partition(";")[0].strip() in _MSGPACK_NAMES for part in accept.split(",")
        )

    def respond(self, reply: Reply) -> Response:
        """Encode as asked for. A value of None is an answer without a body."""
        headers = dict(reply.headers)
        if reply.value is None:
            return Response(None, reply.status, headers)
        if self.wants_msgpack:
            return Response(_encode_msgpack(reply.value), reply.status, headers, MSGPACK)
        return Response(_encode_json(reply.value), reply.status, headers, JSON)


def _cut_off() -> Refused:
    return Refused("invalid_request", "The connection broke, or was silent for long, before the body was complete.")


def moment(seconds: float) -> datetime:
    """Wall-clock seconds as a time with a zone."""
    return datetime.fromtimestamp(seconds, UTC)


def moment_or_none(seconds: float | None) -> datetime | None:
    return None if seconds is None else moment(seconds)


def seconds_of(when: datetime | None) -> float | None:
    """A time as wall-clock seconds; without a zone it means UTC."""
    if when is None:
        return None
    return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()
