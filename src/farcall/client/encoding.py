"""From a call's arguments to the bytes that travel, checked before anything leaves; and from bytes to the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from farcall import payload
from farcall.client.blobs import Blobs, Noting, Sending
from farcall.client.errors import FarcallError, from_failure
from farcall.domain.binding import BindingError, bind
from farcall.domain.errors import Failure
from farcall.domain.interface import Interface
from farcall.domain.result_types import python_type
from farcall.domain.units import converted
from farcall.domain.validation import Problem
from farcall.payload import MalformedPayload, Unencodable, WrongType

_SMALLER_LEAVES_BYTES = (payload.BLOB_THRESHOLD_BYTES, 16 * 1024, 1024)


class MustUpload(Exception):
    """The arguments hold large values, and uploading was not allowed here."""


def arguments_bytes(
    interface: Interface,
    name: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    blobs: Blobs,
    inline_limit_bytes: int,
    *,
    may_upload: bool = True,
) -> bytes:
    """The payload of the bound arguments; large values were uploaded when it returns.

    Raises InvalidArguments, naming the place, before anything was sent; MustUpload; and what the upload raises.
    """
    try:
        bound = bind(interface, args, kwargs, name.rpartition("/")[2])
    except BindingError as error:
        raise invalid(name, str(error), [("", str(error))]) from None
    try:
        checked = _checked(interface, name, bound, inline_limit_bytes)
    except FarcallError as error:
        # Plain numbers never come here, so they cost nothing: only what does not fit may be text or quantities.
        if not interface.converters or error.code != "invalid_arguments":
            raise
        checked = None
    if checked is None:  # out of the handler: what is wrong once converted is told alone, not on top of what was before
        bound = _converted(interface, name, bound)
        checked = _checked(interface, name, bound, inline_limit_bytes)
    data, noting, threshold = checked
    if noting.digests and not all(map(blobs.known, noting.digests)):
        if not may_upload:
            raise MustUpload
        sending = Sending(blobs, noting.digests)
        data = payload.encode(bound, where="args", blobs=sending, blob_threshold_bytes=threshold)
    return data


def _checked(
    interface: Interface, name: str, bound: dict[str, Any], inline_limit_bytes: int
) -> tuple[bytes, Noting, int]:
    """Encoded, within the limit, and found valid."""
    try:
        data, noting, threshold = _encoded(bound, inline_limit_bytes)
    except Unencodable as error:
        raise invalid(name, str(error), [(error.place, f"{error.type_name}: {error.reason}")]) from None
    if data is None:
        message = f"even without its large values the call takes more than {inline_limit_bytes} bytes"
        raise from_failure(Failure("too_large", f"{name}: {message}.", "Send many small values as an array."), name)
    problems = interface.validate(payload.plain(data))
    if problems:
        raise _unfit(name, problems)
    return data, noting, threshold


def _converted(interface: Interface, name: str, bound: dict[str, Any]) -> dict[str, Any]:
    """The arguments in the units that the interface declares."""
    arguments, problems = converted(interface, bound)
    if problems:
        raise _unfit(name, problems)
    return arguments


def _unfit(name: str, problems: list[Problem]) -> FarcallError:
    pairs = [(problem.path, problem.message) for problem in problems]
    more = f" (and {len(pairs) - 1} more)" if len(pairs) > 1 else ""
    return invalid(name, f"{problems[0]}{more}", pairs)


def _encoded(bound: dict[str, Any], limit_bytes: int) -> tuple[bytes | None, Noting, int]:
    """Encoded so that it fits: what is still too large as a whole has smaller parts taken out."""
    for threshold in _SMALLER_LEAVES_BYTES:
        noting = Noting()
        data = payload.encode(bound, where="args", blobs=noting, blob_threshold_bytes=threshold)
        if len(data) <= limit_bytes:
            return data, noting, threshold
    return None, Noting(), 0


def invalid(name: str, message: str, problems: list[tuple[str, str]]) -> FarcallError:
    """InvalidArguments, with what to do."""
    failure = Failure("invalid_arguments", f"{name}: {message}", f"See farcall show {name}.", problems=problems)
    return from_failure(failure, name)


class ResultReader:
    """Turns payloads into values of the types that the interface names."""

    def __init__(self, interface: Interface | None, blobs: Blobs) -> None:
        kind = python_type(interface.result) if interface is not None else Any
        self._type = None if kind is Any else kind
        self._blobs = blobs

    def __call__(self, data: bytes) -> Any:
        """The value; raises MalformedPayload, and FarcallError if a part cannot be fetched."""
        try:
            return payload.decode(data, type=self._type, blobs=self._blobs, where="result")
        except WrongType:  # not what the interface says, but sound
            return payload.decode(data, blobs=self._blobs, where="result")


def has_blobs(data: bytes | None) -> bool:
    """Whether a payload has parts to be fetched; False if it is malformed."""
    try:
        return bool(data and payload.blob_digests(data))
    except MalformedPayload:
        return False


def plain_value(data: bytes) -> Any:
    """A small value without a declared type."""
    return payload.decode(data)
